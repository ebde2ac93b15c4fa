// How often each table has turned out to be changed, or was called into doubt, in memory that all threads of the process
// share. A description belongs to the version that was read before it was asked for; once the version has moved it
// is used no more, by nobody, and no message has to arrive first (docs/decisions/0010).

import { nameOf } from "./known-table.ts";

/** A power of two. Two tables in one slot cost each other a description when one of them changes, nothing else. */
const slots = 4096;

export class TableVersions {
  /** To be given to this process' other threads. */
  readonly shared: SharedArrayBuffer;
  readonly #versions: Int32Array;

  /** @param shared another thread's versions, to share them */
  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(slots * Int32Array.BYTES_PER_ELEMENT)) {
    this.shared = shared;
    this.#versions = new Int32Array(shared);
  }

  /** @param reference TableName or ARN; namesakes share a slot */
  slotOf(reference: string): number {
    const name = nameOf(reference);
    let hash = 0x811c9dc5;
    for (let i = 0; i < name.length; i += 1) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    return (hash ^ (hash >>> 16)) & (slots - 1);
  }

  at(slot: number): number {
    return Atomics.load(this.#versions, slot);
  }

  /**
   * Whoever has described a table of this slot has to do so again.
   * @returns the new version; what it was before is `before` unless somebody else raised it, too
   */
  raise(slot: number): { readonly before: number; readonly after: number } {
    const before = Atomics.add(this.#versions, slot, 1);
    return { before, after: (before + 1) | 0 };
  }
}
