// Conformance behaviours 9–14: batches, projections, one entry a key, one upstream read for many callers.

import { Agent } from "node:http";
import { describe, expect, it } from "vitest";
import { cacheOf, statusOf, until, useBench } from "../support/bench.ts";
import { startProxy } from "../support/proxy.ts";
import { call } from "../support/raw-client.ts";
import { startScriptedUpstream } from "../support/scripted-upstream.ts";
import { HASH_RANGE, NUMBER_KEYS } from "../support/tables.ts";

const bench = useBench();
const { P, p, d, D } = bench;

const key = (i: number | string) => ({ pk: { S: `k${i}` } });
const item = (i: number | string, v = "v") => ({ ...key(i), v: { S: `${v}${i}` } });
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
const byKey = (items: { pk: { S: string } }[]) =>
  items.toSorted((a, b) => Number(a.pk.S.slice(1)) - Number(b.pk.S.slice(1)));

async function tableWith(count: number): Promise<string> {
  const TableName = await bench.table();
  const RequestItems = { [TableName]: range(0, count).map((i) => ({ PutRequest: { Item: item(i) } })) };
  if (count > 0) await d("BatchWriteItem", { RequestItems });
  return TableName;
}

describe("BatchGetItem", () => {
  it("09 batch get sends only the misses upstream", async () => {
    const TableName = await tableWith(10);
    for (const i of range(0, 4)) await p("GetItem", { TableName, Key: key(i) });
    const request = { RequestItems: { [TableName]: { Keys: range(0, 10).map(key) } } };
    const reply = await p("BatchGetItem", request);
    expect(byKey(reply.body.Responses[TableName])).toEqual(range(0, 10).map((i) => item(i)));
    expect(reply.body.UnprocessedKeys).toEqual({});
    expect(cacheOf(reply)).toBe("miss; tier=memory; items=4/10");
    const sent = bench.upstream.requests.filter((one) => one.operation === "BatchGetItem");
    expect(sent).toHaveLength(1);
    expect(sent[0]?.input.RequestItems).toEqual({ [TableName]: { Keys: range(4, 10).map(key) } });

    const again = await p("BatchGetItem", request);
    expect(byKey(again.body.Responses[TableName])).toEqual(range(0, 10).map((i) => item(i)));
    expect(cacheOf(again)).toBe("hit; tier=memory; items=10/10");
    expect(bench.upstream.count("BatchGetItem")).toBe(1);
    // The batch filled the item cache, missing keys included.
    expect(cacheOf(await p("GetItem", { TableName, Key: key(9) }))).toBe("hit; tier=memory");
  });

  it("09 missing keys are remembered, and several tables are kept apart", async () => {
    const [one, two] = [await tableWith(2), await tableWith(0)];
    const RequestItems = { [one]: { Keys: [key(0), key("no")] }, [two]: { Keys: [key(0)] } };
    for (const _ of range(0, 2)) {
      const reply = await p("BatchGetItem", { RequestItems });
      expect(reply.body.Responses).toEqual({ [one]: [item(0)], [two]: [] });
    }
    expect(bench.upstream.count("BatchGetItem")).toBe(1);
  });

  it("10 what upstream leaves unprocessed is handed on and not cached, not even as missing", async () => {
    const TableName = await tableWith(10);
    for (const i of range(0, 4)) await p("GetItem", { TableName, Key: key(i) });
    bench.upstream.inject("BatchGetItem", {
      times: 1,
      reply: {
        status: 200,
        body: {
          Responses: { [TableName]: range(4, 8).map((i) => item(i)) },
          UnprocessedKeys: { [TableName]: { Keys: [key(8), key(9)] } },
        },
      },
    });
    const RequestItems = { [TableName]: { Keys: range(0, 10).map(key) } };
    const reply = await p("BatchGetItem", { RequestItems });
    expect(byKey(reply.body.Responses[TableName])).toEqual(range(0, 8).map((i) => item(i)));
    expect(reply.body.UnprocessedKeys).toEqual({ [TableName]: { Keys: [key(8), key(9)] } });
    // The caller sends them again, as SDKs do.
    const rest = await p("BatchGetItem", { RequestItems: reply.body.UnprocessedKeys });
    expect(byKey(rest.body.Responses[TableName])).toEqual([item(8), item(9)]);
    expect(cacheOf(rest)).toBe("miss; items=0/2");
  });
});

