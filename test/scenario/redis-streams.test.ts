// Nodes that share a Redis read a table's stream through one of them; when it goes another goes on.

import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { eventually, type FleetNode, type RedisFleet, startRedisFleet } from "../support/redis-fleet.ts";
import { HASH_ONLY } from "../support/tables.ts";

const Key = (name: string) => ({ pk: { S: name } });
const put = (name: string, v: number) => ({ Item: { ...Key(name), v: { N: String(v) } } });

async function streamOf(node: FleetNode, TableName: string): Promise<string> {
  const body: unknown = await (await fetch(`${node.proxy.adminUrl}/api/tables`)).json();
  const tables = Array.isArray(body) ? body : Object.values(Object(body)).flat();
  return String(Object(tables.find((one) => Object(one).table === TableName)).stream);
}

async function followedByOne(fleet: RedisFleet, nodes: readonly FleetNode[]): Promise<FleetNode> {
  let leader: FleetNode | undefined;
  await eventually(async () => {
    for (const node of nodes) await node.call("GetItem", { Key: Key("-") });
    const words = await Promise.all(nodes.map((node) => streamOf(node, fleet.TableName)));
    leader = nodes[words.indexOf("followed")];
    const others = words.filter((word) => word === "followed by another node").length;
    return leader !== undefined && others === nodes.length - 1;
  });
  return leader ?? expect.fail("nobody leads");
}

async function seenByAll(
  fleet: RedisFleet,
  nodes: readonly FleetNode[],
  name: string,
  v: number,
): Promise<void> {
  await fleet.around("PutItem", put(name, v));
  for (const node of nodes) {
    await eventually(
      async () => Object((await node.call("GetItem", { Key: Key(name) })).Item).v?.N === String(v),
    );
  }
}

it("one node reads the stream for all, and the next one takes over where it was", async () => {
  const fleet = await startRedisFleet(3, { ...HASH_ONLY, stream: "NEW_AND_OLD_IMAGES" }, { streams: "auto" });
  try {
    const leader = await followedByOne(fleet, fleet.nodes);
    for (let v = 1; v <= 5; v += 1) await seenByAll(fleet, fleet.nodes, "a", v);
    // One reader's calls, not three's: what the others see comes through the log.
    fleet.upstream.reset();
    await sleep(1_000);
    const calls = fleet.upstream.count("GetRecords");
    expect(calls).toBeGreaterThan(5);
    expect(calls).toBeLessThan(70);
    // The leader goes; what is written while nobody reads is seen when somebody does, with no flush.
    const others = fleet.nodes.filter((node) => node !== leader);
    leader.link.cut();
    await leader.proxy.stop();
    await fleet.around("PutItem", put("meanwhile", 1));
    const next = await followedByOne(fleet, others);
    expect(next).not.toBe(leader);
    await seenByAll(fleet, others, "a", 6);
    await seenByAll(fleet, others, "meanwhile", 2);
    const metrics = await (await fetch(`${next.proxy.adminUrl}/metrics`)).text();
    expect(metrics).not.toMatch(/dynatier_stream_flushes_total\{[^}]*\} [1-9]/);
  } finally {
    await fleet.close();
  }
}, 90_000);

it("own writes' records confirm what stands in memory and in Redis", async () => {
  const fleet = await startRedisFleet(
    2,
    { ...HASH_ONLY, stream: "NEW_AND_OLD_IMAGES" },
    { streams: "auto", settleMs: 2000 },
  );
  try {
    await followedByOne(fleet, fleet.nodes);
    const [a, b] = fleet.nodes as [FleetNode, FleetNode];
    fleet.upstream.inject("GetRecords", { delayAfterMs: 50 });
    await a.call("PutItem", put("hot", 0));
    await a.call("GetItem", { Key: Key("hot") });
    await sleep(1_000);
    await b.call("GetItem", { Key: Key("hot") });
    fleet.upstream.reset();
    const writes = 6;
    for (let v = 1; v <= writes; v += 1) {
      await a.call("PutItem", put("hot", v));
      for (let n = 0; n < 30; n += 1) {
        expect((await a.call("GetItem", { Key: Key("hot") })).Item).toMatchObject({ v: { N: String(v) } });
        await sleep(20);
      }
    }
    // The writer's own reads: none goes upstream because of the record.
    expect(fleet.upstream.count("GetItem") / writes).toBeLessThanOrEqual(0.2);
    await eventually(
      async () => Object((await b.call("GetItem", { Key: Key("hot") })).Item).v?.N === String(writes),
    );
  } finally {
    await fleet.close();
  }
}, 60_000);
