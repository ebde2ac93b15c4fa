/**
 * The real proxy, which also tells of its memory and its collector: `figures {…}` on standard output after each SIGUSR2, with the
 * pauses since the last one.
 */

import { PerformanceObserver } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

export interface ProxyFigures {
  /** Resident after a collection. */
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly gcMsMax: number;
  readonly gcMsSum: number;
}

let [gcMsMax, gcMsSum] = [0, 0];
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) {
    gcMsMax = Math.max(gcMsMax, duration);
    gcMsSum += duration;
  }
}).observe({ entryTypes: ["gc"] });

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

process.on("SIGUSR2", async () => {
  const pauses = { gcMsMax, gcMsSum };
  let residentBytes = Number.POSITIVE_INFINITY;
  for (let look = 0; look < 5; look += 1) {
    collect();
    await sleep(50);
    residentBytes = Math.min(residentBytes, process.memoryUsage().rss);
  }
  const figures: ProxyFigures = { residentBytes, heapBytes: process.memoryUsage().heapUsed, ...pauses };
  [gcMsMax, gcMsSum] = [0, 0];
  process.stdout.write(`figures ${JSON.stringify(figures)}\n`);
});

await import("../src/main.ts");
