/** Time, injected everywhere so that the simulation can own it. */

export interface Clock {
  /** Monotonic milliseconds, comparable between threads of one process; never goes back. */
  nowMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => performance.timeOrigin + performance.now(),
};
