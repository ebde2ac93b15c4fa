/**
 * Invalidations that Redis has not acknowledged. While there are any, this process does not read Redis (redis-barrier.ts);
 * they are sent again, tokens and message, before it does. Sending one twice costs misses, nothing else.
 */

import type { Tag } from "./tier.ts";

export interface UnacknowledgedOptions {
  /** Beyond so many tags all are replaced by one that stands for everything. */
  readonly tagsMax: number;
  readonly everything: Tag;
  readonly onChange: (isEmpty: boolean) => void;
}

export class Unacknowledged {
  readonly #options: UnacknowledgedOptions;
  /** Until when each may still be changing, in clock milliseconds; 0 = its change is over. */
  #untilMs = new Map<Tag, number>();
  overflows = 0;

  constructor(options: UnacknowledgedOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#untilMs.size;
  }

  add(tags: readonly Tag[], untilMs: number): void {
    const { tagsMax, everything, onChange } = this.#options;
    for (const tag of tags) this.#put(tag, untilMs);
    if (this.#untilMs.size > tagsMax) {
      let lastMs = 0;
      // Not spread into Math.max: there may be more of them than a call has arguments.
      for (const untilMs of this.#untilMs.values()) lastMs = Math.max(lastMs, untilMs);
      this.#untilMs = new Map([[everything, lastMs]]);
      this.overflows += 1;
    }
    if (this.#untilMs.size > 0) onChange(false);
  }

  /** Takes out up to so many with the same end; they have to be put back if they are not acknowledged. */
  take(countMax: number): { readonly tags: readonly Tag[]; readonly untilMs: number } | undefined {
    const [first] = this.#untilMs;
    if (first === undefined) return undefined;
    const [, untilMs] = first;
    const tags: Tag[] = [];
    for (const [tag, end] of this.#untilMs) {
      if (end === untilMs && tags.length < countMax) tags.push(tag);
    }
    for (const tag of tags) this.#untilMs.delete(tag);
    return { tags, untilMs };
  }

  /** What was taken out has been acknowledged: if nothing is left, all may read again. */
  settle(): void {
    if (this.#untilMs.size === 0) this.#options.onChange(true);
  }

  #put(tag: Tag, untilMs: number): void {
    this.#untilMs.set(tag, Math.max(untilMs, this.#untilMs.get(tag) ?? 0));
  }
}
