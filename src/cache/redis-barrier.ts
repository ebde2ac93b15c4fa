/**
 * Says to all threads of the process that Redis may not be read now, because it has not taken an invalidation of this
 * process: 1 a worker's write is acknowledged, but its new tokens did not reach Redis · 2 another worker misses in its own
 * memory and finds the old entry in Redis, with tokens that are equal. One counter for each thread, in shared memory.
 */

export class RedisBarrier {
  /** To be given to this process' other threads. */
  readonly shared: SharedArrayBuffer;
  readonly #raised: Int32Array;
  readonly #thread: number;

  /** @param threads how many there are; `thread` is this one's number, from 0 */
  constructor(threads: number, thread: number, shared?: SharedArrayBuffer) {
    this.shared = shared ?? new SharedArrayBuffer(threads * Int32Array.BYTES_PER_ELEMENT);
    this.#raised = new Int32Array(this.shared);
    this.#thread = thread;
  }

  get isRaised(): boolean {
    for (let thread = 0; thread < this.#raised.length; thread += 1) {
      if (Atomics.load(this.#raised, thread) !== 0) return true;
    }
    return false;
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
