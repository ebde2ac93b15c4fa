/** Time, injected everywhere so that the simulation can own it. */

import { getEnvironmentData, setEnvironmentData } from "node:worker_threads";

export interface Clock {
  /** Monotonic milliseconds, comparable between threads of one process; never goes back. */
  nowMs(): number;
}

/**
 * Where the machine's monotonic clock stood at the start of 1970, in this process' opinion. The first thread decides and
 * every thread that it starts inherits it. performance.timeOrigin would not do: each thread has its own, and those of one
 * process were measured to be 0.4 ms apart, while times in the shared versions are compared by all.
 */
const originName = "dynatier: origin of the clock";
const inherited = getEnvironmentData(originName);
const originMs = typeof inherited === "number" ? inherited : Date.now() - monotonicMs();
setEnvironmentData(originName, originMs);

export const systemClock: Clock = {
  nowMs: () => originMs + monotonicMs(),
};

/** One clock for all threads. */
function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
