/**
 * What waits for an answer on one connection, each until a moment of its own. One timer for all: one for each would be
 * made and cleared with every look-up, and hardly ever fire.
 */

import type { Batch } from "./batch.ts";

export class Waiting {
  /** As many as there are requests. */
  readonly #batches = new Set<Batch>();
  readonly #onLate: (batch: Batch) => void;
  #timer: NodeJS.Timeout | undefined;
  #firesAtMs = Number.POSITIVE_INFINITY;

  /** @param onLate called for each that has waited too long; it no longer waits */
  constructor(onLate: (batch: Batch) => void) {
    this.#onLate = onLate;
  }

  get isEmpty(): boolean {
    return this.#batches.size === 0;
  }

  add(batch: Batch): void {
    this.#batches.add(batch);
    if (batch.endsAtMs < this.#firesAtMs) this.#fireAt(batch.endsAtMs);
  }

  /** False if it did not wait (any more). */
  remove(batch: Batch): boolean {
    return this.#batches.delete(batch);
  }

  /** Nobody waits any longer; those who did. */
  removeAll(): readonly Batch[] {
    clearTimeout(this.#timer);
    const all = [...this.#batches];
    this.#batches.clear();
    return all;
  }

  #fireAt(timeMs: number): void {
    clearTimeout(this.#timer);
    this.#firesAtMs = timeMs;
    // After a pause of this process timers run before the socket is read: the answer may already be there.
    const fire = () => setImmediate(() => this.#sweep());
    this.#timer = setTimeout(fire, Math.ceil(timeMs - performance.now()));
  }

  #sweep(): void {
    const nowMs = performance.now();
    this.#firesAtMs = Number.POSITIVE_INFINITY;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const batch of this.#batches) {
      if (batch.endsAtMs > nowMs) nextMs = Math.min(nextMs, batch.endsAtMs);
      else if (this.#batches.delete(batch)) this.#onLate(batch);
    }
    if (nextMs < this.#firesAtMs && this.#batches.size > 0) this.#fireAt(nextMs);
  }
}
