/** The pool with workers that crash, hang or say nothing: what is done first, and that nothing waits for ever. */

import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { settingsWith } from "../../../src/config/settings.ts";
import { Counters } from "../../../src/metrics/counters.ts";
import { systemClock } from "../../../src/util/clock.ts";
import { createLogger } from "../../../src/util/log.ts";
import { WorkerPool } from "../../../src/workers/worker-pool.ts";
import { until } from "../../support/bench.ts";

let pool: WorkerPool | undefined;

afterEach(async () => {
  await pool?.stop();
  pool = undefined;
});

/** A pool of one worker. `events` has what happened, in order. */
function start(way: string, then = "answers"): { pool: WorkerPool; events: string[] } {
  const events: string[] = [];
  let lives = 0;
  const made = new WorkerPool({
    workers: 1,
    entry: new URL("./odd-worker.ts", import.meta.url),
    boot: () => {
      lives += 1;
      events.push(`start ${lives}`);
      const memory = { versions: new SharedArrayBuffer(8), tableVersions: new SharedArrayBuffer(8) };
      return {
        settings: settingsWith(),
        upstreamUrl: lives === 1 ? way : then,
        ...memory,
        signs: [],
        keys: undefined,
        far: undefined,
      };
    },
    onDeath: async (worker) => {
      await sleep(300);
      events.push(`worker ${worker} is dead and all is told`);
    },
    describe: async () => ({ kind: "failed" }),
    refresh: () => {},
    tablesMax: 3,
    drainMs: 100,
    clock: systemClock,
    log: createLogger("silent"),
  });
  pool = made;
  return { pool: made, events };
}

const isBack = (made: WorkerPool) =>
  until(
    () => made.report()[0],
    (one) => one?.state === "serving" && one.restarts === 1,
  );

describe("WorkerPool", () => {
  it.each(["throws", "rejects", "exits"])("one that %s is told of before it is replaced", async (way) => {
    const { pool: made, events } = start(way);
    await made.start("127.0.0.1", 0);
    await made.gather();
    await isBack(made);
    expect(events).toEqual(["start 1", "worker 1 is dead and all is told", "start 2"]);
    await made.gather();
    expect(made.total(new Counters(3)).namedTables()).toEqual(["t"]);
  });

  it.each(["says nothing", "hangs"])("one that %s is waited for within a bound, and counted", async (way) => {
    const { pool: made, events } = start(way);
    await made.start("127.0.0.1", 0);
    const begunAtMs = performance.now();
    await Promise.all([made.gather(), made.gather()]);
    expect(made.gaugeSources({}).workerFiguresLate?.()).toBe(1);
    await made.stop();
    expect(performance.now() - begunAtMs).toBeLessThan(10_000);
    // It had to be ended: whatever it was doing has an outcome that nobody knows.
    expect(events).toEqual(["start 1", "worker 1 is dead and all is told"]);
    expect(made.report()).toMatchObject([{ state: "stopped" }]);
  });

  it.each([
    ["cannot listen", { code: "EADDRINUSE", syscall: "listen", port: 1 }],
    ["cannot be loaded", { message: "no such module" }],
  ])("one that %s fails the start, and is not tried again", async (way, error) => {
    const { pool: made, events } = start(way);
    await expect(made.start("127.0.0.1", 0)).rejects.toMatchObject(error);
    await sleep(400);
    expect(events).toEqual(["start 1"]);
    expect(made.serving).toBe(0);
  });

  it("a replacement that cannot start is tried again", async () => {
    const { pool: made, events } = start("exits", "cannot listen");
    await made.start("127.0.0.1", 0);
    await made.gather();
    await until(
      () => events.length,
      (count) => count >= 5,
    );
    expect(events.slice(0, 4)).toEqual(["start 1", "worker 1 is dead and all is told", "start 2", "start 3"]);
  });
});
