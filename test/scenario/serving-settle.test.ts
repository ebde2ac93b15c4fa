// The settle window: just after a write a lagging replica or index may still show the old state. The lag is played by
// the counting upstream; DynamoDB Local has none.

import { describe, expect, it } from "vitest";
import { cacheOf, useBench } from "../support/bench.ts";
import { THROTTLED } from "../support/faults.ts";
import { WITH_INDEXES } from "../support/tables.ts";

const bench = useBench({ settings: { settleMs: 60_000, indexSettleMs: 60_000 } });
const onlyIndex = useBench({ settings: { settleMs: 0, indexSettleMs: 60_000 } });
const none = useBench({ settings: { settleMs: 0, indexSettleMs: 0 } });
const { p, d } = bench;

const Key = { pk: { S: "1" }, sk: { N: "1" } };
const item = (v: string) => ({ ...Key, v: { S: v }, kind: { S: "k" }, score: { N: "1" } });
const query = (TableName: string, more: object = {}) => ({
  TableName,
  KeyConditionExpression: "pk = :pk",
  ExpressionAttributeValues: { ":pk": Key.pk },
  ...more,
});
const ofKind = (TableName: string) => ({
  TableName,
  IndexName: "byKind",
  KeyConditionExpression: "kind = :kind",
  ExpressionAttributeValues: { ":kind": { S: "k" } },
});

/** A table whose item was just written through this proxy, in a way that leaves no image in the cache. */
async function written(by: typeof bench): Promise<string> {
  const TableName = await by.table(WITH_INDEXES);
  await d("PutItem", { TableName, Item: item("old") });
  await by.p("GetItem", { TableName, Key });
  await by.p("TransactWriteItems", { TransactItems: [{ Put: { TableName, Item: item("new") } }] });
  by.upstream.reset();
  return TableName;
}

/** What a lagging replica says: the state of before, to every read that is not strongly consistent. */
function lag(by: typeof bench, TableName: string): () => void {
  const old = [item("old")];
  const page = { Items: old, Count: 1, ScannedCount: 1 };
  const answers: Record<string, object> = {
    GetItem: { Item: old[0] },
    BatchGetItem: { Responses: { [TableName]: old }, UnprocessedKeys: {} },
    Query: page,
    Scan: page,
  };
  const removals = Object.entries(answers).map(([operation, body]) =>
    by.upstream.inject(
      (one) => one.operation === operation && !JSON.stringify(one.input).includes('"ConsistentRead":true'),
      { reply: { status: 200, body } },
    ),
  );
  return () => {
    for (const remove of removals) remove();
  };
}

describe("inside the settle window", () => {
  for (const [name, operation, input] of [
    ["GetItem", "GetItem", (TableName: string) => ({ TableName, Key })],
    [
      "BatchGetItem",
      "BatchGetItem",
      (TableName: string) => ({ RequestItems: { [TableName]: { Keys: [Key] } } }),
    ],
    ["Query", "Query", query],
    ["Query of an LSI", "Query", (TableName: string) => query(TableName, { IndexName: "byRank" })],
  ] as const) {
    it(`${name} is read strongly, so that no replica's lag is seen, and stored`, async () => {
      const TableName = await written(bench);
      await d("UpdateItem", {
        TableName,
        Key,
        UpdateExpression: "SET #r = :r",
        ExpressionAttributeNames: { "#r": "rank" },
        ExpressionAttributeValues: { ":r": { N: "1" } },
      });
      lag(bench, TableName);
      const first = await p(operation, input(TableName));
      expect(JSON.stringify(first.body)).toContain('"new"');
      const second = await p(operation, input(TableName));
      expect(second.bytes).toEqual(first.bytes);
      expect(cacheOf(second)).toMatch(/^hit/);
      expect(bench.upstream.count(operation)).toBe(1);
    });
  }

  it("a batch asks strongly only for the keys that need it", async () => {
    const TableName = await written(bench);
    const other = { pk: { S: "2" }, sk: { N: "1" } };
    await p("BatchGetItem", { RequestItems: { [TableName]: { Keys: [Key, other] } } });
    const asked = bench.upstream.requests.map((one) => one.input.RequestItems);
    expect(asked).toHaveLength(2);
    expect(asked).toContainEqual({ [TableName]: { ConsistentRead: true, Keys: [Key] } });
    expect(asked).toContainEqual({ [TableName]: { Keys: [other] } });
  });

  it("a strong read that is refused is sent again as the caller asked, and not stored", async () => {
    const TableName = await written(bench);
    const isStrong = (text: string) => text.includes('"ConsistentRead":true');
    bench.upstream.inject((one) => isStrong(one.bytes.toString()), { reply: THROTTLED });
    for (let i = 1; i <= 2; i++) {
      for (const [operation, input] of [
        ["GetItem", { TableName, Key }],
        ["BatchGetItem", { RequestItems: { [TableName]: { Keys: [Key] } } }],
        ["Query", query(TableName)],
      ] as const) {
        const reply = await p(operation, input);
        expect(JSON.stringify(reply.body)).toContain('"new"');
        expect(cacheOf(reply), operation).toMatch(/^miss/);
        expect(bench.upstream.count(operation)).toBe(2 * i);
      }
    }
  });

  it("a Scan goes up as asked and is not stored", async () => {
    const TableName = await written(bench);
    const lagging = lag(bench, TableName);
    expect((await p("Scan", { TableName })).body.Items).toEqual([item("old")]);
    lagging();
    const fresh = await p("Scan", { TableName });
    expect(fresh.body.Items).toEqual([item("new")]);
    expect(cacheOf(fresh)).toBe("miss; reason=unsettled");
  });

  for (const [what, by] of [
    ["the table's window too", bench],
    ["only its own window", onlyIndex],
  ] as const) {
    it(`a query of a GSI goes up as asked and is not stored, inside ${what}`, async () => {
      const TableName = await written(by);
      const lagging = lag(by, TableName);
      expect((await by.p("Query", ofKind(TableName))).body.Items).toEqual([item("old")]);
      lagging();
      const fresh = await by.p("Query", ofKind(TableName));
      expect(fresh.body.Items).toEqual([item("new")]);
      expect(cacheOf(fresh)).toBe("miss; reason=unsettled");
      expect(by.upstream.requests.at(-1)?.input).not.toHaveProperty("ConsistentRead");
    });
  }
});

describe("without a settle window", () => {
  it("reads go up as they are asked and are stored at once", async () => {
    const TableName = await written(none);
    for (const [operation, input] of [
      ["GetItem", { TableName, Key }],
      ["Query", query(TableName)],
      ["Query", ofKind(TableName)],
      ["Scan", { TableName }],
    ] as const) {
      expect(cacheOf(await none.p(operation, input))).toBe("miss");
      expect(none.upstream.requests.at(-1)?.bytes.toString()).not.toContain("ConsistentRead");
      expect(cacheOf(await none.p(operation, input))).toBe("hit; tier=memory");
    }
  });
});
