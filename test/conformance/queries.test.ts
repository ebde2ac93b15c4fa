// Conformance behaviours 29–38: the query cache.

import { describe, expect, it } from "vitest";
import { cacheOf, until, useBench } from "../support/bench.ts";
import { DAX, SETTLED } from "../support/proxy.ts";
import { type TableShape, WITH_INDEXES } from "../support/tables.ts";

const INDEX_SETTLE_MS = 1000;
const QUERY_TTL_MS = 1500;

const bench = useBench();
const { P, D, p, d } = bench;

const row = (pk: string, sk: number, more: object = {}) => ({ pk: { S: pk }, sk: { N: `${sk}` }, ...more });
const ofPartition = (TableName: string, pk: string, more: object = {}) => ({
  TableName,
  KeyConditionExpression: "pk = :pk",
  ExpressionAttributeValues: { ":pk": { S: pk } },
  ...more,
});
const ofKind = (TableName: string, kind: string, more: object = {}) => ({
  TableName,
  IndexName: "byKind",
  KeyConditionExpression: "kind = :kind",
  ExpressionAttributeValues: { ":kind": { S: kind } },
  ...more,
});

async function filled(rows: object[], shape: TableShape = WITH_INDEXES): Promise<string> {
  const TableName = await bench.table(shape);
  for (const Item of rows) await d("PutItem", { TableName, Item });
  return TableName;
}

const five = [1, 2, 3, 4, 5].map((n) =>
  row("a", n, { kind: { S: "x" }, score: { N: `${10 - n}` }, rank: { N: `${n % 3}` }, v: { S: `v${n}` } }),
);

