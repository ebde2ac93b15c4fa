// What one leader leaves behind, another goes on from: without a flush where that loses nothing, with one where it may.

import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/util/clock.ts";
import { type FollowedStream, keyText, until } from "../support/followed-stream.ts";
import { KeptCheckpoint } from "../support/kept-checkpoint.ts";
import { StreamModel } from "../support/stream-model.ts";
import { streamScenario } from "../support/stream-scenario.ts";

const scenario = streamScenario();

async function untilApplied(all: FollowedStream, ...names: string[]): Promise<void> {
  await until(
    () => names.every((name) => all.applied().includes(keyText(name))),
    () => all.diary.map((entry) => (entry.kind === "applied" ? entry.key : entry)),
  );
}

/** A first leader that has applied "a", and has stopped. */
async function led(model: StreamModel, checkpoint: KeptCheckpoint): Promise<void> {
  const first = scenario.follow(model, { checkpoint });
  await first.follower.start();
  first.put("a");
  await untilApplied(first, "a");
  await first.follower.stop();
  expect(first.flushes()).toEqual(["start"]);
}

const hourMs = 3_600_000;

describe("the next leader", () => {
  it("applies what was written while nobody led, without a flush", async () => {
    const [model, checkpoint] = [new StreamModel(), new KeptCheckpoint()];
    await led(model, checkpoint);
    const next = scenario.follow(model, { checkpoint });
    next.put("b");
    await next.follower.start();
    next.put("c");
    await untilApplied(next, "b", "c");
    expect(next.flushes()).toEqual([]);
    expect(next.applied()).toEqual([keyText("b"), keyText("c")]);
    expect(next.follower.state()).toMatchObject({ kind: "following", gaps: 0 });
  });

  it("has all iterators before it reads, and is no more caught up than the last one was", async () => {
    const [model, checkpoint] = [new StreamModel({ shards: 5 }), new KeptCheckpoint()];
    await led(model, checkpoint);
    await sleep(60);
    scenario.server.reset();
    const order: string[] = [];
    scenario.server.before = async (operation) => {
      order.push(operation);
      if (operation === "GetRecords") await sleep(30);
    };
    const next = scenario.follow(model, { checkpoint });
    const beganAtMs = systemClock.nowMs();
    await next.follower.start();
    expect(next.follower.state().caughtUpAtMs).toBeLessThan(beganAtMs - 30);
    await until(
      () => next.follower.state().caughtUpAtMs > beganAtMs,
      () => next.follower.state(),
    );
    expect(order.slice(0, 6)).toEqual(["DescribeStream", ...Array(5).fill("GetShardIterator")]);
    expect(
      scenario.server.inputs("GetShardIterator").map(({ ShardIteratorType }) => ShardIteratorType),
    ).toEqual(["AFTER_SEQUENCE_NUMBER", ...Array(4).fill("TRIM_HORIZON")]);
  });

  it("reads a shard that was empty from its beginning: its end at that time has no name", async () => {
    const [model, checkpoint] = [new StreamModel({ shards: 2 }), new KeptCheckpoint()];
    const second = model.open()[1]!;
    model.put({ pk: { S: "before" } }, second);
    await led(model, checkpoint);
    const next = scenario.follow(model, { checkpoint });
    next.put("b", second);
    await next.follower.start();
    await untilApplied(next, "before", "b");
    expect(next.flushes()).toEqual([]);
  });
});

