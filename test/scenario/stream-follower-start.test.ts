// How following a stream begins: iterators, flush, records, in this order.

import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { keyText, until } from "../support/followed-stream.ts";
import { StreamModel } from "../support/stream-model.ts";
import { streamScenario } from "../support/stream-scenario.ts";

const scenario = streamScenario();

describe("the start", () => {
  it("lists every page, takes LATEST for the open shards, then flushes, then reads", async () => {
    const model = new StreamModel({ shards: 120 });
    for (let n = 0; n < 130; n++) model.split(model.open()[0]!, 1);
    const open = model.open();
    const log: string[] = [];
    scenario.server.before = (operation, input) =>
      void log.push(`${operation} ${String(input.ShardIteratorType ?? "")}`);
    const { follower, diary } = scenario.follow(model, {
      sink: { apply: () => undefined, flush: (reason) => void log.push(`flush ${reason}`) },
    });
    await follower.start();
    await until(
      () => log.includes("GetRecords "),
      () => log,
    );
    const flushedAt = log.indexOf("flush start");
    const before = log.slice(0, flushedAt);
    expect(before.filter((line) => line === "DescribeStream ").length).toBe(3);
    expect(before.filter((line) => line === "GetShardIterator LATEST").length).toBe(open.length);
    expect(before).not.toContain("GetRecords ");
    expect(log.slice(flushedAt)).not.toContain("GetShardIterator LATEST");
    expect(follower.state()).toMatchObject({ kind: "following", shardsOpen: 120, gaps: 0 });
    expect(diary).toEqual([]);
  });

  it("a write between the iterators and the flush is read", async () => {
    const model = new StreamModel();
    let put: (name: string) => void = () => {};
    const all = scenario.follow(model, {
      sink: {
        apply: (change) => void all.diary.push({ kind: "applied", key: change.change.key, change }),
        flush(reason) {
          put(`during ${reason}`);
          all.diary.push({ kind: "flushed", reason });
        },
      },
    });
    put = all.put;
    await all.follower.start();
    await until(
      () => all.applied().includes(keyText("during start")),
      () => all.diary,
    );
  });

  it("nothing can be written between the flush and LATEST: the iterator stands before", async () => {
    const model = new StreamModel();
    const order: string[] = [];
    scenario.server.before = (operation) => void order.push(operation);
    const { follower } = scenario.follow(model, {
      sink: { apply: () => undefined, flush: () => void order.push("flush") },
    });
    await follower.start();
    expect(order.slice(0, 3)).toEqual(["DescribeStream", "GetShardIterator", "flush"]);
  });

  it("waits for a stream that is still being enabled", async () => {
    const model = new StreamModel({ shards: 0 });
    model.status = "ENABLING";
    const { follower, put, applied } = scenario.follow(model);
    const started = follower.start();
    await sleep(30);
    expect(follower.state()).toMatchObject({ kind: "starting", caughtUpAtMs: Number.NEGATIVE_INFINITY });
    model.status = "ENABLED";
    await sleep(10);
    expect(follower.state().kind).toBe("starting");
    model.addShard(undefined);
    await started;
    put("a");
    await until(() => applied().length === 1, applied.toString());
  });

  it("finds the children of a shard that was closed at the start and had none listed yet", async () => {
    const model = new StreamModel({ shards: 2 });
    const [first] = model.open();
    const [child] = model.split(first!, 1);
    child!.isListed = false;
    const { follower, put, applied } = scenario.follow(model, { childTriesMax: 1_000 });
    await follower.start();
    put("early", child);
    await sleep(20);
    child!.isListed = true;
    await until(() => applied().length === 1, applied.toString());
  });

  it("finds a child that was listed after the start, when its sibling was listed before", async () => {
    const model = new StreamModel();
    const [, late] = model.split(model.open()[0]!, 2);
    late!.isListed = false;
    const { follower, put, applied } = scenario.follow(model);
    await follower.start();
    put("early", late);
    await sleep(20);
    expect(applied()).toEqual([]);
    late!.isListed = true;
    await until(() => applied().length === 1, applied.toString());
  });

  it("stops before it began if the stream is disabled, without a flush", async () => {
    const model = new StreamModel();
    model.disable();
    const { follower, flushes } = scenario.follow(model);
    await follower.start();
    expect(follower.state()).toMatchObject({ kind: "stopped", stopReason: "stream disabled" });
    expect(flushes()).toEqual([]);
  });
});