describe("what is one entry", () => {
  it("29 the same query twice is one upstream call; any other parameter is another entry", async () => {
    const TableName = await filled(five);
    const base = ofPartition(TableName, "a");
    const values = { ":pk": { S: "a" }, ":v": { S: "v2" } };
    const variants: object[] = [
      base,
      { ...base, IndexName: "byRank" },
      { ...base, Limit: 2 },
      { ...base, Limit: 3 },
      { ...base, ExclusiveStartKey: row("a", 2) },
      { ...base, FilterExpression: "v = :v", ExpressionAttributeValues: values },
      { ...base, FilterExpression: "v <> :v", ExpressionAttributeValues: values },
      { ...base, ProjectionExpression: "sk, v" },
      { ...base, ProjectionExpression: "v" },
      { ...base, Select: "COUNT" },
      { ...base, ScanIndexForward: false },
      ofPartition(TableName, "b"),
      ofKind(TableName, "x"),
      ofKind(TableName, "y"),
    ];
    for (const [i, request] of variants.entries()) {
      const first = await p("Query", request);
      const second = await p("Query", request);
      expect(bench.upstream.count("Query"), JSON.stringify(request)).toBe(i + 1);
      expect(first.body).toEqual((await d("Query", request)).body);
      expect(second.bytes).toEqual(first.bytes);
      expect(cacheOf(second)).toBe("hit; tier=memory");
    }
  });

  it("30 the order of members and the names of aliases do not matter", async () => {
    const TableName = await filled(five);
    const spellings = [
      {
        TableName,
        KeyConditionExpression: "pk = :pk AND sk > :from",
        FilterExpression: "#v <> :not",
        ExpressionAttributeNames: { "#v": "v" },
        ExpressionAttributeValues: { ":pk": { S: "a" }, ":from": { N: "1" }, ":not": { S: "v3" } },
      },
      {
        ExpressionAttributeValues: { ":n": { S: "v3" }, ":a": { N: "1.0" }, ":p": { S: "a" } },
        ExpressionAttributeNames: { "#filtered": "v", "#p": "pk" },
        FilterExpression: "#filtered <> :n",
        KeyConditionExpression: "#p = :p AND sk > :a",
        ScanIndexForward: true,
        TableName,
      },
    ];
    const replies = [];
    for (const request of spellings) replies.push(await p("Query", request));
    expect(bench.upstream.count("Query")).toBe(1);
    expect(replies[0]?.body.Items).toHaveLength(3);
    expect(replies[1]?.bytes).toEqual(replies[0]?.bytes);
  });

  it("35 an empty result is remembered", async () => {
    const TableName = await filled([]);
    for (const operation of ["Query", "Scan"]) {
      const request = operation === "Query" ? ofPartition(TableName, "none") : { TableName };
      const [first, second] = [await p(operation, request), await p(operation, request)];
      expect(first.body).toMatchObject({ Count: 0, Items: [] });
      expect(second.bytes).toEqual(first.bytes);
      expect(bench.upstream.count(operation)).toBe(1);
    }
  });

  it("36 each page is cached, and following them gives what DynamoDB has", async () => {
    const TableName = await filled(five);
    const walk = async (ask: typeof p) => {
      const pages = [];
      let ExclusiveStartKey: object | undefined;
      do {
        const request = ofPartition(TableName, "a", {
          Limit: 2,
          ...(ExclusiveStartKey && { ExclusiveStartKey }),
        });
        const { body } = await ask("Query", request);
        pages.push(body.Items);
        ExclusiveStartKey = body.LastEvaluatedKey;
      } while (ExclusiveStartKey !== undefined);
      return pages;
    };
    const first = await walk(p);
    expect(first).toHaveLength(3);
    expect(first).toEqual(await walk(d));
    expect(await walk(p)).toEqual(first);
    expect(bench.upstream.count("Query")).toBe(3);
  });

  it("37 Select: COUNT gives DynamoDB's counts and no items", async () => {
    const TableName = await filled(five);
    const values = { ":pk": { S: "a" }, ":v": { S: "v2" } };
    for (const [operation, request] of [
      ["Query", ofPartition(TableName, "a", { Select: "COUNT" })],
      [
        "Query",
        ofPartition(TableName, "a", {
          Select: "COUNT",
          FilterExpression: "v = :v",
          ExpressionAttributeValues: values,
        }),
      ],
      ["Scan", { TableName, Select: "COUNT" }],
    ] as const) {
      const own = await d(operation, request);
      for (let i = 0; i < 2; i++) {
        const reply = await p(operation, request);
        expect(reply.body).toEqual(own.body);
        expect(reply.body).not.toHaveProperty("Items");
      }
    }
    expect(bench.upstream.count("Query")).toBe(2);
  });

  it("38 a consistent read of a GSI is refused in DynamoDB's words", async () => {
    const TableName = await filled(five);
    const request = ofKind(TableName, "x", { ConsistentRead: true });
    await p("Query", ofKind(TableName, "x"));
    const [reply, own] = [await P("Query", request), await D("Query", request)];
    expect(reply.status).toBe(400);
    expect(reply.bytes.toString()).toBe(own.bytes.toString());
  });

  it("consistent queries and scans go up", async () => {
    const TableName = await filled(five);
    for (const operation of ["Query", "Scan"]) {
      const request = operation === "Query" ? ofPartition(TableName, "a") : { TableName };
      for (let i = 0; i < 2; i++) {
        const reply = await p(operation, { ...request, ConsistentRead: true });
        expect(cacheOf(reply)).toBe("pass; reason=consistent-read");
      }
      expect(bench.upstream.count(operation)).toBe(2);
    }
  });
});

