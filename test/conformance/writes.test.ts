// Conformance behaviours 15–22: writes of one item and batches of them.

import { describe, expect, it } from "vitest";
import { cacheOf, until, useBench } from "../support/bench.ts";
import { INTERNAL_ERROR, THROTTLED } from "../support/faults.ts";
import { errorName } from "../support/raw-client.ts";
import { WITH_INDEXES } from "../support/tables.ts";

const UNKNOWN_OUTCOME_MS = 1000;
const bench = useBench({ settings: { unknownOutcomeMs: UNKNOWN_OUTCOME_MS } });
const { P, D, p, d } = bench;

const Key = { pk: { S: "1" } };
const item = (v: string, pk = "1") => ({ pk: { S: pk }, v: { S: v } });
const get = (TableName: string, pk = "1") => p("GetItem", { TableName, Key: { pk: { S: pk } } });
const getStrongly = async (TableName: string, pk = "1") =>
  (await d("GetItem", { TableName, Key: { pk: { S: pk } }, ConsistentRead: true })).body;

/** A new table with one item, which the proxy has cached. */
async function cached(Item: object = item("old"), shape = undefined as typeof WITH_INDEXES | undefined) {
  const TableName = await bench.table(shape);
  await d("PutItem", { TableName, Item });
  if (shape === undefined) await get(TableName);
  bench.upstream.reset();
  return TableName;
}

