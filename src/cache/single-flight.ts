/**
 * One upstream read for all who miss the same answer at the same time. A caller joins a flight only if
 * - the stamps are equal: nothing that the answer depends on has changed since the flight's read began
 *   (1 A's read sees the old item · 2 a write is acknowledged · 3 B misses: B must not get what A saw), and
 * - the flight, whose age counts from its start, is young enough to be served as an entry would be.
 * Every waiter keeps its own deadline and abort; the read is abandoned when the last one has left.
 */

import type { Clock } from "../util/clock.ts";
import type { CacheKey } from "./tier.ts";

export interface SingleFlightOptions {
  readonly clock: Clock;
  /** How many callers may wait on one read; the next is refused. */
  readonly waitersMax: number;
}

export type Joined<T> = { readonly value: T; readonly leader: boolean };

interface Flight<T> {
  readonly key: CacheKey;
  readonly stamp: number;
  readonly startedAtMs: number;
  readonly abort: AbortController;
  readonly result: Promise<T>;
  waiters: number;
  landed: boolean;
}

/** Thrown to a caller who finds `waitersMax` others waiting already. */
export class TooManyWaiters extends Error {}
/** Thrown to a waiter whose own deadline passed or whose client left. */
export class WaiterLeft extends Error {
  readonly reason: "deadline" | "aborted";
  constructor(reason: "deadline" | "aborted") {
    super(reason === "deadline" ? "The deadline of the call has passed." : "The client has left.");
    this.reason = reason;
  }
}

export interface Waiter {
  readonly deadlineAtMs: number;
  readonly signal: AbortSignal | undefined;
  /** A flight older than this is not joined. */
  readonly ageMsMax: number;
}

export class SingleFlight<T> {
  readonly #clock: Clock;
  readonly #waitersMax: number;
  readonly #flights = new Map<CacheKey, Flight<T>>();
  #waiting = 0;

  constructor(options: SingleFlightOptions) {
    this.#clock = options.clock;
    this.#waitersMax = options.waitersMax;
  }

  /** How many callers wait now. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Joins the flight of this key and stamp, or starts it with `read`. */
  run(
    key: CacheKey,
    stamp: number,
    waiter: Waiter,
    read: (signal: AbortSignal) => Promise<T>,
  ): Promise<Joined<T>> {
    const current = this.#flights.get(key);
    if (
      current !== undefined &&
      current.stamp === stamp &&
      this.#clock.nowMs() - current.startedAtMs < waiter.ageMsMax
    ) {
      if (current.waiters >= this.#waitersMax)
        return Promise.reject(new TooManyWaiters("Too many callers wait for the same read."));
      return this.#wait(current, waiter, false);
    }
    return this.#wait(this.#start(key, stamp, read), waiter, true);
  }

  #start(key: CacheKey, stamp: number, read: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const abort = new AbortController();
    const startedAtMs = this.#clock.nowMs();
    const result = read(abort.signal);
    const flight: Flight<T> = { key, stamp, startedAtMs, abort, result, waiters: 0, landed: false };
    const land = (): void => {
      flight.landed = true;
      this.#forget(flight);
    };
    // Before any waiter hears of it. Every waiter may have left; a failure is then nobody's.
    result.then(land, land);
    this.#flights.set(key, flight);
    return flight;
  }

  #forget(flight: Flight<T>): void {
    if (this.#flights.get(flight.key) === flight) this.#flights.delete(flight.key);
  }

  /** The flight's value, or WaiterLeft when the waiter's deadline or abort comes first. */
  #wait(flight: Flight<T>, { deadlineAtMs, signal }: Waiter, leader: boolean): Promise<Joined<T>> {
    flight.waiters += 1;
    this.#waiting += 1;
    // One promise and no chain of them: every miss comes through here.
    return new Promise((resolve, reject) => {
      let isWaiting = true;
      /** True for the first that ends the wait. */
      const end = (): boolean => {
        if (!isWaiting) return false;
        isWaiting = false;
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        this.#leave(flight);
        return true;
      };
      const giveUp = (reason: WaiterLeft["reason"]): void => {
        if (end()) reject(new WaiterLeft(reason));
      };
      const onAbort = (): void => giveUp("aborted");
      const timer = setTimeout(giveUp, Math.max(0, deadlineAtMs - this.#clock.nowMs()), "deadline");
      if (signal?.aborted) return onAbort();
      signal?.addEventListener("abort", onAbort, { once: true });
      flight.result.then(
        (value) => {
          if (end()) resolve({ value, leader });
        },
        (failure) => {
          if (end()) reject(failure);
        },
      );
    });
  }

  #leave(flight: Flight<T>): void {
    this.#waiting -= 1;
    flight.waiters -= 1;
    if (flight.waiters > 0 || flight.landed) return;
    this.#forget(flight);
    flight.abort.abort();
  }
}
