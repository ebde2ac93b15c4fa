/** Two nodes' caches over one real Redis, step by step: the races that docs/CONSISTENCY.md names. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { hashOf } from "../../src/cache/coherence.ts";
import { decodePeerMessage } from "../../src/cache/peer-message.ts";
import { RedisBarrier } from "../../src/cache/redis-barrier.ts";
import { WriteNotGuarded } from "../../src/cache/tier.ts";
import { type RedisServer, startRedis } from "../support/redis-server.ts";
import {
  anyWriteTag,
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
    const names = (await redis.cli("KEYS", "*")) as string[];
    for (const name of names.filter((one) => /:t\b|tag/i.test(one) || one.includes("{"))) {
      if ((await redis.cli("TYPE", name)) === "hash") await redis.cli("DEL", name);
    }
    expect(await b.look()).toBeUndefined();
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
    const image = { key, tags, shows: () => true, hash: hashOfBody(key, a.entry("same")) };
    expect(await a.cache.changeTo(image, [itemTag])).toBe(true);
    expect(await a.look()).toEqual({ text: "same", tier: "memory" });
    expect(await b.look()).toEqual({ text: "same", tier: "redis" });
  });

  it("drops what does not", async () => {
    const [a, b] = [await node(), await node()];
    await a.fill("same");
    const image = { key, tags, shows: () => false, hash: hashOfBody(key, a.entry("other")) };
    expect(await a.cache.changeTo(image, [itemTag])).toBe(false);
    expect(await a.look()).toBeUndefined();
    expect(await b.look()).toBeUndefined();
  });

  it("lets die what was in flight when it was confirmed", async () => {
    const [a, b] = [await node(), await node()];
    await a.fill("same");
    const flying = await b.cache.lookup(key, tags, { ...b.options, ageMsMax: 0 });
    const image = { key, tags, shows: () => true, hash: hashOfBody(key, a.entry("same")) };
    await a.cache.changeTo(image, [itemTag]);
    await flying.lease?.fill(b.entry("older"), true);
    await b.filled();
    a.forget();
    expect(await a.look()).toBeUndefined();
  });
});

describe("the pending guard", () => {
  it("lets nobody store what is being written, not even from strong reads", async () => {
    const [a, b] = [await node(), await node()];
    await b.fill("old");
    const lease = await a.write(true);
    b.forget();
    const reading = await b.miss();
    expect(reading.unsettled).toBe(true);
    expect(await reading.fill(b.entry("old"), true)).toBe("unsettled");
    await lease.invalidate([itemTag, anyWriteTag], 0);
    // A lease from before the outcome is of no use after it.
    expect(await reading.fill(b.entry("old"), true)).toBe("unsettled");
    b.forget();
    await b.fill("new");
    expect(await a.look()).toEqual({ text: "new", tier: "redis" });
  });

  it("ends with a refused write, at once", async () => {
    const [a, b] = [await node(), await node()];
    const lease = await a.write(true);
    expect(await (await b.miss()).fill(b.entry("old"), true)).toBe("unsettled");
    lease.release();
    await until(() => a.store.isUp);
    const deadline = Date.now() + 5_000;
    while ((await (await b.miss()).fill(b.entry("old"), true)) !== "stored") {
      if (Date.now() > deadline) throw new Error("the mark stands");
    }
  });

  it("outlives its node until the write can no longer land, and that end counts as a change", async () => {
    const [a, b] = [await node(), await node({ settleMs: 60_000 })];
    await a.write(true, 300);
    await a.stop();
    expect(await (await b.miss()).fill(b.entry("old"), true)).toBe("unsettled");
    const deadline = Date.now() + 5_000;
    let lease = await b.miss();
    while ((await lease.fill(b.entry("new"), true)) !== "stored") {
      if (Date.now() > deadline) throw new Error("the mark stands");
      b.forget();
      lease = await b.miss();
    }
    expect(lease.unsettled).toBe(true);
  });

  it("lets the image be stored in Redis too", async () => {
    const [a, b] = [await node(), await node()];
    // Whatever it depends on has to stand there before the write is sent.
    await b.miss();
    const lease = await a.write(true);
    await lease.invalidate([itemTag, anyWriteTag], 0);
    expect(await lease.store(key, a.entry("mine"))).toBe("stored");
    await a.filled();
    expect(await b.look()).toEqual({ text: "mine", tier: "redis" });
  });

  it("stores no image while another node writes the same item", async () => {
    // 1 A and B mark · 2 B commits · 3 A commits · 4 A is answered · 5 B is answered: the item is A's
    const [a, b] = [await node(), await node()];
    const [first, second] = [await a.write(true), await b.write(true)];
    await first.invalidate([itemTag, anyWriteTag], 0);
    expect(await first.store(key, a.entry("A"))).toBe("unsettled");
    await second.invalidate([itemTag, anyWriteTag], 0);
    await second.store(key, b.entry("B"));
    await Promise.all([a.filled(), b.filled()]);
    a.forget();
    expect(await a.look()).toBeUndefined();
  });

  it("stores the image although others write elsewhere in the table", async () => {
    const [a, b] = [await node(), await node()];
    await b.miss();
    await b.writeNearby();
    const lease = await a.write(true);
    await lease.invalidate([itemTag, anyWriteTag], 0);
    expect(await lease.store(key, a.entry("mine"))).toBe("stored");
    await a.filled();
    expect(await b.look()).toEqual({ text: "mine", tier: "redis" });
  });

  it("stores no image of a strong read while another node writes the item", async () => {
    const [a, b] = [await node(), await node()];
    const lease = a.cache.imageLease(key, tags);
    await b.write(true);
    const changed = [itemTag];
    await a.cache.invalidate(changed);
    expect(await lease.store(a.entry("perhaps old"), changed)).toBe("unsettled");
  });

  it("does not end another writer's mark", async () => {
    const [a, b, c] = [await node(), await node(), await node()];
    const first = await a.write(true);
    await b.write(true);
    await first.invalidate([itemTag, anyWriteTag], 0);
    expect(await (await c.miss()).fill(c.entry("old"), true)).toBe("unsettled");
  });

  it("without it an image stays in its node's memory", async () => {
    const [a, b] = [await node({ guard: "after" }), await node()];
    const lease = await a.write(true);
    await lease.invalidate([itemTag, anyWriteTag], 0);
    expect(await lease.store(key, a.entry("mine"))).toBe("stored");
    await a.filled();
    expect(await a.look()).toEqual({ text: "mine", tier: "memory" });
    expect(await b.look()).toBeUndefined();
  });
});

describe("what others are told, and when", () => {
  it("a mark is told before the write is sent: it may be all that they ever hear", async () => {
    const [a, b] = [await node(), await node()];
    const before = await b.store.logTail();
    await a.write(true);
    const messages = (await b.store.readLog(before, 10, 0)).map(({ body }) => decodePeerMessage(body));
    expect(messages).toEqual([
      expect.objectContaining({ kind: "invalidation", tagHashes: [itemTag, anyWriteTag].map(hashOf) }),
    ]);
  });

  it("marks of unknown outcomes are put back where Redis has lost them", async () => {
    const [a, b] = [await node(), await node()];
    await a.cache.invalidate([itemTag], 60_000);
    await redis.cli("FLUSHALL");
    await until(() => !a.store.isUp || !b.store.isUp);
    await until(() => a.store.isUp && b.store.isUp, 20_000);
    expect(await (await b.miss()).fill(b.entry("old"), true)).toBe("unsettled");
  });

  it("with `require` nothing is stored after a restart, until what was marked before can land no more", async () => {
    const a = await node({ guard: "require" });
    await redis.cli("FLUSHALL");
    await until(() => !a.store.isUp);
    await until(() => a.store.isUp, 20_000);
    expect(await (await a.miss()).fill(a.entry("old"), true)).toBe("unsettled");
    await until(() => a.versions.pendingForMs() === 0);
    await a.fill("new");
  });

  it("a thread whose servers are not the process' reads nothing, and counts nothing as told", async () => {
    // 1 a failover · 2 one thread reaches the new master, another still has the old one
    const other = await startRedis();
    const first = new RedisBarrier(2, 0);
    const a = await node({ barrier: first });
    await a.fill("old");
    const b = new TieredNode(other.url, { barrier: new RedisBarrier(2, 1, first.shared) });
    open.push(b);
    await b.start();
    a.forget();
    expect(await a.look()).toBeUndefined();
    await a.cache.invalidate([itemTag]);
    expect(first.isRaised).toBe(true);
    expect(await b.look()).toBeUndefined();
    await Promise.all(open.splice(0).map((one) => one.stop()));
    await other.stop();
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
