/** The pending guard over one real Redis, and what the other nodes are told of it, step by step. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { hashOf } from "../../src/cache/coherence.ts";
import { decodePeerMessage } from "../../src/cache/peer-message.ts";
import { RedisBarrier } from "../../src/cache/redis-barrier.ts";
import { type RedisServer, startRedis } from "../support/redis-server.ts";
import {
  anyWriteTag,
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
    const lease = a.cache.imageLease(key, tags, true);
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
    const a = await node({ guard: "require", landsWithinMs: 5_000 });
    await redis.cli("FLUSHALL");
    await until(() => !a.store.isUp);
    await until(() => a.store.isUp, 20_000);
    expect(await (await a.miss()).fill(a.entry("old"), true)).toBe("unsettled");
    await until(() => a.versions.pendingForMs() === 0);
    // Redis' mark ends by the latest estimate of its time, a little later.
    const deadline = Date.now() + 10_000;
    while ((await (await a.miss()).fill(a.entry("new"), true)) !== "stored") {
      if (Date.now() > deadline) throw new Error("it never ends");
    }
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
