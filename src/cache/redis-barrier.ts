/**
 * Says to all threads of the process that Redis may not be read now, because it has not taken an invalidation of this
 * process: 1 a worker's write is acknowledged, but its new tokens did not reach Redis · 2 another worker misses in its own
 * memory and finds the old entry in Redis, with tokens that are equal. One flag for each thread, in shared memory.
 *
 * And that all threads mean the same servers: 1 a failover · 2 one worker's connection leads to the new master, another's
 * still to the old one · 3 the first one's write is acknowledged · 4 the second finds the old entry on the old master.
 * The servers that the last contact was made with, by whichever thread, are the process'; a thread that is in contact
 * with others neither reads there nor counts what it told them as told.
 */

import { hashOf } from "./coherence.ts";
import type { Tag } from "./tier.ts";

export class RedisBarrier {
  /** To be given to this process' other threads. */
  readonly shared: SharedArrayBuffer;
  readonly #raised: Int32Array;
  readonly #servers: Int32Array;
  readonly #thread: number;
  /** The servers that were asked about last, and their number: every look-up asks. */
  #asked = { identity: "", number: numberOf("") };

  /** @param threads how many there are; `thread` is this one's number, from 0 */
  constructor(threads: number, thread: number, shared?: SharedArrayBuffer) {
    this.shared = shared ?? new SharedArrayBuffer((threads + 1) * Int32Array.BYTES_PER_ELEMENT);
    this.#raised = new Int32Array(this.shared, Int32Array.BYTES_PER_ELEMENT);
    this.#servers = new Int32Array(this.shared, 0, 1);
    this.#thread = thread;
  }

  get isRaised(): boolean {
    for (let thread = 0; thread < this.#raised.length; thread += 1) {
      if (Atomics.load(this.#raised, thread) !== 0) return true;
    }
    return false;
  }

  /** Contact is being made with these servers: from now on they are the process'. Before anything is told them. */
  meet(identity: string): void {
    Atomics.store(this.#servers, 0, numberOf(identity));
  }

  /** Whether these are the servers that the process means. */
  means(identity: string): boolean {
    if (identity !== this.#asked.identity) this.#asked = { identity, number: numberOf(identity) };
    return Atomics.load(this.#servers, 0) === this.#asked.number;
  }

  raise(): void {
    Atomics.store(this.#raised, this.#thread, 1);
  }

  lower(): void {
    Atomics.store(this.#raised, this.#thread, 0);
  }

  /** For a thread that died: only after everything that it may have left to say has been said. */
  lowerFor(thread: number): void {
    Atomics.store(this.#raised, thread, 0);
  }
}

function numberOf(identity: string): number {
  return hashOf(identity as Tag) | 0;
}
