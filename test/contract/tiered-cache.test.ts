/** Two nodes' caches over one real Redis, step by step: the races that docs/CONSISTENCY.md names. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { WriteNotGuarded } from "../../src/cache/tier.ts";
import { type RedisServer, startRedis } from "../support/redis-server.ts";
import {
  everything,
  hashOfBody,
  itemTag,
  key,
  type NodeWishes,
  TieredNode,
  tags,
  until,
} from "../support/tiered-node.ts";

let redis: RedisServer;
const open: TieredNode[] = [];
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis?.stop());
beforeEach(async () => {
  await redis.cli("FLUSHALL");
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((node) => node.stop()));
});

async function node(wishes?: NodeWishes): Promise<TieredNode> {
  const made = new TieredNode(redis.url, wishes);
  open.push(made);
  return made.start();
}

/** What Redis does to the tags of items when it needs their memory. */
async function evictItemTags(): Promise<void> {
  const names = (await redis.cli("KEYS", "te:*")) as string[];
  for (const name of names) await redis.cli("DEL", name.replace(/^te:(\{.*\}).*/, "tt:$1"));
}

describe("two nodes on one Redis", () => {
  it("one reads, the other has it, as old as it is", async () => {
    const [a, b] = [await node(), await node()];
    await a.fill("old");
    expect(await a.look()).toEqual({ text: "old", tier: "memory" });
    expect(await b.look()).toEqual({ text: "old", tier: "redis" });
    expect(await b.look()).toEqual({ text: "old", tier: "memory" });
    const [mine, theirs] = [a, b].map((n) => n.memory.lookup(key, tags, n.options).entry?.readAtMs ?? 0);
    // Never younger than it is, and older by no more than the bounds of the clock.
    expect(theirs).toBeLessThanOrEqual(mine ?? 0);
    expect(theirs).toBeGreaterThan((mine ?? 0) - 1_000);
  });

  it("a change ends what stands in Redis, for all", async () => {
    const [a, b] = [await node(), await node()];
    await a.fill("old");
    await b.cache.invalidate([itemTag]);
    expect(await b.look()).toBeUndefined();
    a.forget();
    expect(await a.look()).toBeUndefined();
    await b.fill("new");
    expect(await a.look()).toEqual({ text: "new", tier: "redis" });
  });

  it("a late fill with what was read before a change is born dead", async () => {
    // 1 A misses · 2 A reads the old item · 3 B writes · 4 A's fill arrives
    const [a, b] = [await node(), await node()];
    const lease = await a.miss();
    await b.cache.invalidate([itemTag]);
    await lease.fill(a.entry("old"), true);
    await a.filled();
    expect(await b.look()).toBeUndefined();
    a.forget();
    expect(await a.look()).toBeUndefined();
  });

  it("an evicted tag takes its entries with it", async () => {
    const [a, b] = [await node(), await node()];
    await a.fill("old");
    await evictItemTags();
    expect(await b.look()).toBeUndefined();
  });

  it("what another has read while a write of ours may still land is no answer, though the mark was evicted", async () => {
    // 1 A's write has an unknown outcome · 2 Redis evicts the mark · 3 B reads and stores · 4 the write lands · 5 A reads
    const [a, b] = [await node(), await node({ settleMs: 0 })];
    await a.fill("old");
    await a.cache.invalidate([itemTag], 60_000);
    await evictItemTags();
    const lease = await b.miss();
    expect(await lease.fill(b.entry("old"), true)).toBe("stored");
    await b.filled();
    expect(await (await node()).look()).toEqual({ text: "old", tier: "redis" });
    expect(await a.look()).toBeUndefined();
    // Neither is what A reads itself stored, nor is A's memory filled from Redis.
    expect(await (await a.miss()).fill(a.entry("old"), true)).toBe("unsettled");
    expect(a.memory.stats().entries).toBe(0);
  });

  it("just after a change only strong reads are stored, by whomever", async () => {
    const [a, b] = [await node(), await node({ settleMs: 60_000 })];
    await a.cache.invalidate([itemTag]);
    const lease = await b.miss();
    expect(lease.unsettled).toBe(true);
    expect(await lease.fill(b.entry("perhaps old"), false)).toBe("unsettled");
    expect(await lease.fill(b.entry("new"), true)).toBe("stored");
  });

  it("damage in Redis is a miss", async () => {
    const [a, b] = [await node(), await node()];
    await a.fill("old");
    for (const name of (await redis.cli("KEYS", "*")) as string[]) {
      if ((await redis.cli("TYPE", name)) === "string") await redis.cli("SETRANGE", name, 70, "garbage");
    }
    expect(await b.look()).toBeUndefined();
  });

  it("what is too large for Redis stays in memory only", async () => {
    const [a, b] = [await node({ entryBytesMax: 10 }), await node()];
    await a.fill("longer than ten bytes");
    expect(a.cache.fills.counts.tooLarge).toBe(1);
    expect((await a.look())?.tier).toBe("memory");
    expect(await b.look()).toBeUndefined();
  });
});