describe("projections", () => {
  const Item = {
    ...key(1),
    name: { S: "Ada" },
    year: { N: "1815" },
    rows: { L: [{ S: "a" }, { S: "b" }, { M: { deep: { N: "1" }, other: { BOOL: true } } }] },
    tree: { M: { branch: { M: { x: { S: "x" }, y: { NULL: true } } }, z: { SS: ["p", "q"] } } },
    "dotted.name": { S: "dot" },
  };
  const projections = [
    { ProjectionExpression: "tree.branch.x" },
    { ProjectionExpression: "#l[1]", ExpressionAttributeNames: { "#l": "rows" } },
    {
      ProjectionExpression: "#l[2].deep, #m.#i, #n",
      ExpressionAttributeNames: { "#l": "rows", "#m": "tree", "#i": "branch", "#n": "name" },
    },
    { ProjectionExpression: "#d", ExpressionAttributeNames: { "#d": "dotted.name" } },
    { ProjectionExpression: "absent, pk" },
    { ProjectionExpression: "absent" },
    { AttributesToGet: ["year", "pk"] },
  ];

  it("11 projections of a cached item are DynamoDB's own answers, without asking it", async () => {
    const TableName = await bench.table();
    await d("PutItem", { TableName, Item });
    await p("GetItem", { TableName, Key: key(1) });
    bench.upstream.reset();
    for (const projection of projections) {
      const request = { TableName, Key: key(1), ...projection };
      const [cached, own] = [await p("GetItem", request), await d("GetItem", request)];
      expect(cached.body, JSON.stringify(projection)).toEqual(own.body);
      // Equal bytes but for the order of members, which DynamoDB Local takes from a hash map.
      expect(cached.bytes.byteLength).toBe(own.bytes.byteLength);
      expect(cacheOf(cached)).toBe("hit; tier=memory");
    }
    expect(bench.upstream.count()).toBe(0);
  });

  it("11 a projection that DynamoDB refuses is refused in its own words", async () => {
    const TableName = await bench.table();
    await d("PutItem", { TableName, Item });
    await p("GetItem", { TableName, Key: key(1) });
    for (const ProjectionExpression of ["tree.branch, tree", "#none", "a b", "", "tree.map"]) {
      const request = { TableName, Key: key(1), ProjectionExpression };
      const [through, own] = [await P("GetItem", request), await D("GetItem", request)];
      expect(through.status).toBe(400);
      expect(through.bytes.toString()).toBe(own.bytes.toString());
    }
  });

  it("12 a projection on a cold key does not stand for the item", async () => {
    const TableName = await bench.table();
    await d("PutItem", { TableName, Item });
    const part = await p("GetItem", { TableName, Key: key(1), ProjectionExpression: "tree.z" });
    expect(part.body).toEqual({ Item: { tree: { M: { z: { SS: ["p", "q"] } } } } });
    expect((await p("GetItem", { TableName, Key: key(1) })).body).toEqual({ Item });
    const RequestItems = { [TableName]: { Keys: [key(1)] } };
    expect((await p("BatchGetItem", { RequestItems })).body.Responses[TableName]).toEqual([Item]);
  });
});

describe("one entry, one read", () => {
  it("13 spellings of one number are one key", async () => {
    const TableName = await bench.table(NUMBER_KEYS);
    const Key = (pk: string, sk: string) => ({ pk: { N: pk }, sk: { N: sk } });
    await d("PutItem", { TableName, Item: { ...Key("1", "-0.5"), v: { S: "a" } } });
    for (const [pk, sk] of [
      ["1", "-0.5"],
      ["1.0", "-5e-1"],
      ["1e0", "-0.50"],
      ["+01.00", "-.5"],
    ] as const) {
      const reply = await P("GetItem", { TableName, Key: Key(pk, sk) });
      const own = await D("GetItem", { TableName, Key: Key(pk, sk) });
      expect(reply.status, `${pk} ${sk}`).toBe(own.status);
      expect(reply.body).toEqual(own.body);
    }
    await p("PutItem", { TableName, Item: { ...Key("1.00", "-0.500"), v: { S: "b" } } });
    const after = await p("GetItem", { TableName, Key: Key("1", "-0.5") });
    expect(after.body.Item.v).toEqual({ S: "b" });
    expect(bench.upstream.count("GetItem")).toBe(1);
  });

  it("13 a table by its name and by its ARN is one table", async () => {
    const TableArn = "arn:aws:dynamodb:us-east-1:123456789012:table/T";
    const Item = { pk: { S: "1" }, v: { S: "a" } };
    const scripted = await startScriptedUpstream({
      DescribeTable: () => ({
        Table: {
          TableName: "T",
          TableArn,
          TableStatus: "ACTIVE",
          KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
          AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
        },
      }),
      GetItem: () => ({ Item }),
      PutItem: () => ({}),
    });
    const proxy = await startProxy({ upstreamUrl: scripted.url });
    try {
      const get = (TableName: string) => call(proxy.url, "GetItem", { TableName, Key: { pk: { S: "1" } } });
      expect((await get("T")).body).toEqual({ Item });
      expect(cacheOf(await get(TableArn))).toBe("hit; tier=memory");
      const changed = { ...Item, v: { S: "b" } };
      await call(proxy.url, "PutItem", { TableName: TableArn, Item: changed });
      expect((await get("T")).body).toEqual({ Item: changed });
      expect(scripted.count("GetItem")).toBe(1);
    } finally {
      await proxy.stop();
      await scripted.close();
    }
  });

  it("14 500 concurrent reads of a cold key are one upstream read", async () => {
    const TableName = await bench.table(HASH_RANGE);
    const Key = { pk: { S: "hot" }, sk: { S: "key" } };
    const Item = { ...Key, v: { S: "x".repeat(1000) } };
    await d("PutItem", { TableName, Item });
    const agent = new Agent({ keepAlive: true, maxSockets: 500 });
    const hold = bench.upstream.hold("GetItem", "before");
    const calls = range(0, 500).map(() => P("GetItem", { TableName, Key }, { agent }));
    await until(
      () => statusOf(bench.proxy),
      (status) => status.requestsInFlight === 500,
    );
    hold.release();
    const replies = await Promise.all(calls);
    agent.destroy();
    expect(bench.upstream.count("GetItem")).toBe(1);
    for (const reply of replies) expect(reply.body).toEqual({ Item });
    const outcomes = replies.map((reply) => cacheOf(reply));
    expect(outcomes.filter((one) => one === "miss")).toHaveLength(1);
    expect(outcomes.filter((one) => one === "coalesced")).toHaveLength(499);
  });
});
