// Throttling, outages, records that nobody understands, a sink that fails: nothing is passed over.

import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { RecordChange } from "../../src/invalidation/change-source.ts";
import { keyText, until } from "../support/followed-stream.ts";
import { ScriptedReply } from "../support/scripted-upstream.ts";
import { StreamModel } from "../support/stream-model.ts";
import { streamScenario } from "../support/stream-scenario.ts";

const scenario = streamScenario();

const keys = (...names: string[]): string[] => names.map(keyText);

describe("outages", () => {
  it.each([
    ["ThrottlingException", 400],
    ["LimitExceededException", 400],
    ["ProvisionedThroughputExceededException", 400],
    ["InternalServerError", 500],
    ["ServiceUnavailable", 503],
    ["ExpiredTokenException", 400],
  ])("%s keeps the iterators and goes on afterwards", async (error, status) => {
    const model = new StreamModel();
    const { follower, put, applied, flushes } = scenario.follow(model);
    await follower.start();
    put("a");
    scenario.server.fault({ operation: "GetRecords", error, status, times: 12 });
    await until(
      () => applied().length === 1,
      () => follower.state(),
    );
    expect(scenario.server.count("GetShardIterator")).toBe(1);
    expect(flushes()).toEqual(["start"]);
    expect(follower.state().throttled).toBe(status === 400 && error !== "ExpiredTokenException" ? 12 : 0);
    expect(follower.state().lastError).toBeUndefined();
  });

  it("every call may fail for a while, at the start as well", async () => {
    const model = new StreamModel({ shards: 5 });
    for (const operation of ["DescribeStream", "GetShardIterator", "GetRecords"] as const) {
      scenario.server.fault({ operation, error: "InternalServerError", status: 500, times: 3 });
      scenario.server.fault({ operation, error: "LimitExceededException", times: 3 });
      scenario.server.fault({ operation, reply: new ScriptedReply(200, "<html>"), times: 2 });
      scenario.server.fault({ operation, reply: new ScriptedReply(200, {}), times: 2 });
    }
    const { follower, put, applied, flushes } = scenario.follow(model);
    await follower.start();
    for (const [n, shard] of model.open().entries()) put(String(n), shard);
    await until(
      () => applied().length === 5,
      () => follower.state(),
    );
    expect(flushes()).toEqual(["start"]);
  });

  it("a reply later than the deadline is asked for again", async () => {
    const model = new StreamModel();
    const { follower, put, applied } = scenario.follow(model, { requestTimeoutMs: 40 });
    await follower.start();
    scenario.server.fault({ operation: "GetRecords", delayMs: 100, times: 2 });
    put("a");
    await until(
      () => applied().length === 1,
      () => follower.state(),
    );
  });

  it("what is in flight when a gap is found is not applied, and moves nothing", async () => {
    const model = new StreamModel({ shards: 2 });
    const { follower, put, diary } = scenario.follow(model);
    await follower.start();
    const [slow, other] = model.open();
    put("a", slow);
    put("b", other);
    await until(
      () => diary.length === 3,
      () => diary,
    );
    const held = Promise.withResolvers<void>();
    let isHeld = false;
    scenario.server.before = async (operation, input) => {
      const token = Buffer.from(String(input.ShardIterator).split("|")[1] ?? "", "base64").toString();
      if (operation !== "GetRecords" || isHeld || !token.includes(slow!.id)) return;
      isHeld = true;
      put("in flight", slow);
      await held.promise;
    };
    await until(() => isHeld, "held");
    const caughtUpAtMs = follower.state().caughtUpAtMs;
    put("trimmed", other);
    model.trim(other!);
    await until(
      () => diary.at(-1)?.kind === "flushed",
      () => diary,
    );
    expect(diary.at(-1)).toMatchObject({ reason: "trimmed data" });
    held.resolve();
    await sleep(30);
    expect(diary.some((entry) => entry.kind === "applied" && entry.key === keyText("in flight"))).toBe(false);
    expect(follower.state().caughtUpAtMs).toBeGreaterThanOrEqual(caughtUpAtMs);
  });

  it("the rest of a page that is being applied when a gap is found is left to the flush", async () => {
    const model = new StreamModel({ shards: 2 });
    const seen: string[] = [];
    const held = Promise.withResolvers<void>();
    const apply = async ({ change }: RecordChange): Promise<void> => {
      seen.push(change.key);
      await held.promise;
    };
    const { follower, put } = scenario.follow(model, {
      sink: { apply, flush: (reason) => void seen.push(reason) },
    });
    await follower.start();
    const [slow, other] = model.open();
    for (const name of ["a", "b", "c"]) put(name, slow);
    await until(
      () => seen.length === 2,
      () => seen,
    );
    model.trim(other!);
    await sleep(100);
    held.resolve();
    await until(
      () => seen.at(-1) === "trimmed data",
      () => seen,
    );
    expect(seen).toEqual(["start", keyText("a"), "trimmed data"]);
  });
});