describe("queries after writes, default mode", () => {
  const settled = useBench({ settings: { indexSettleMs: INDEX_SETTLE_MS } });

  it("31 the next query has the item that was put", async () => {
    const TableName = await filled(five);
    const queries = [
      ["Query", ofPartition(TableName, "a")],
      ["Query", ofPartition(TableName, "a", { IndexName: "byRank" })],
      ["Query", ofKind(TableName, "x")],
      ["Scan", { TableName }],
      ["Scan", { TableName, IndexName: "byKind" }],
    ] as const;
    for (const [operation, request] of queries) await settled.p(operation, request);
    const added = row("a", 6, { kind: { S: "x" }, score: { N: "1" }, rank: { N: "0" } });
    await settled.p("PutItem", { TableName, Item: added });
    for (const [operation, request] of queries) {
      const reply = await settled.p(operation, request);
      expect(reply.body.Items, JSON.stringify(request)).toContainEqual(added);
      expect(reply.body).toEqual((await d(operation, request)).body);
    }
    // Another partition has not been touched.
    await settled.p("Query", ofPartition(TableName, "b"));
    await settled.p("PutItem", { TableName, Item: row("a", 7) });
    expect(cacheOf(await settled.p("Query", ofPartition(TableName, "b")))).toBe("hit; tier=memory");
  });

  it("32 an item that moves from one index key to another leaves the one and is in the other", async () => {
    const TableName = await filled(five);
    for (const kind of ["x", "y"]) await settled.p("Query", ofKind(TableName, kind));
    await settled.p("Query", ofKind(TableName, "z"));
    settled.upstream.reset();
    const ask = async (kind: string) => (await settled.p("Query", ofKind(TableName, kind))).body.Items;
    for (const [from, to] of [
      ["x", "y"],
      ["y", "x"],
    ] as const) {
      const update = {
        TableName,
        Key: row("a", 3),
        UpdateExpression: "SET kind = :to",
        ExpressionAttributeValues: { ":to": { S: to } },
      };
      await settled.p("UpdateItem", update);
      const isMoved = { pk: { S: "a" }, sk: { N: "3" } };
      expect(await ask(from)).not.toContainEqual(expect.objectContaining(isMoved));
      expect(await ask(to)).toContainEqual(expect.objectContaining(isMoved));
      // When the index has had its time, both are hits again, and still right.
      for (const kind of [from, to]) {
        const hit = await until(
          () => settled.p("Query", ofKind(TableName, kind)),
          (reply) => cacheOf(reply).startsWith("hit"),
        );
        expect(hit.body).toEqual((await d("Query", ofKind(TableName, kind))).body);
      }
    }
  });

  it("33 queries and scans do not fill the item cache", async () => {
    const TableName = await filled(five);
    await settled.p("Query", ofPartition(TableName, "a"));
    await settled.p("Scan", { TableName });
    expect(cacheOf(await settled.p("GetItem", { TableName, Key: row("a", 1) }))).toBe("miss");
  });
});

describe("queries, dax mode", () => {
  const dax = useBench({ settings: { ...DAX, queryTtlMs: QUERY_TTL_MS } });
  const patient = useBench({ settings: DAX });

  it("31 the old result is served until the query TTL has passed", async () => {
    const TableName = await filled(five);
    const ask = async () => (await dax.p("Query", ofPartition(TableName, "a"))).body.Count;
    const readAt = performance.now();
    expect(await ask()).toBe(5);
    await dax.p("PutItem", { TableName, Item: row("a", 6) });
    const seen = await ask();
    if (performance.now() - readAt < QUERY_TTL_MS) expect(seen).toBe(5);
    await until(ask, (count) => count === 6);
    expect(performance.now() - readAt).toBeGreaterThanOrEqual(QUERY_TTL_MS);
    // The item itself is never old, as in DAX.
    await patient.p("Query", ofPartition(TableName, "a"));
    await patient.p("PutItem", { TableName, Item: row("a", 6, { v: { S: "new" } }) });
    expect((await patient.p("GetItem", { TableName, Key: row("a", 6) })).body.Item.v).toEqual({ S: "new" });
    expect(cacheOf(await patient.p("Query", ofPartition(TableName, "a")))).toBe("hit; tier=memory");
  });

  it("33 queries and scans do not fill the item cache", async () => {
    const TableName = await filled(five);
    await patient.p("Query", ofPartition(TableName, "a"));
    await patient.p("Scan", { TableName });
    expect(cacheOf(await patient.p("GetItem", { TableName, Key: row("a", 1) }))).toBe("miss");
  });
});

describe("query TTL 0", () => {
  const none = useBench({ settings: { ...SETTLED, queryTtlMs: 0 } });

  it("34 every Query and Scan reaches upstream", async () => {
    const TableName = await filled(five);
    for (let i = 1; i <= 3; i++) {
      for (const [operation, request] of [
        ["Query", ofPartition(TableName, "a")],
        ["Scan", { TableName }],
      ] as const) {
        const reply = await none.p(operation, request);
        expect(reply.body.Items).toHaveLength(5);
        expect(cacheOf(reply)).toBe("pass; reason=ttl-zero");
        expect(none.upstream.count(operation)).toBe(i);
      }
    }
  });
});
