// Two nodes of two worker threads each, with one Redis: every thread of every node keeps to the contract.

import { Agent } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call } from "../support/raw-client.ts";
import { eventually, type RedisFleet, startRedisFleet } from "../support/redis-fleet.ts";
import { HASH_ONLY } from "../support/tables.ts";

const Key = (name: string) => ({ pk: { S: name } });

describe("two nodes of two workers", () => {
  let fleet: RedisFleet;
  /** Connections of their own, so that the system spreads them over the threads. */
  const agents = Array.from({ length: 12 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  beforeAll(async () => {
    fleet = await startRedisFleet(2, HASH_ONLY, { workers: 2, streams: "off" });
  });
  afterAll(async () => {
    for (const agent of agents) agent.destroy();
    await fleet?.close();
  });

  async function through(node: number, agent: number, operation: string, input: object) {
    const url = fleet.nodes[node]?.proxy.url ?? expect.fail("no such node");
    const options = { agent: agents[node * 6 + (agent % 6)] ?? expect.fail("no such agent") };
    const reply = await call(url, operation, { TableName: fleet.TableName, ...input }, options);
    expect(reply.status, JSON.stringify(reply.body)).toBe(200);
    return { how: String(reply.headers["x-dynatier-cache"]), item: Object(reply.body.Item) };
  }

  it("a write through one thread is seen at once by every thread of the node", async () => {
    for (let round = 1; round <= 300; round += 1) {
      const node = round % 2;
      await through(node, round, "PutItem", { Item: { ...Key(`n${node}`), v: { N: String(round) } } });
      const reads = await Promise.all(
        [0, 1, 2, 3, 4, 5].map((agent) => through(node, agent, "GetItem", { Key: Key(`n${node}`) })),
      );
      for (const { item } of reads) expect(item.v?.N).toBe(String(round));
    }
  });

  it("and by every thread of the other node as soon as it has heard of it", async () => {
    for (let round = 1; round <= 30; round += 1) {
      await Promise.all([0, 1, 2, 3, 4, 5].map((agent) => through(1, agent, "GetItem", { Key: Key("far") })));
      await through(0, round, "PutItem", { Item: { ...Key("far"), v: { N: String(round) } } });
      await eventually(async () => {
        const reads = await Promise.all(
          [0, 1, 2, 3, 4, 5].map((agent) => through(1, agent, "GetItem", { Key: Key("far") })),
        );
        return reads.every(({ item }) => item.v?.N === String(round));
      });
    }
  });

  it("what one thread has read is a hit in Redis for the next", async () => {
    await fleet.around("PutItem", { Item: { ...Key("read"), v: { N: "1" } } });
    await through(0, 0, "GetItem", { Key: Key("read") });
    await eventually(async () => {
      const status: unknown = await (await fetch(`${fleet.nodes[0]?.proxy.adminUrl}/api/status`)).json();
      return Object(Object(status).redis).counts?.redisFillBytes === 0;
    });
    const before = fleet.upstream.count("GetItem");
    for (const node of [0, 1]) {
      for (let agent = 0; agent < 6; agent += 1) {
        expect((await through(node, agent, "GetItem", { Key: Key("read") })).how).toMatch(/^hit/);
      }
    }
    expect(fleet.upstream.count("GetItem")).toBe(before);
  });
});