describe("records and the sink", () => {
  it("a record that cannot be understood flushes, is counted, and is passed", async () => {
    const model = new StreamModel();
    const { follower, put, applied, flushes } = scenario.follow(model);
    await follower.start();
    const shard = model.open()[0]!;
    model.append(shard, "INSERT", { Keys: { other: { S: "x" } } });
    model.append(shard, "RENAME", { Keys: { pk: { S: "x" } } });
    put("good");
    await until(
      () => applied().length === 1,
      () => applied(),
    );
    expect(follower.state()).toMatchObject({ unreadable: 2, records: 1, kind: "following" });
    expect(
      flushes()
        .slice(1)
        .every((reason) => reason === "unreadable record"),
    ).toBe(true);
    expect(flushes().length).toBeGreaterThan(1);
  });

  it("a sink that fails is given the records again, in order, before anything later", async () => {
    const model = new StreamModel();
    const seen: string[] = [];
    let failures = 0;
    const apply = async (change: RecordChange): Promise<void> => {
      await sleep(1);
      if (change.change.key === keyText("b") && failures < 3) {
        failures += 1;
        // The iterator is lost as well: the position must not have moved past the failed record.
        model.expireIterators();
        throw new Error("no memory");
      }
      seen.push(change.change.key);
    };
    const { follower, put } = scenario.follow(model, { sink: { apply, flush: () => undefined } });
    await follower.start();
    for (const name of ["a", "b", "c"]) put(name);
    await until(
      () => seen.includes(keyText("c")),
      () => seen,
    );
    expect(failures).toBe(3);
    expect([...new Set(seen)]).toEqual(keys("a", "b", "c"));
    expect(seen.indexOf(keyText("b"))).toBeLessThan(seen.indexOf(keyText("c")));
  });

  it("a flush that fails is made again before anything is read", async () => {
    const model = new StreamModel();
    let failures = 0;
    const { follower, put, applied, diary } = scenario.follow(model, {
      sink: {
        apply: (change) => void diary.push({ kind: "applied", key: change.change.key, change }),
        flush() {
          failures += 1;
          if (failures < 4) throw new Error("not now");
          expect(scenario.server.count("GetRecords")).toBe(0);
        },
      },
    });
    await follower.start();
    put("a");
    await until(
      () => applied().length === 1,
      () => applied(),
    );
    expect(failures).toBe(4);
  });

  it("stop() ends everything at once, wherever it is", async () => {
    for (const operation of ["DescribeStream", "GetShardIterator", "GetRecords"] as const) {
      const model = new StreamModel({ shards: 3 });
      const { follower, close } = scenario.follow(model, { requestTimeoutMs: 60_000 });
      scenario.server.reset();
      scenario.server.fault({ operation, delayMs: 3_000, times: 100 });
      void follower.start();
      await until(() => scenario.server.count(operation) > 0, operation);
      const before = performance.now();
      await follower.stop();
      expect(performance.now() - before).toBeLessThan(2_000);
      expect(follower.state()).toMatchObject({ kind: "stopped", stopReason: "stopped" });
      await follower.start();
      await sleep(50); // What was sent before may still be on its way to the server.
      const calls = scenario.server.count(operation);
      await sleep(50);
      expect(scenario.server.count(operation)).toBe(calls);
      scenario.server.clearFaults();
      await close();
    }
  });
});
