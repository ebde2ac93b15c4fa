/** Marks in Redis that this process answers for: to be put back where Redis has lost them. */

import type { Tag } from "./tier.ts";

export interface OpenMark {
  readonly writer: string;
  readonly tags: readonly Tag[];
  /** When it ends, in clock milliseconds. */
  readonly untilMs: number;
}

export class OpenMarks {
  readonly #tagsMax: number;
  readonly #everything: Tag;
  #marks = new Map<string, OpenMark>();
  #tags = 0;

  /** @param tagsMax beyond so many tags all marks become one on everything */
  constructor(tagsMax: number, everything: Tag) {
    this.#tagsMax = tagsMax;
    this.#everything = everything;
  }

  add(writer: string, tags: readonly Tag[], untilMs: number): void {
    this.remove(writer);
    this.#marks.set(writer, { writer, tags, untilMs });
    this.#tags += tags.length;
    if (this.#tags <= this.#tagsMax) return;
    let lastMs = untilMs;
    // Not spread into Math.max: there may be more of them than a call has arguments.
    for (const mark of this.#marks.values()) lastMs = Math.max(lastMs, mark.untilMs);
    this.#marks = new Map([[writer, { writer, tags: [this.#everything], untilMs: lastMs }]]);
    this.#tags = 1;
  }

  remove(writer: string): void {
    this.#tags -= this.#marks.get(writer)?.tags.length ?? 0;
    this.#marks.delete(writer);
  }

  /** Those that have not ended; the others are forgotten. */
  list(nowMs: number): readonly OpenMark[] {
    for (const { writer, untilMs } of [...this.#marks.values()]) if (untilMs <= nowMs) this.remove(writer);
    return [...this.#marks.values()];
  }
}
