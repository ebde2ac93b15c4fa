// How often a stream is read, what caughtUpAtMs and the estimate say, and that many shards cost little.

import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { recordsInTurnMax } from "../../src/invalidation/shard-reader.ts";
import { systemClock } from "../../src/util/clock.ts";
import { keyText, until } from "../support/followed-stream.ts";
import { StreamModel } from "../support/stream-model.ts";
import { streamScenario } from "../support/stream-scenario.ts";

const scenario = streamScenario();
const usual = { pollMs: 100, idlePollMs: 400 };

/** The times between GetRecords calls, as the server sees them come. */
function intervals(): { readonly all: () => number[] } {
  const times: number[] = [];
  scenario.server.before = (operation) => {
    if (operation === "GetRecords") times.push(performance.now());
  };
  return { all: () => times.slice(1).map((time, n) => time - times[n]!) };
}

/** None much too early, nor later than a busy machine explains. */
function expectNear(found: readonly number[], wanted: readonly number[]): void {
  const near = found.map((ms, n) => ms > wanted[n]! * 0.8 && ms < wanted[n]! + 200);
  expect(near, found.map(Math.round).join(", ")).toEqual(wanted.map(() => true));
}

describe("the pace", () => {
  it("slows down while nothing comes and is quick again after a record", async () => {
    const model = new StreamModel();
    const waits = intervals();
    const { follower, put, applied } = scenario.follow(model, usual);
    await follower.start();
    await until(() => waits.all().length >= 5, waits.all);
    expectNear(waits.all().slice(0, 5), [100, 200, 400, 400, 400]);
    put("a");
    await until(() => applied().length === 1, applied);
    const from = waits.all().length;
    await until(() => waits.all().length >= from + 3, waits.all);
    expectNear(waits.all().slice(from, from + 3), [100, 100, 200]);
  });

  it("reads on at once while pages are full, and while records are old", async () => {
    const model = new StreamModel();
    const waits = intervals();
    const { follower, put, applied } = scenario.follow(model, { pollMs: 500 });
    await follower.start();
    for (let n = 0; n < 4_500; n++) put(`n${n}`);
    await until(() => applied().length > 0, "full pages");
    const from = waits.all().length;
    await until(
      () => applied().length === 4_500,
      () => applied().length,
    );
    expect(Math.max(...waits.all().slice(from))).toBeLessThan(250);
    model.olderByMs = 10_000;
    model.pageRecordsMax = 10;
    for (let n = 0; n < 100; n++) put(`old${n}`);
    await until(() => applied().length > 4_500, "old records");
    const again = waits.all().length;
    const pagesLeft = Math.floor((4_600 - applied().length) / 10);
    await until(
      () => applied().length === 4_600,
      () => applied().length,
    );
    expect(Math.max(...waits.all().slice(again))).toBeLessThan(250);
    expect(waits.all().length - again).toBeGreaterThanOrEqual(pagesLeft - 1);
  });

  it("leaves room for requests while a full page is applied", async () => {
    const model = new StreamModel();
    let [applied, inTurn, inTurnMost] = [0, 0, 0];
    const apply = (): void => {
      if (inTurn === 0)
        setImmediate(() => {
          inTurnMost = Math.max(inTurnMost, inTurn);
          inTurn = 0;
        });
      inTurn += 1;
      applied += 1;
    };
    const { follower, put } = scenario.follow(model, { ...usual, sink: { apply, flush: () => {} } });
    await follower.start();
    for (let n = 0; n < 1_000; n++) put(`n${n}`);
    await until(
      () => applied === 1_000,
      () => applied,
    );
    await sleep(1);
    expect(inTurnMost).toBe(recordsInTurnMax);
  });

  it("applies nothing more of a page during which it was stopped", async () => {
    const model = new StreamModel();
    let applied = 0;
    let stopped: Promise<void> | undefined;
    const apply = (): void => {
      applied += 1;
      if (applied === recordsInTurnMax) stopped = follower.stop();
    };
    const { follower, put } = scenario.follow(model, { ...usual, sink: { apply, flush: () => {} } });
    await follower.start();
    for (let n = 0; n < 1_000; n++) put(`n${n}`);
    await until(
      () => stopped !== undefined,
      () => applied,
    );
    await stopped;
    await sleep(20);
    expect(applied).toBe(recordsInTurnMax);
  });

  it("is set by throttling answers for a while", async () => {
    const model = new StreamModel();
    model.olderByMs = 10_000;
    model.pageRecordsMax = 1;
    const waits = intervals();
    const { follower, put, applied } = scenario.follow(model, usual);
    await follower.start();
    scenario.server.fault({ operation: "GetRecords", error: "LimitExceededException", times: 4 });
    for (let n = 0; n < 8; n++) put(`n${n}`);
    await until(() => applied().length > 0, applied);
    const from = waits.all().length;
    await until(() => applied().length === 8, applied);
    // Old records would be read at once, were it not for the throttling.
    expect(Math.min(...waits.all().slice(from))).toBeGreaterThan(100);
  });
});