describe("single writes", () => {
  it("15 an UpdateItem is in the very next read, without a read upstream", async () => {
    const TableName = await cached({ ...item("old"), n: { N: "1" }, keep: { L: [{ S: "x" }] } });
    await p("UpdateItem", {
      TableName,
      Key,
      UpdateExpression: "SET n = n + :one, extra = :e REMOVE v",
      ExpressionAttributeValues: { ":one": { N: "1" }, ":e": { M: { a: { BOOL: false } } } },
    });
    const after = await get(TableName);
    expect(after.body).toEqual(await getStrongly(TableName));
    expect(after.body.Item).toMatchObject({ n: { N: "2" }, keep: { L: [{ S: "x" }] } });
    expect(bench.upstream.count("GetItem")).toBe(0);
  });

  const Item = {
    pk: { S: "1" },
    sk: { N: "1" },
    a: { S: "a" },
    gone: { N: "7" },
    tree: { M: { leaf: { N: "1" }, other: { S: "o" } } },
    kind: { S: "k1" },
    score: { N: "10" },
  };
  const updates = {
    "top level": {
      UpdateExpression: "SET a = :a, b = :b REMOVE gone ADD score :one",
      ExpressionAttributeValues: { ":a": { S: "A" }, ":b": { N: "1.50" }, ":one": { N: "1" } },
    },
    "a nested path": {
      UpdateExpression: "SET tree.leaf = :n",
      ExpressionAttributeValues: { ":n": { N: "2" } },
    },
    "only REMOVE": { UpdateExpression: "REMOVE gone, nothing" },
    "no expression": {},
    "an index key": {
      UpdateExpression: "SET #k = :k",
      ExpressionAttributeNames: { "#k": "kind" },
      ExpressionAttributeValues: { ":k": { S: "k2" } },
    },
    AttributeUpdates: {
      AttributeUpdates: { a: { Action: "PUT", Value: { S: "B" } }, gone: { Action: "DELETE" } },
    },
  };
  const asked = [undefined, "NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"] as const;
  for (const [name, update] of Object.entries(updates)) {
    it(`16 UpdateItem of ${name}: the reply is DynamoDB's own for every ReturnValues`, async () => {
      const [through, direct] = [await bench.table(WITH_INDEXES), await bench.table(WITH_INDEXES)];
      for (const ReturnValues of asked) {
        // DynamoDB Local itself answers 500 here.
        if (name === "no expression" && ReturnValues?.startsWith("UPDATED")) continue;
        const pk = { S: ReturnValues ?? "unset" };
        for (const TableName of [through, direct]) await d("PutItem", { TableName, Item: { ...Item, pk } });
        const request = { Key: { pk, sk: Item.sk }, ...update, ...(ReturnValues && { ReturnValues }) };
        const [got, own] = [
          await p("UpdateItem", { TableName: through, ...request }),
          await d("UpdateItem", { TableName: direct, ...request }),
        ];
        expect(got.body, ReturnValues).toEqual(own.body);
        const read = { Key: { pk, sk: Item.sk } };
        const [left, right] = [
          await p("GetItem", { TableName: through, ...read }),
          await d("GetItem", { TableName: direct, ...read }),
        ];
        expect(left.body, ReturnValues).toEqual(right.body);
      }
    });
  }

  it("16 PutItem and DeleteItem too, with what they consumed", async () => {
    const [through, direct] = [await bench.table(WITH_INDEXES), await bench.table(WITH_INDEXES)];
    for (const more of [
      {},
      { ReturnValues: "NONE" },
      { ReturnValues: "ALL_OLD" },
      { ReturnConsumedCapacity: "TOTAL" },
      { ReturnConsumedCapacity: "INDEXES", ReturnValues: "ALL_OLD", ReturnItemCollectionMetrics: "SIZE" },
    ]) {
      for (const [operation, what] of [
        ["PutItem", { Item }],
        ["PutItem", { Item: { ...Item, kind: { S: "k2" } } }],
        ["DeleteItem", { Key: { pk: Item.pk, sk: Item.sk } }],
        ["DeleteItem", { Key: { pk: Item.pk, sk: Item.sk } }],
      ] as const) {
        const got = await p(operation, { TableName: through, ...what, ...more });
        const own = await d(operation, { TableName: direct, ...what, ...more });
        const text = JSON.stringify(own.body).replaceAll(direct, through);
        expect(got.body, `${operation} ${JSON.stringify(more)}`).toEqual(JSON.parse(text));
      }
    }
  });

  const condition = {
    ConditionExpression: "v = :other",
    ExpressionAttributeValues: { ":other": { S: "something else" } },
  };
  const conditional = {
    PutItem: { Item: item("new"), ...condition },
    DeleteItem: { Key, ...condition },
    UpdateItem: {
      Key,
      UpdateExpression: "SET v = :v",
      ConditionExpression: "v = :other",
      ExpressionAttributeValues: { ":other": { S: "something else" }, ":v": { S: "new" } },
    },
  };
  for (const [operation, request] of Object.entries(conditional)) {
    it(`17 a condition that fails leaves the entry as it is: ${operation}`, async () => {
      const TableName = await cached();
      const reply = await P(operation, { TableName, ...request });
      expect([reply.status, errorName(reply)]).toEqual([400, "ConditionalCheckFailedException"]);
      expect(reply.body).not.toHaveProperty("Item");
      const after = await get(TableName);
      expect([after.body, cacheOf(after)]).toEqual([{ Item: item("old") }, "hit; tier=memory"]);
    });

    it(`18 the failed condition shows the item where asked: ${operation}`, async () => {
      const TableName = await cached();
      const more = { ReturnValuesOnConditionCheckFailure: "ALL_OLD" };
      const [reply, own] = [
        await P(operation, { TableName, ...request, ...more }),
        await D(operation, { TableName, ...request, ...more }),
      ];
      expect(reply.status).toBe(400);
      expect(reply.body.Item).toEqual(item("old"));
      expect(reply.bytes.toString()).toBe(own.bytes.toString());
    });
  }

  it("19 a throttled PutItem is refused and not cached", async () => {
    const TableName = await cached();
    bench.upstream.inject("PutItem", { reply: THROTTLED });
    const reply = await P("PutItem", { TableName, Item: item("new") });
    expect([reply.status, errorName(reply)]).toEqual([400, "ProvisionedThroughputExceededException"]);
    expect(bench.upstream.count("PutItem")).toBe(1);
    expect((await get(TableName)).body).toEqual({ Item: item("old") });
    const cold = await P("PutItem", { TableName, Item: item("new", "2") });
    expect(cold.status).toBe(400);
    expect((await get(TableName, "2")).body).toEqual({});
  });

  for (const [what, fault] of [
    ["500 though it was carried out", { reply: INTERNAL_ERROR, forward: true }],
    ["500 and not carried out", { reply: INTERNAL_ERROR }],
    ["the connection lost after it was carried out", { drop: "after" }],
    ["the connection lost before", { drop: "before" }],
  ] as const) {
    it(`20 a write without an answer is reported, not repeated, and forgotten: ${what}`, async () => {
      const TableName = await cached();
      bench.upstream.inject("PutItem", fault);
      const reply = await P("PutItem", { TableName, Item: item("new") });
      expect([reply.status, errorName(reply)]).toEqual([500, "InternalServerError"]);
      expect(bench.upstream.count("PutItem")).toBe(1);
      const first = await get(TableName);
      expect(first.body).toEqual(await getStrongly(TableName));
      expect(bench.upstream.requests.at(-1)?.input).toMatchObject({ ConsistentRead: true });
      // When it can no longer land, answers are stored again.
      const settled = await until(
        () => get(TableName),
        (one) => cacheOf(one).startsWith("hit"),
      );
      expect(settled.body).toEqual(await getStrongly(TableName));
    });
  }

  it("21 after a DeleteItem the item is gone", async () => {
    const TableName = await cached();
    await p("DeleteItem", { TableName, Key });
    expect((await get(TableName)).body).toEqual({});
    expect((await get(TableName)).body).toEqual({});
  });
});

