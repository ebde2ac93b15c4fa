/**
 * One process' own time: its clock is ahead or behind and drifts, it can be paused (SIGSTOP: what reaches it waits, and the
 * clock goes on) and it can die (nothing reaches it any more, so that none of its promises is ever settled).
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { Sleep } from "../../src/invalidation/pause.ts";
import type { Clock } from "../../src/util/clock.ts";
import type { NodeTime } from "../support/model-store-session.ts";
import type { TimerOwner, VirtualTime } from "./virtual-time.ts";

/** Whose code is running. */
const running = new AsyncLocalStorage<FleetClock>();

/** A timer belongs to the process that sets it. */
export const timerOwner: TimerOwner = (run) => {
  const clock = running.getStore();
  return clock === undefined ? run : () => clock.deliver(run);
};

export class FleetClock implements Clock, NodeTime {
  readonly #time: VirtualTime;
  readonly #offsetMs: number;
  readonly #rate: number;
  #isDead = false;
  #isPaused = false;
  #waiting: (() => void)[] = [];

  /** @param drift by how much it is faster than the world's, as a share */
  constructor(time: VirtualTime, offsetMs: number, drift: number) {
    this.#time = time;
    this.#offsetMs = offsetMs;
    this.#rate = 1 + drift;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  nowMs(): number {
    return this.#time.nowMs() * this.#rate + this.#offsetMs;
  }

  /** The world's time at this moment of the clock. */
  worldMs(localMs: number): number {
    return (localMs - this.#offsetMs) / this.#rate;
  }

  after(delayMs: number, run: () => void): { cancel(): void } {
    let isCancelled = false;
    const event = this.#time.after(delayMs / this.#rate, () =>
      this.deliver(() => {
        if (!isCancelled) run();
      }),
    );
    return {
      cancel: () => {
        isCancelled = true;
        event.run = undefined;
      },
    };
  }

  deliver(run: () => void): void {
    if (this.#isDead) return;
    if (this.#isPaused) this.#waiting.push(run);
    else running.run(this, run);
  }

  sleep: Sleep = (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const end = () => {
        timer.cancel();
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = this.after(ms, end);
      signal.addEventListener("abort", end);
    });

  /** A promise of the world's, as it reaches this process. */
  hear<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(
        (value) => this.deliver(() => resolve(value)),
        (error: unknown) => this.deliver(() => reject(error)),
      );
    });
  }

  pause(): void {
    this.#isPaused = true;
  }

  /** What has waited happens now, in whatever order. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    for (const run of this.#waiting.splice(0)) this.#time.after(0, () => this.deliver(run));
  }

  die(): void {
    this.#isDead = true;
    this.#waiting = [];
  }
}