describe("caughtUpAtMs", () => {
  it("is when the last empty page was asked for, not when it came", async () => {
    const model = new StreamModel();
    const { follower } = scenario.follow(model, { pollMs: 1_000 });
    await follower.start();
    scenario.server.fault({ operation: "GetRecords", delayMs: 300 });
    await until(() => scenario.server.count("GetRecords") === 1, "asked");
    const askedAtMs = systemClock.nowMs();
    await sleep(350);
    expect(follower.state().caughtUpAtMs).toBeLessThanOrEqual(askedAtMs);
    expect(follower.state().lagMs).toBeGreaterThan(250);
  });

  it("is the newest record's second after a page with records, but never later than the request", async () => {
    const aheadMs = 7_000_000;
    for (const olderByMs of [0, -20_000]) {
      const model = new StreamModel();
      const { follower, put, applied } = scenario.follow(model, {
        pollMs: 2_300,
        clock: { nowMs: () => systemClock.nowMs() + aheadMs },
      });
      await follower.start();
      const startedAtMs = systemClock.nowMs();
      await sleep(2_100);
      model.olderByMs = olderByMs;
      put("a");
      const secondAtMs = Math.floor(Date.now() / 1_000) * 1_000;
      await until(() => applied().length === 1, applied);
      await sleep(20);
      const caughtUpAtMs = follower.state().caughtUpAtMs - aheadMs;
      if (olderByMs === 0) expect(Math.abs(caughtUpAtMs - secondAtMs)).toBeLessThan(100);
      else expect(Math.abs(caughtUpAtMs - (startedAtMs + 2_300))).toBeLessThan(150);
    }
  });

  it("waits for the slowest shard, and for the children of one that has ended", async () => {
    const model = new StreamModel({ shards: 2 });
    const { follower, put, applied } = scenario.follow(model, { childTriesMax: 1_000 });
    await follower.start();
    const [first, second] = model.open();
    const [child] = model.split(first!, 1);
    child!.isListed = false;
    const closedAtMs = systemClock.nowMs();
    put("child", child);
    put("other", second);
    await until(
      () => applied().includes(keyText("other")),
      () => applied(),
    );
    await sleep(50);
    expect(follower.state().caughtUpAtMs).toBeLessThanOrEqual(closedAtMs);
    child!.isListed = true;
    await until(
      () => follower.state().caughtUpAtMs > closedAtMs + 50,
      () => follower.state(),
    );
    expect(applied()).toContain(keyText("child"));
  });

  it("of a child that was found but not yet read is its parent's", async () => {
    const model = new StreamModel();
    const { follower, put, applied } = scenario.follow(model);
    await follower.start();
    const held = Promise.withResolvers<void>();
    scenario.server.before = (operation, { ShardIteratorType }) =>
      operation === "GetShardIterator" && ShardIteratorType === "TRIM_HORIZON" ? held.promise : undefined;
    const [child] = model.split(model.open()[0]!, 1);
    const closedAtMs = systemClock.nowMs();
    put("child", child);
    await until(() => scenario.server.count("GetShardIterator") === 2, "the child is found");
    await sleep(50);
    expect(follower.state().caughtUpAtMs).toBeLessThanOrEqual(closedAtMs);
    held.resolve();
    await until(
      () => follower.state().caughtUpAtMs > closedAtMs + 50,
      () => follower.state(),
    );
    expect(applied()).toEqual([keyText("child")]);
  });

  it("never goes back, not even across a gap", async () => {
    const model = new StreamModel({ shards: 3 });
    const { follower, put } = scenario.follow(model);
    await follower.start();
    let [last, wentBack] = [Number.NEGATIVE_INFINITY, 0];
    for (let n = 0; n < 60; n++) {
      if (n % 20 === 10) model.expireIterators();
      if (n % 15 === 5) model.split(model.open()[0]!);
      put(`n${n}`);
      await sleep(3);
      const { caughtUpAtMs } = follower.state();
      if (caughtUpAtMs < last) wentBack += 1;
      last = caughtUpAtMs;
    }
    expect(wentBack).toBe(0);
  });
});

