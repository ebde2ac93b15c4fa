/**
 * The pending guard where Redis evicts tags together with their marks, step by step: 1 A marks the item, sends its write
 * and dies · 2 the mark is evicted · 3 B shows the old item, which must neither last nor be told to others · 4 the write
 * lands, and nobody tells.
 */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { FillOutcome, Tag, WriteLease } from "../../src/cache/tier.ts";
import { Keys } from "../../src/redis/keys.ts";
import { systemClock } from "../../src/util/clock.ts";
import { type RedisServer, startRedis } from "../support/redis-server.ts";
import {
  anyWriteTag,
  everything,
  itemTag,
  key,
  type NodeWishes,
  TieredNode,
  tags,
  until,
} from "../support/tiered-node.ts";

let redis: RedisServer;
let a: TieredNode;
let b: TieredNode;
const open: TieredNode[] = [];
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis?.stop());
beforeEach(async () => {
  await redis.config("maxmemory", "0");
  await redis.cli("FLUSHALL");
  [a, b] = [await node(), await node({ degradedMaxAgeMs: 500, landsWithinMs: 600_000 })];
  // What every entry depends on is there from before anything could be evicted.
  await b.miss();
  await evict(itemTag);
  await redis.config("maxmemory-policy", "allkeys-lru");
  await redis.config("maxmemory", "100mb");
  await until(() => a.store.mayEvict && b.store.mayEvict);
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.stop()));
});

async function node(wishes?: NodeWishes): Promise<TieredNode> {
  const made = new TieredNode(redis.url, wishes);
  open.push(made);
  return made.start();
}

/** What Redis does when it needs the memory. */
async function evict(tag: Tag): Promise<void> {
  await redis.cli("DEL", new Keys("t").tag(tag).name);
}

/** A's write is under way, and A is gone. */
async function dieWriting(tag: Tag): Promise<void> {
  const landsUntilMs = systemClock.nowMs() + 600_000;
  await a.cache.writeLease({ tags: [tag, anyWriteTag], images: [], keepMs: 0, guarded: true, landsUntilMs });
  await a.stop();
}

async function commit(lease: WriteLease): Promise<FillOutcome> {
  await lease.invalidate([itemTag, anyWriteTag], 0);
  return lease.store(key, b.entry("soon old"));
}

/** It was stored, for a short time, and no other node has it. */
async function expectBrief(outcome: FillOutcome): Promise<void> {
  expect(outcome).toBe("stored");
  await b.filled();
  expect(await (await node()).look()).toBeUndefined();
  await until(() => b.memory.lookup(key, tags, b.options).entry === undefined);
}

describe("where Redis evicts marks", () => {
  it("what is read under a tag that was made anew lasts for a short time, in memory", async () => {
    await dieWriting(itemTag);
    await evict(itemTag);
    await expectBrief(await (await b.miss()).fill(b.entry("old"), true));
    // For a node to which no write can land that late, it is a tag like others.
    const patient = await node({ landsWithinMs: 1 });
    const deadline = Date.now() + 10_000;
    for (let text: string | undefined; text !== "new"; text = (await b.look())?.text) {
      if (Date.now() > deadline) throw new Error("it is not stored in Redis");
      patient.forget();
      await patient.fill("new");
    }
  });

  it("nor does what depends on a lost mark of everything", async () => {
    await dieWriting(everything);
    await evict(everything);
    await expectBrief(await (await b.miss()).fill(b.entry("old"), true));
  });

  it("the image of another write is no better: lost before its mark", async () => {
    await dieWriting(itemTag);
    await evict(itemTag);
    await expectBrief(await commit(await b.write(true)));
  });

  it("or between its mark and its outcome", async () => {
    await dieWriting(itemTag);
    const lease = await b.write(true);
    await evict(itemTag);
    await expectBrief(await commit(lease));
  });

  it("an image waits for a marked write to everything, and does not trust a lost mark of it", async () => {
    await dieWriting(everything);
    expect(await commit(await b.write(true))).toBe("unsettled");
    await evict(everything);
    await evict(itemTag);
    await expectBrief(await commit(await b.write(true)));
  });

  it("what a strong read shows is no better", async () => {
    await dieWriting(itemTag);
    await evict(itemTag);
    const lease = b.cache.imageLease(key, tags, true);
    const changed = [itemTag];
    await b.cache.invalidate(changed);
    await expectBrief(await lease.store(b.entry("old"), changed));
  });

  it("where a stream would tell of the write, all of it is kept", async () => {
    await evict(itemTag);
    const { lease } = await b.cache.lookup(key, tags, { ...b.options, guarded: false });
    expect(await lease?.fill(b.entry("followed"), true)).toBe("stored");
    await b.filled();
    expect(await (await node()).look()).toEqual({ text: "followed", tier: "redis" });
  });
});
