/** What a store over real Redis does when masters are demoted, promoted and killed: alone, with Sentinels, in a Cluster. */

import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import type { SharedStore } from "../../src/redis/shared-store.ts";
import { systemClock } from "../../src/util/clock.ts";
import { startRedisCluster, startSentinel, until } from "../support/redis-server.ts";
import { backAs, change, endAll, name, redisOf, upOn, whenOver } from "./redis-node.ts";
import { refusalOf } from "./shared-store-nodes.ts";

afterEach(endAll);

/** A master and its replica, in step. */
async function pairOf() {
  const [master, replica] = [await redisOf(), await redisOf()];
  await replica.cli("REPLICAOF", "127.0.0.1", master.port);
  await until(async () => /master_link_status:up/.test(String(await replica.cli("INFO", "replication"))));
  return { master, replica };
}

it("is not up on a replica, and renewed on a master that was one", async () => {
  const [one, two] = [await redisOf(), await redisOf()];
  const node = await upOn(one.url);
  await one.cli("REPLICAOF", "127.0.0.1", two.port);
  await until(() => !node.store.isUp && /replica/.test(node.store.facts().lastError ?? ""));
  expect(await refusalOf(change(node.store))).toBe("down");
  await sleep(300);
  expect(node.store.isUp).toBe(false);
  await one.cli("REPLICAOF", "NO", "ONE");
  await backAs(node, true);
});

/** Whether a heartbeat counts. One that had to wait behind another which no replica took is late: it does not either. */
function isAcknowledged(store: SharedStore): Promise<boolean> {
  return store.beat(Buffer.from("b")).then(
    ({ acknowledged }) => acknowledged,
    () => false,
  );
}

it("counts a mark or heartbeat only once a replica has it, where there was one", async () => {
  const { master, replica } = await pairOf();
  const { store } = await upOn(master.url);
  expect(store.facts().replicas).toBe(1);
  const until60 = store.clock.latestMs(systemClock.nowMs()) + 60_000;
  // On a busy machine the replica may be late once.
  await until(() => isAcknowledged(store));
  await until(
    async () => (await store.mark(["item"], "w", until60, ["also"], 0)).marked[0]?.marks.size === 1,
  );
  replica.pause();
  expect(await isAcknowledged(store)).toBe(false);
  expect(await refusalOf(store.mark(["item"], "w", until60, [], 0))).toBe("timeout");
  // Reads do not wait behind those.
  const [, look] = await Promise.all([
    refusalOf(store.mark(["item"], "w", until60, [], 0)),
    store.look(name, []),
  ]);
  expect(look.tags).toEqual([]);
  await replica.kill();
  await until(() => store.facts().replicas === 0);
  // Somebody who comes now knows that there was one.
  const late = await upOn(master.url);
  expect(await isAcknowledged(late.store)).toBe(false);
});

it("follows a Cluster to the replica of a master that was killed", async () => {
  const cluster = await startRedisCluster({ masters: 3, replicasEach: 1 });
  whenOver(() => cluster.stop());
  const node = await upOn(cluster.url);
  const tags = Array.from({ length: 60 }, (_, at) => `item ${at}`);
  await change(node.store, tags);
  await cluster.nodes[0]?.kill();
  await until(() => !node.store.isUp);
  await backAs(node, true);
  expect((await change(node.store, tags)).tags).toHaveLength(tags.length);
  expect((await node.store.look(name, tags)).tags.every((tag) => tag !== undefined)).toBe(true);
}, 90_000);

it("goes where the Sentinels say, also from a master that goes on alone", async () => {
  const { master, replica } = await pairOf();
  const sentinel = await startSentinel("the-master", master.port);
  whenOver(() => sentinel.stop());
  const node = await upOn(`redis-sentinel://127.0.0.1:${sentinel.port}/the-master`);
  expect(node.store.facts().mode).toBe("sentinel");
  await change(node.store);
  // It has to have looked at the replica first.
  await until(async () => (await sentinel.cli("SENTINEL", "FAILOVER", "the-master")) === "OK");
  await until(() => !node.store.isUp);
  await backAs(node, true);
  await until(async () => /role:master/.test(String(await replica.cli("INFO", "replication"))));
  const before = await node.store.logTail();
  expect((await node.store.beat(Buffer.from("b"))).sequence).toBe(before + 1);
  expect((await node.store.look(name, ["item"])).tags[0]).toBeDefined();
}, 60_000);