describe("a checkpoint that cannot be relied on", () => {
  it.each([
    ["lost", (kept) => kept.fields.clear()],
    ["of another version", (kept) => kept.fields.set("version", "0")],
    ["without its time", (kept) => kept.fields.delete("at")],
    ["24 hours old", (kept) => kept.fields.set("at", String(Number(kept.fields.get("at")) - 24 * hourMs))],
    ["from the future", (kept) => kept.fields.set("at", String(Number(kept.fields.get("at")) + hourMs))],
    ["with a time that is none", (kept) => kept.fields.set("at", "soon")],
    ["with a position that is none", (kept) => kept.fields.set("s:x", "?")],
    [
      "without shards",
      (kept) => {
        for (const shard of kept.shards().keys()) kept.fields.delete(`s:${shard}`);
      },
    ],
    [
      "that the store does not give",
      (kept) => {
        kept.failing = ["load"];
      },
    ],
  ] satisfies [string, (kept: KeptCheckpoint) => unknown][])("%s: flushes", async (_, harm) => {
    const [model, checkpoint] = [new StreamModel(), new KeptCheckpoint()];
    await led(model, checkpoint);
    harm(checkpoint);
    const next = scenario.follow(model, { checkpoint });
    await next.follower.start();
    expect(next.flushes()).toEqual(["start"]);
    next.put("b");
    await untilApplied(next, "b");
    // And leaves one that can be relied on.
    checkpoint.failing = [];
    await next.follower.stop();
    const third = scenario.follow(model, { checkpoint });
    third.put("c");
    await third.follower.start();
    await untilApplied(third, "c");
    expect(third.flushes()).toEqual([]);
  });

  it.each([
    ["whose records are trimmed", "trimmed data", (model) => model.trim(model.open()[0]!)],
    ["whose shard is gone", "trimmed data", (model) => model.split(model.open()[0]!)[0]!.parent],
    ["whose position is refused", "lost position", () => undefined],
  ] satisfies [string, string, (model: StreamModel) => unknown][])("%s: flushes", async (_, reason, harm) => {
    const [model, checkpoint] = [new StreamModel(), new KeptCheckpoint()];
    await led(model, checkpoint);
    for (const name of ["x", "y"]) model.put({ pk: { S: name } });
    const parent = harm(model);
    if (typeof parent === "string") model.shards.delete(parent);
    if (reason === "lost position") {
      scenario.server.fault({ operation: "GetShardIterator", error: "ValidationException" });
    }
    const next = scenario.follow(model, { checkpoint });
    await next.follower.start();
    expect(next.flushes()).toEqual([reason]);
    next.put("b");
    await untilApplied(next, "b");
  });

  it("a backlog over the limit is a gap: one flush is cheaper than a million", async () => {
    const [model, checkpoint] = [new StreamModel(), new KeptCheckpoint()];
    await led(model, checkpoint);
    model.olderByMs = hourMs;
    model.pageRecordsMax = 10;
    const next = scenario.follow(model, { checkpoint, backlogRecordsMax: 50, shortPageIsWhole: false });
    for (let n = 0; n < 200; n++) next.put(`old ${n}`);
    model.olderByMs = 0;
    await next.follower.start();
    await until(
      () => next.flushes().length === 1,
      () => next.follower.state(),
    );
    expect(next.flushes()).toEqual(["backlog"]);
    expect(next.applied().length).toBeLessThan(100);
    next.put("b");
    await untilApplied(next, "b");
  });
});

describe("a position", () => {
  it("is saved after its records were applied, never before", async () => {
    const [model, checkpoint] = [new StreamModel(), new KeptCheckpoint()];
    let appliedUpTo = "@";
    const failed = new Set<string>();
    const early: string[] = [];
    checkpoint.onSave = (fields) => {
      const position = fields.get(`s:${model.open()[0]!.id}`) ?? "<";
      if (position.startsWith("@") && position > appliedUpTo) early.push(position);
    };
    const sequenceOf = new Map<string, string>();
    const all = scenario.follow(model, {
      checkpoint,
      sink: {
        apply: async (change) => {
          await sleep(3);
          // Others cannot be told for a moment: the record is applied later, with whatever comes after it.
          const { key } = change.change;
          if (/k\d*7/.test(key) && !failed.has(key)) {
            failed.add(key);
            throw new Error("simulated");
          }
          appliedUpTo = `@${sequenceOf.get(change.change.key)}`;
        },
        flush: () => undefined,
      },
    });
    await all.follower.start();
    for (let n = 0; n < 60; n++) {
      const record = model.put({ pk: { S: `k${n}` } });
      sequenceOf.set(keyText(`k${n}`), String(record!.sequence).padStart(21, "0"));
    }
    await until(
      () => checkpoint.shards().get(model.open()[0]!.id) === `@${sequenceOf.get(keyText("k59"))}`,
      () => [...checkpoint.fields],
    );
    expect(early).toEqual([]);
  });

  it("that could not be saved costs repeated records, and is saved later", async () => {
    const [model, checkpoint] = [new StreamModel(), new KeptCheckpoint()];
    const first = scenario.follow(model, { checkpoint });
    await first.follower.start();
    first.put("a");
    await until(
      () => checkpoint.shards().get(model.open()[0]!.id)?.startsWith("@") === true,
      () => [...checkpoint.fields],
    );
    checkpoint.failing = ["save"];
    first.put("b");
    await untilApplied(first, "b");
    await first.follower.stop();
    checkpoint.failing = [];
    const next = scenario.follow(model, { checkpoint });
    next.put("c");
    await next.follower.start();
    await untilApplied(next, "b", "c");
    expect(next.flushes()).toEqual([]);
  });

  it("is dropped before the flush after a gap, and saved anew after it", async () => {
    const [model, checkpoint] = [new StreamModel(), new KeptCheckpoint()];
    const order = checkpoint.calls;
    const all = scenario.follow(model, {
      checkpoint,
      sink: { apply: () => undefined, flush: (reason) => void order.push(`flush ${reason}`) },
    });
    await all.follower.start();
    all.put("a");
    await until(
      () => checkpoint.shards().get(model.open()[0]!.id)?.startsWith("@") === true,
      () => [...checkpoint.fields],
    );
    order.length = 0;
    scenario.server.fault({ operation: "GetRecords", error: "TrimmedDataAccessException" });
    await until(
      () => order.includes("flush trimmed data") && order.at(-1) === "save",
      () => order,
    );
    const after = order.slice(order.indexOf("drop"));
    expect(after.slice(0, 3)).toEqual(["drop", "flush trimmed data", "save"]);
    expect(checkpoint.shards().get(model.open()[0]!.id)).toBe("<");
  });
});
