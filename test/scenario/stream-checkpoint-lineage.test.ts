// Shards that come and go while nobody leads, or while the leader changes: each is read once, and from its beginning.

import { describe, expect, it } from "vitest";
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

describe("the next leader", () => {
  it("follows splits and merges that happened meanwhile, each shard once and from its beginning", async () => {
    const [model, checkpoint] = [new StreamModel({ shards: 2 }), new KeptCheckpoint()];
    await led(model, checkpoint);
    const next = scenario.follow(model, { checkpoint });
    const [one, two] = model.open();
    next.put("b", one);
    const [left, right] = model.split(one!);
    next.put("c", left);
    const merged = model.merge(right!, two!);
    next.put("d", merged);
    const [young] = model.split(left!, 1);
    next.put("e", young);
    scenario.server.reset();
    await next.follower.start();
    await untilApplied(next, "b", "c", "d", "e");
    await until(
      () => checkpoint.shards().get(left!.id) === ".",
      () => [...checkpoint.shards()],
    );
    expect(next.flushes()).toEqual([]);
    expect(next.applied().sort()).toEqual(["b", "c", "d", "e"].map(keyText));
    // And the one after it does not read them again.
    await next.follower.stop();
    scenario.server.reset();
    const third = scenario.follow(model, { checkpoint });
    await third.follower.start();
    third.put("f", young);
    await untilApplied(third, "f");
    expect([third.applied(), third.flushes()]).toEqual([[keyText("f")], []]);
    const asked = scenario.server.inputs("GetShardIterator").map(({ ShardId }) => ShardId);
    expect(asked).not.toContain(left!.id);
    expect(asked).not.toContain(one!.id);
  });

  it("reads a shard of which nobody knew, with the end of its parent remembered", async () => {
    const [model, checkpoint] = [new StreamModel(), new KeptCheckpoint()];
    const first = scenario.follow(model, { checkpoint, auditMs: 60_000 });
    await first.follower.start();
    const [one] = model.open();
    first.put("a");
    const [left, right] = model.split(one!);
    right!.isListed = false;
    await until(
      () => checkpoint.shards().get(one!.id) === ".",
      () => [...checkpoint.shards()],
    );
    await first.follower.stop();
    right!.isListed = true;
    const next = scenario.follow(model, { checkpoint, auditMs: 60_000 });
    next.put("b", right);
    next.put("c", left);
    await next.follower.start();
    await untilApplied(next, "b", "c");
    expect([next.applied().length, next.flushes()]).toEqual([2, []]);
  });

  it("looks for the children of a shard that had ended, and had none yet", async () => {
    const [model, checkpoint] = [new StreamModel({ shards: 2 }), new KeptCheckpoint()];
    // Only a look for its children finds a child in time.
    const rarely = { checkpoint, auditMs: 60_000, childTriesMax: 1_000 };
    const first = scenario.follow(model, rarely);
    await first.follower.start();
    const [one] = model.open();
    first.put("a", one);
    await untilApplied(first, "a");
    const [child] = model.split(one!, 1);
    child!.isListed = false;
    await until(
      () => scenario.server.inputs("DescribeStream").some((input) => input.ShardFilter !== undefined),
      "it looks for children",
    );
    await first.follower.stop();
    const next = scenario.follow(model, rarely);
    await next.follower.start();
    child!.isListed = true;
    next.put("b", child);
    await untilApplied(next, "b");
    expect(next.flushes()).toEqual([]);
  });
});