it("tells what a month of this costs in calls", async () => {
  const model = new StreamModel({ shards: 2 });
  const { follower } = scenario.follow(model, { pollMs: 50, idlePollMs: 50 });
  await follower.start();
  await sleep(1_500);
  const { polls, pollsPerMonth } = follower.state();
  const seconds = 30 * 24 * 3_600;
  expect(pollsPerMonth / seconds).toBeGreaterThan(15);
  expect(pollsPerMonth / seconds).toBeLessThanOrEqual(41);
  expect(polls).toBe(scenario.server.count("GetRecords"));
});

describe("ten thousand shards", () => {
  const heapUsed = (): number => {
    setFlagsFromString("--expose-gc");
    runInNewContext("gc")();
    return process.memoryUsage().heapUsed / 2 ** 20;
  };

  it("are followed by sixteen pollers, roll over, and cost little memory", { timeout: 120_000 }, async () => {
    const model = new StreamModel({ shards: 10_000 });
    const before = heapUsed();
    const followed = scenario.follow(model, { pollMs: 250, idlePollMs: 1_000, requestTimeoutMs: 30_000 });
    const { follower, put, applied, flushes } = followed;
    await follower.start();
    expect(follower.state()).toMatchObject({ kind: "following", shardsOpen: 10_000 });
    scenario.server.reset();
    const shards = model.open();
    for (const n of [0, 4_999, 9_999]) put(`s${n}`, shards[n]);
    for (const n of [1, 5_000, 9_998]) for (const child of model.split(shards[n]!)) put(child.id, child);
    await until(
      () => applied().length === 9,
      () => applied(),
      60_000,
    );
    await until(
      () => follower.state().shardsOpen === 10_003,
      () => follower.state(),
      60_000,
    );
    const { lagMs } = follower.state();
    scenario.server.reset();
    expect(heapUsed() - before).toBeLessThan(40);
    expect(followed.pollersMax).toBe(16);
    expect(scenario.server.inFlightMax).toBeLessThanOrEqual(16);
    expect(flushes()).toEqual(["start"]);
    expect(lagMs).toBeLessThan(30_000);
  });

  it("beyond shardsMax the follower stops, and says so", async () => {
    const model = new StreamModel({ shards: 20 });
    const { follower, flushes } = scenario.follow(model, { shardsMax: 21 });
    await follower.start();
    expect(follower.state().kind).toBe("following");
    for (const shard of model.open().slice(0, 5)) model.split(shard);
    await until(
      () => follower.state().kind === "stopped",
      () => follower.state(),
    );
    expect(follower.state().stopReason).toBe("too many shards");
    expect(flushes()).toEqual(["start", "too many shards"]);
  });
});
