// Following a stream whose shards roll, split and merge: nothing missed, parents before children.

import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { keyText, until } from "../support/followed-stream.ts";
import { StreamModel } from "../support/stream-model.ts";
import { streamScenario } from "../support/stream-scenario.ts";

const scenario = streamScenario();

const keys = (...names: string[]): string[] => names.map(keyText);

describe.each(["honoured", "ignored", "refused"] as const)("with ShardFilter %s", (filter) => {
  it("reads both halves of a split from their beginning, after the parent's end", async () => {
    const model = new StreamModel({ filter });
    const { follower, put, applied } = scenario.follow(model);
    await follower.start();
    put("before");
    const [left, right] = model.split(model.open()[0]!);
    put("left", left);
    put("right", right);
    await until(
      () => applied().length === 3,
      () => applied(),
    );
    expect(applied()[0]).toBe(keyText("before"));
    expect(new Set(applied())).toEqual(new Set(keys("before", "left", "right")));
    await until(() => follower.state().shardsOpen === 2, "the parent is released");
    expect(
      scenario.server.inputs("GetShardIterator").map(({ ShardIteratorType }) => ShardIteratorType),
    ).toEqual(["LATEST", "TRIM_HORIZON", "TRIM_HORIZON"]);
  });

  it("follows a merge, whose child names only one parent", async () => {
    const model = new StreamModel({ filter, shards: 2 });
    const { follower, put, applied } = scenario.follow(model);
    await follower.start();
    const [first, second] = model.open();
    put("first", first);
    put("second", second);
    put("merged", model.merge(first!, second!));
    await until(
      () => applied().length === 3,
      () => applied(),
    );
    expect(applied().at(-1) === keyText("merged") || applied().includes(keyText("merged"))).toBe(true);
    await until(
      () => follower.state().shardsOpen === 1,
      () => follower.state(),
    );
    expect(follower.state()).toMatchObject({ kind: "following", gaps: 0 });
  });

  it("finds generations that came and went while nobody looked", async () => {
    const model = new StreamModel({ filter });
    const { follower, put, applied } = scenario.follow(model);
    await follower.start();
    scenario.server.fault({ operation: "GetRecords", error: "InternalServerError", status: 500, times: 5 });
    put("0");
    for (let generation = 1; generation <= 4; generation++) {
      const [child] = model.split(model.open()[0]!, 1);
      put(String(generation), child);
    }
    await until(
      () => applied().length === 5,
      () => applied(),
    );
    expect(applied()).toEqual(keys("0", "1", "2", "3", "4"));
  });

  it("takes up the second child of a split though it is listed later than the first", async () => {
    const model = new StreamModel({ filter });
    const { follower, put, applied } = scenario.follow(model, { pollMs: 20 });
    await follower.start();
    const [left, right] = model.split(model.open()[0]!);
    right!.isListed = false;
    put("left", left);
    put("right", right);
    await until(
      () => applied().length === 1,
      () => applied(),
    );
    right!.isListed = true;
    await until(
      () => applied().length === 2,
      () => applied(),
    );
  });

  it("stops when the stream is disabled, after the last record; the new stream is another's", async () => {
    const model = new StreamModel({ filter, shards: 3 });
    const { follower, put, applied, flushes } = scenario.follow(model);
    await follower.start();
    put("last", model.open()[2]);
    model.disable();
    await until(
      () => follower.state().kind === "stopped",
      () => follower.state(),
    );
    expect(follower.state().stopReason).toBe("stream disabled");
    expect(applied()).toEqual(keys("last"));
    expect(flushes()).toEqual(["start", "stream disabled"]);
    const again = new StreamModel({ filter });
    const other = scenario.follow(again);
    await other.follower.start();
    again.put({ pk: { S: "anew" } });
    await until(
      () => other.applied().length === 1,
      () => other.diary,
    );
  });
});

describe("lineage", () => {
  it("a child whose parent was merged away unseen is found among all shards", async () => {
    const model = new StreamModel({ shards: 2 });
    const { follower, put, applied } = scenario.follow(model, { auditMs: 20 });
    await follower.start();
    const [, second] = model.open();
    const [late] = model.split(second!, 1);
    late!.isListed = false;
    put("late", late);
    // Nobody waits for its children any more …
    await until(
      () => follower.state().shardsOpen === 1,
      () => follower.state(),
    );
    late!.isListed = true;
    // … and yet they are found.
    await until(
      () => applied().length === 1,
      () => applied(),
    );
    expect(follower.state()).toMatchObject({ shardsOpen: 2, gaps: 0 });
  });

  it("a shard whose parents can no longer be seen is a gap", async () => {
    const model = new StreamModel({ shards: 2 });
    const { follower, put, flushes, applied } = scenario.follow(model, { auditMs: 20 });
    await follower.start();
    const unseen = model.addShard("shardId-gone");
    put("unseen", unseen);
    await until(
      () => flushes().length === 2,
      () => flushes(),
    );
    expect(flushes()).toEqual(["start", "unknown lineage"]);
    await until(
      () => follower.state().shardsOpen === 3,
      () => follower.state(),
    );
    put("after", unseen);
    await until(
      () => applied().includes(keyText("after")),
      () => applied(),
    );
    await sleep(60);
    expect(flushes().length).toBe(2);
  });

  it("lists in any order, with repetitions, page by page", async () => {
    const model = new StreamModel({ shards: 30 });
    model.pageShardsMax = 7;
    model.listed = (shards) =>
      [...shards]
        .sort((a, b) => ((Number(a.id.at(-10)) * 7) % 5) - ((Number(b.id.at(-10)) * 7) % 5))
        .reverse();
    const { follower, put, applied } = scenario.follow(model, { childTriesMax: 2 });
    await follower.start();
    for (const [n, shard] of model.open().entries()) {
      put(`p${n}`, shard);
      for (const [m, child] of model.split(shard, 2).entries()) put(`c${n}.${m}`, child);
    }
    await until(
      () => applied().length === 90,
      () => applied().length,
    );
    expect(new Set(applied()).size).toBe(90);
    for (let n = 0; n < 30; n++) {
      const at = (name: string): number => applied().indexOf(keyText(name));
      expect(at(`p${n}`)).toBeLessThan(Math.min(at(`c${n}.0`), at(`c${n}.1`)));
    }
  });
});