describe("BatchWriteItem", () => {
  it("22 what is left unprocessed keeps its state, the rest changes", async () => {
    const TableName = await bench.table();
    const keys = Array.from({ length: 25 }, (_, i) => `${i}`);
    const put = (v: string, pk: string) => ({ PutRequest: { Item: item(v, pk) } });
    await d("BatchWriteItem", { RequestItems: { [TableName]: keys.map((pk) => put("old", pk)) } });
    for (const pk of keys) await get(TableName, pk);
    // Ten of them are deletions. DynamoDB does 22 and leaves 3 (one of each kind among them).
    const requests = keys.map((pk, i) =>
      i % 5 < 2 ? { DeleteRequest: { Key: { pk: { S: pk } } } } : put("new", pk),
    );
    const [done, left] = [requests.slice(0, 22), requests.slice(22)];
    await d("BatchWriteItem", { RequestItems: { [TableName]: done } });
    const UnprocessedItems = { [TableName]: left };
    bench.upstream.reset();
    bench.upstream.inject("BatchWriteItem", { reply: { status: 200, body: { UnprocessedItems } } });
    const reply = await p("BatchWriteItem", { RequestItems: { [TableName]: requests } });
    expect(reply.body).toEqual({ UnprocessedItems });
    for (const pk of keys) {
      const after = await get(TableName, pk);
      expect(after.body, pk).toEqual(await getStrongly(TableName, pk));
      if (Number(pk) >= 22) expect(cacheOf(after)).toBe("hit; tier=memory");
    }
  });

  it("22 a BatchWriteItem that DynamoDB refuses changes nothing", async () => {
    const TableName = await cached();
    const twice = { PutRequest: { Item: item("new") } };
    const request = { RequestItems: { [TableName]: [twice, twice] } };
    const [reply, own] = [await P("BatchWriteItem", request), await D("BatchWriteItem", request)];
    expect(reply.status).toBe(400);
    expect(reply.bytes.toString()).toBe(own.bytes.toString());
    expect(cacheOf(await get(TableName))).toBe("hit; tier=memory");
  });
});
