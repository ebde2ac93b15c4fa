// A bounded number of slots with a bounded queue in front: first come, first served, each with its own
// deadline.

import { UpstreamFailure } from "./upstream.ts";

export interface SlotsOptions {
  /** How many may be taken at a time. */
  readonly slotsMax: number;
  /** How many callers may wait; the next one is refused. */
  readonly queuedMax: number;
  /** Names what is waited for, in messages. */
  readonly name: string;
}

interface Waiter {
  readonly admit: () => void;
  readonly refuse: (failure: UpstreamFailure) => void;
}

export class Slots {
  readonly #options: SlotsOptions;
  /** In order of arrival (a Set keeps it), and any of them may leave. */
  readonly #waiters = new Set<Waiter>();
  #taken = 0;

  constructor(options: SlotsOptions) {
    this.#options = options;
  }

  get taken(): number {
    return this.#taken;
  }

  get queued(): number {
    return this.#waiters.size;
  }

  /**
   * Takes a slot: returns undefined if one was free, else a promise of one. Fails with an UpstreamFailure
   * whose outcome is "none": "overload" if the queue is full (thrown), "timeout" after waitMs, "aborted" by
   * the signal.
   */
  take(waitMs: number, signal?: AbortSignal): Promise<void> | undefined {
    if (this.#taken < this.#options.slotsMax) {
      this.#taken += 1;
      return undefined;
    }
    if (this.#waiters.size >= this.#options.queuedMax) {
      throw new UpstreamFailure("overload", "none", `Too many calls wait for ${this.#options.name}.`);
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiters.delete(waiter);
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
      };
      const waiter: Waiter = {
        admit() {
          leave();
          resolve();
        },
        refuse(failure) {
          leave();
          reject(failure);
        },
      };
      const late = `no free socket to ${this.#options.name} before the deadline`;
      const timer = setTimeout(() => waiter.refuse(new UpstreamFailure("timeout", "none", late)), waitMs);
      const onAbort = (): void => waiter.refuse(new UpstreamFailure("aborted", "none", "the caller left"));
      signal?.addEventListener("abort", onAbort);
      this.#waiters.add(waiter);
    });
  }

  /** Gives a slot back; the longest waiting caller gets it. */
  release(): void {
    const [next] = this.#waiters;
    if (next === undefined) this.#taken -= 1;
    else next.admit();
  }

  /** Sends everybody in the queue away. */
  refuseAll(failure: UpstreamFailure): void {
    for (const waiter of [...this.#waiters]) waiter.refuse(failure);
  }
}