describe("confirm or kill", () => {
  it("keeps what shows the new image, here and in Redis", async () => {
    const [a, b] = [await node(), await node()];
    await a.fill("same");
    const image = { key, tags, shows: () => true, hash: () => hashOfBody(key, a.entry("same")) };
    expect(await a.cache.changeTo(image, [itemTag])).toBe(true);
    expect(await a.look()).toEqual({ text: "same", tier: "memory" });
    expect(await b.look()).toEqual({ text: "same", tier: "redis" });
  });

  it("drops what does not", async () => {
    const [a, b] = [await node(), await node()];
    await a.fill("same");
    const image = { key, tags, shows: () => false, hash: () => hashOfBody(key, a.entry("other")) };
    expect(await a.cache.changeTo(image, [itemTag])).toBe(false);
    expect(await a.look()).toBeUndefined();
    expect(await b.look()).toBeUndefined();
  });

  it("lets die what was in flight when it was confirmed", async () => {
    const [a, b] = [await node(), await node()];
    await a.fill("same");
    const flying = await b.cache.lookup(key, tags, { ...b.options, ageMsMax: 0 });
    const image = { key, tags, shows: () => true, hash: () => hashOfBody(key, a.entry("same")) };
    await a.cache.changeTo(image, [itemTag]);
    await flying.lease?.fill(b.entry("older"), true);
    await b.filled();
    a.forget();
    expect(await a.look()).toBeUndefined();
  });
});

describe("without Redis", () => {
  it("keeps answers for a short time only, and refuses guarded writes if it has to", async () => {
    const lonely = new TieredNode("redis://127.0.0.1:1", { degradedMaxAgeMs: 200, guard: "require" });
    open.push(lonely);
    lonely.store.start(() => Promise.resolve());
    expect(await (await lonely.miss()).fill(lonely.entry("short"), true)).toBe("stored");
    expect(await lonely.look()).toEqual({ text: "short", tier: "memory" });
    await until(() => lonely.memory.lookup(key, tags, lonely.options).entry === undefined);
    await expect(lonely.write(true)).rejects.toThrow(WriteNotGuarded);
  });

  it("reads nothing from Redis while it has not taken a change, and tells it first when it is back", async () => {
    const [a, b] = [await node(), await node()];
    await b.fill("old");
    await redis.config("maxmemory", "1");
    await redis.config("maxmemory-policy", "noeviction");
    await a.cache.invalidate([itemTag]);
    expect(a.barrier.isRaised).toBe(true);
    expect(await a.look()).toBeUndefined();
    await redis.config("maxmemory", "0");
    await until(() => !a.barrier.isRaised && a.store.isUp);
    expect(await a.look()).toBeUndefined();
    b.forget();
    expect(await b.look()).toBeUndefined();
  });

  it("too many changes that wait become one that stands for everything", async () => {
    const [a, b] = [await node({ queuedTagsMax: 2 }), await node()];
    await b.fill("old");
    await redis.config("maxmemory", "1");
    await redis.config("maxmemory-policy", "noeviction");
    for (const name of ["x", "y", "z"]) await a.cache.invalidate([`item\0T\0${name}` as typeof itemTag]);
    expect(a.cache.changes.queued.overflows).toBeGreaterThan(0);
    await redis.config("maxmemory", "0");
    await until(() => !a.barrier.isRaised && a.store.isUp);
    b.forget();
    expect(await b.look()).toBeUndefined();
  });

  it("a flushed Redis is noticed: what is in memory goes, and the guard's marks come back", async () => {
    const [a, b] = [await node(), await node()];
    await a.write(true, 60_000);
    await redis.cli("FLUSHALL");
    await until(() => !a.store.isUp || !b.store.isUp);
    await until(() => a.store.isUp && b.store.isUp, 20_000);
    expect(await (await b.miss()).fill(b.entry("old"), true)).toBe("unsettled");
    expect(everything).toBe("all");
  });
});
