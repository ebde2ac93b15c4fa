/** Real threads hammer one VersionClock: no stamp taken before a bump equals one that is taken after it. */

import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { VersionClock } from "../../../src/cache/coherence.ts";
import { systemClock } from "../../../src/util/clock.ts";
import type { ThreadReport, ThreadTask } from "./version-clock-thread.ts";

const entry = fileURLToPath(new URL("./version-clock-thread.ts", import.meta.url));

/** Two threads bump while two take stamps. Gives the reports of those two. */
async function race(slots: number, isShared: boolean): Promise<ThreadReport[]> {
  const counts = new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT);
  const versions = isShared ? new VersionClock({ clock: systemClock, slots }).shared : undefined;
  const threads = (["bump", "bump", "stamp", "stamp"] as const).map((role, index) => {
    const task: ThreadTask = { role, versions, counts, slots, pairs: 5_000, seed: index + slots };
    return { role, worker: new Worker(entry, { workerData: task }) };
  });
  await Promise.all(threads.map(({ worker }) => once(worker, "online")));
  const reports = threads.map(async ({ role, worker }) => {
    const reported = once(worker, "message");
    worker.postMessage("go");
    const [report]: ThreadReport[] = await reported;
    return { role, report };
  });
  const stamped = await Promise.all(reports.slice(2));
  Atomics.store(new Int32Array(counts), 2, 1);
  await Promise.all(reports);
  await Promise.all(threads.map(({ worker }) => worker.terminate()));
  return stamped.flatMap(({ report }) => (report === undefined ? [] : [report]));
}

describe("VersionClock in several threads", () => {
  it.each([1, 2, 1024])(
    "%i slots: a bump is seen by every stamp after it",
    async (slots) => {
      const reports = await race(slots, true);
      for (const { pairs, violations } of reports) {
        expect(violations).toBe(0);
        expect(pairs).toBeGreaterThan(500);
      }
    },
    60_000,
  );

  it("the same check finds threads with versions of their own", async () => {
    const reports = await race(1024, false);
    for (const { pairs, violations } of reports) expect(violations).toBe(pairs);
    expect(reports.some(({ pairs }) => pairs > 0)).toBe(true);
  }, 60_000);
});

describe("the clock in several threads", () => {
  it("is one: a time taken in a thread lies between two that were taken here", async () => {
    const script = `
      const { parentPort } = require("node:worker_threads");
      import(${JSON.stringify(new URL("../../../src/util/clock.ts", import.meta.url).href)}).then(({ systemClock }) => {
        parentPort.on("message", () => parentPort.postMessage(systemClock.nowMs()));
        parentPort.postMessage("ready");
      });`;
    for (let i = 0; i < 3; i += 1) {
      const worker = new Worker(script, { eval: true });
      await once(worker, "message");
      for (let round = 0; round < 200; round += 1) {
        const before = systemClock.nowMs();
        const told = once(worker, "message");
        worker.postMessage("now?");
        const [there] = await told;
        expect(there).toBeGreaterThanOrEqual(before);
        expect(there).toBeLessThanOrEqual(systemClock.nowMs());
      }
      await worker.terminate();
    }
  });
});
