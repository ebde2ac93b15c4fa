// Two nodes with a Redis Cluster of three masters and a replica each, and with a master that Sentinels name: the servers
// fail over under load, and nobody notices but the hit ratio.

import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, inject, it } from "vitest";
import { startCountingUpstream } from "../support/counting-upstream.ts";
import { type ClusterNode, eventually, startNode, up } from "../support/redis-fleet.ts";
import { startRedis, startRedisCluster, startSentinel, until } from "../support/redis-server.ts";
import { HASH_ONLY, testTables } from "../support/tables.ts";

const Key = (name: string) => ({ pk: { S: name } });

/** Two nodes write and read many keys, and what a node has written it sees at once; every answer is a success. */
async function load(nodes: readonly ClusterNode[], rounds: number, name: string): Promise<void> {
  for (let round = 1; round <= rounds; round += 1) {
    for (const [at, node] of nodes.entries()) {
      const own = `${name} ${at} ${round % 17}`;
      const written = await node.ask("PutItem", { Item: { ...Key(own), v: { N: String(round) } } });
      expect(written.status, JSON.stringify(written.body)).toBe(200);
      const read = await node.ask("GetItem", { Key: Key(own) });
      expect(read.status).toBe(200);
      expect(read.body.Item).toMatchObject({ v: { N: String(round) } });
    }
  }
}

/** What one node has written the other shows, once both have settled; and what one has read is a hit on the other. */
async function agree(nodes: readonly ClusterNode[], rounds: number, name: string): Promise<void> {
  for (const at of nodes.keys()) {
    for (let last = rounds - 16; last <= rounds; last += 1) {
      const key = { Key: Key(`${name} ${at} ${last % 17}`) };
      for (const node of nodes) {
        await eventually(
          async () => Object((await node.ask("GetItem", key)).body.Item).v?.N === String(last),
        );
      }
    }
  }
  // What one has read is a hit on the other, once Redis has it; a look at it too early stores it in memory.
  for (let attempt = 0; ; attempt += 1) {
    const fresh = { Key: Key(`${name} shared ${attempt}`) };
    await nodes[0]?.ask("PutItem", { Item: { ...fresh.Key, v: { N: "1" } } });
    await sleep(200);
    if (/hit; tier=redis/.test((await nodes[1]?.ask("GetItem", fresh))?.how ?? "")) return;
    if (attempt === 20) throw new Error("nothing is shared");
  }
}

async function withNodes(url: string, run: (nodes: readonly ClusterNode[]) => Promise<void>): Promise<void> {
  const local = inject("dynamoDbLocalUrl");
  const tables = testTables(local);
  const TableName = await tables.create(HASH_ONLY);
  const upstream = await startCountingUpstream(local);
  const settings = { streams: "off", redisLookupTimeoutMs: 200, redisInvalidateTimeoutMs: 300 };
  const nodes = [
    await startNode(url, TableName, upstream, settings),
    await startNode(url, TableName, upstream, settings),
  ];
  try {
    await Promise.all(nodes.map(up));
    await run(nodes);
  } finally {
    await Promise.all(nodes.map(({ proxy }) => proxy.stop()));
    await upstream.close();
    await tables.deleteAll();
  }
}

describe("servers that fail over", () => {
  it("a Cluster of three masters loses one of them", async () => {
    const cluster = await startRedisCluster({ masters: 3, replicasEach: 1 });
    try {
      await withNodes(cluster.url, async (nodes) => {
        await load(nodes, 40, "calm");
        await agree(nodes, 40, "calm");
        const under = load(nodes, 200, "storm");
        await sleep(100);
        await cluster.nodes[0]?.kill();
        await under;
        await eventually(async () => Object(await nodes[0]?.redis()).isUp === true, 60_000);
        await Promise.all(nodes.map(up));
        await agree(nodes, 200, "storm");
      });
    } finally {
      await cluster.stop();
    }
  }, 180_000);

  it("a master that Sentinels name is replaced", async () => {
    const master = await startRedis();
    const replica = await startRedis({ settings: ["--replicaof", "127.0.0.1", String(master.port)] });
    await until(async () => /master_link_status:up/.test(String(await replica.cli("INFO", "replication"))));
    const sentinel = await startSentinel("mymaster", master.port);
    // It has to have looked at the replica before it can name it.
    await until(async () => {
      const replicas = await sentinel.cli("SENTINEL", "REPLICAS", "mymaster");
      return Array.isArray(replicas) && replicas.length > 0;
    });
    try {
      await withNodes(`redis-sentinel://127.0.0.1:${sentinel.port}/mymaster`, async (nodes) => {
        await load(nodes, 40, "calm");
        const under = load(nodes, 200, "storm");
        await sleep(100);
        await master.kill();
        await under;
        await eventually(async () => Object(await nodes[0]?.redis()).isUp === true, 60_000);
        await Promise.all(nodes.map(up));
        await agree(nodes, 200, "storm");
      });
    } finally {
      await Promise.all([sentinel.stop(), replica.stop(), master.stop()]);
    }
  }, 180_000);
});
