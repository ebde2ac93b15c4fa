/** What this process keeps in memory once the collector has been by; it has to run with --expose-gc. */

import { setTimeout as sleep } from "node:timers/promises";

/** In bytes, the least of five looks. */
export async function resident(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < 5; look += 1) {
    globalThis.gc?.();
    await sleep(50);
    least = Math.min(least, process.memoryUsage().rss);
  }
  return least;
}
