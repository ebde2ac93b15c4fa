// Several nodes with one Redis: what one reads is a hit on the others, what one writes is seen by all.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, type RedisFleet, shared, startRedisFleet, up } from "../support/redis-fleet.ts";
import { WITH_INDEXES } from "../support/tables.ts";

const Key = (name: string) => ({ pk: { S: name }, sk: { N: "1" } });
const query = (name: string) => ({
  KeyConditionExpression: "pk = :p",
  ExpressionAttributeValues: { ":p": { S: name } },
});
const ofKind = (kind: string) => ({
  IndexName: "byKind",
  KeyConditionExpression: "kind = :k",
  ExpressionAttributeValues: { ":k": { S: kind } },
});

describe("three nodes with one Redis", () => {
  let fleet: RedisFleet;
  beforeAll(async () => {
    fleet = await startRedisFleet(3, WITH_INDEXES, { streams: "off" });
  });
  afterAll(() => fleet?.close());

  const node = (at: number) => fleet.nodes[at] ?? expect.fail("no such node");

  it("an item, a page and an absence read by one are hits on the others", async () => {
    await fleet.around("PutItem", { Item: { ...Key("a"), v: { N: "1" } } });
    for (const [operation, input] of [
      ["GetItem", { Key: Key("a") }],
      ["Query", query("a")],
      ["GetItem", { Key: Key("nobody") }],
    ] as const) {
      const first = await node(0).ask(operation, input);
      expect(first.how).toMatch(/^miss/);
      await shared(node(0));
      expect((await node(1).ask(operation, input)).how).toContain("hit; tier=redis");
      const again = await node(1).ask(operation, input);
      expect(again.how).toMatch(/hit; tier=memory/);
      expect(again.body).toEqual(first.body);
    }
    expect(fleet.upstream.count("Query")).toBe(1);
  });

  it("a batch takes from both tiers what each of them has", async () => {
    const keys = ["b1", "b2", "b3"].map(Key);
    for (const key of keys) await fleet.around("PutItem", { Item: { ...key, v: { S: "x" } } });
    await node(0).call("GetItem", { Key: keys[0] });
    await shared(node(0));
    expect((await node(1).ask("GetItem", { Key: keys[0] })).how).toContain("hit; tier=redis");
    const reply = await node(2).ask("BatchGetItem", { RequestItems: { [fleet.TableName]: { Keys: keys } } });
    expect(reply.how).toContain("items=1/3");
    expect(reply.how).toContain("tier=redis");
    expect(Object(reply.body.Responses)[fleet.TableName]).toHaveLength(3);
  });

  it("a write through one is seen by all: items, queries, index queries, and what was absent", async () => {
    for (let round = 1; round <= 5; round += 1) {
      const writer = node(round % 3);
      const Item = { ...Key("w"), kind: { S: `k${round}` }, score: { N: "1" }, v: { N: String(round) } };
      for (const { call } of fleet.nodes) {
        await call("GetItem", { Key: Key("w") });
        await call("Query", query("w"));
        await call("Query", ofKind(`k${round}`));
      }
      await writer.call("PutItem", { Item });
      for (const { call } of fleet.nodes) {
        await eventually(async () => {
          const { Item: read } = await call("GetItem", { Key: Key("w") });
          const { Items } = await call("Query", query("w"));
          const { Items: kinds } = await call("Query", ofKind(`k${round}`));
          const seen = JSON.stringify([read, Items, kinds]);
          return seen.split(`"v":{"N":"${round}"}`).length === 4 || seen.split(`"N":"${round}"`).length >= 4;
        });
      }
    }
  });

  it("the writer's own node sees it at once, every time", async () => {
    for (let round = 1; round <= 200; round += 1) {
      const { call } = node(round % 3);
      await call("PutItem", { Item: { ...Key("own"), v: { N: String(round) } } });
      expect((await call("GetItem", { Key: Key("own") })).Item).toMatchObject({ v: { N: String(round) } });
      const { Items } = await call("Query", query("own"));
      expect(Items).toEqual([expect.objectContaining({ v: { N: String(round) } })]);
    }
  });

  it("a node that starts anew is warm, and does not make the others cold", async () => {
    await fleet.around("PutItem", { Item: { ...Key("warm"), v: { N: "1" } } });
    await node(0).call("GetItem", { Key: Key("warm") });
    await shared(node(0));
    expect((await node(1).ask("GetItem", { Key: Key("warm") })).how).toContain("hit; tier=redis");
    const fresh = await fleet.add();
    await up(fresh);
    const before = fleet.upstream.count("GetItem");
    expect((await fresh.ask("GetItem", { Key: Key("warm") })).how).toContain("hit; tier=redis");
    expect((await node(0).ask("GetItem", { Key: Key("warm") })).how).toContain("hit; tier=memory");
    expect(fleet.upstream.count("GetItem")).toBe(before);
  });

  it("`check` says how Redis is, and how it would be missed", async () => {
    const { redis, problems } = await node(0).proxy.app.check();
    expect(redis).toMatchObject({
      isUp: true,
      mode: "single",
      server: expect.stringMatching(/^(redis|valkey) \d/),
    });
    expect(problems).toEqual([]);
    const metrics = await (await fetch(`${node(0).proxy.adminUrl}/metrics`)).text();
    expect(metrics).toMatch(/^dynatier_redis_up 1$/m);
    expect(metrics).toMatch(/^dynatier_redis_lookups_total\{result="miss"\} [1-9]/m);
    expect(metrics).toMatch(/^dynatier_peer_lag_seconds \d/m);
  });

  it("the operator's invalidation reaches all", async () => {
    await fleet.around("PutItem", { Item: { ...Key("op"), v: { N: "1" } } });
    for (const { call } of fleet.nodes) await call("GetItem", { Key: Key("op") });
    await fleet.around("PutItem", { Item: { ...Key("op"), v: { N: "2" } } });
    await fetch(`${node(0).proxy.adminUrl}/api/invalidate`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ table: fleet.TableName, key: Key("op") }),
    });
    for (const { call } of fleet.nodes) {
      await eventually(async () => {
        const { Item } = await call("GetItem", { Key: Key("op") });
        return Object(Item).v?.N === "2";
      });
    }
  });

  it("an item of 400 KB and a page of many are shared too", async () => {
    const big = { ...Key("big"), v: { S: "x".repeat(390_000) } };
    await fleet.around("PutItem", { Item: big });
    await node(0).call("GetItem", { Key: Key("big") });
    await shared(node(0));
    expect((await node(2).ask("GetItem", { Key: Key("big") })).how).toContain("hit; tier=redis");
    expect((await node(2).call("GetItem", { Key: Key("big") })).Item).toEqual(big);
  });
});
