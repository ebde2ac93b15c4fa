// Conformance behaviours 41–43: the wire, what was consumed, PartiQL.

import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { cacheOf, type Reply, useBench } from "../support/bench.ts";
import { INTERNAL_ERROR, THROTTLED } from "../support/faults.ts";
import { errorName } from "../support/raw-client.ts";
import { WITH_INDEXES } from "../support/tables.ts";

const bench = useBench();
const { P, D, p, d } = bench;

const Key = { pk: { S: "1" }, sk: { N: "1" } };
const Item = { ...Key, v: { S: "ä€😀" }, kind: { S: "x" }, score: { N: "1" } };
const get = (TableName: string, more: object = {}) => ({ TableName, Key, ...more });
const query = (TableName: string, more: object = {}) => ({
  TableName,
  KeyConditionExpression: "pk = :pk",
  ExpressionAttributeValues: { ":pk": { S: "1" } },
  ...more,
});

async function filled(): Promise<string> {
  const TableName = await bench.table(WITH_INDEXES);
  await d("PutItem", { TableName, Item });
  return TableName;
}

function checkWire(reply: Reply, what: string): void {
  expect(reply.headers["x-amz-crc32"], what).toBe(String(crc32(reply.bytes)));
  expect(reply.headers["x-amzn-requestid"], what).toMatch(/^[A-Za-z0-9-]{8,}$/);
  expect(reply.headers["content-type"], what).toBe("application/x-amz-json-1.0");
  expect(reply.headers["content-length"], what).toBe(String(reply.bytes.byteLength));
  expect(Date.parse(String(reply.headers.date)), what).toBeGreaterThan(Date.now() - 3_600_000);
}

describe("41 every reply has what DynamoDB's has", () => {
  it("41 answers from the cache, from upstream, put together, and of writes", async () => {
    const TableName = await filled();
    const batch = (...pks: string[]) => ({
      RequestItems: { [TableName]: { Keys: pks.map((pk) => ({ ...Key, pk: { S: pk } })) } },
    });
    const kinds: [string, string, object][] = [
      ["miss", "GetItem", get(TableName)],
      ["hit", "GetItem", get(TableName)],
      ["hit", "GetItem", get(TableName, { ProjectionExpression: "v" })],
      ["hit", "GetItem", get(TableName, { ReturnConsumedCapacity: "TOTAL" })],
      ["pass", "GetItem", get(TableName, { ConsistentRead: true })],
      ["miss", "GetItem", { TableName, Key: { ...Key, sk: { N: "2" } } }],
      ["negative-hit", "GetItem", { TableName, Key: { ...Key, sk: { N: "2" } } }],
      ["miss", "BatchGetItem", batch("1", "2")],
      ["hit", "BatchGetItem", batch("1", "2")],
      ["miss", "Query", query(TableName)],
      ["hit", "Query", query(TableName)],
      ["hit", "Query", query(TableName, { ReturnConsumedCapacity: "INDEXES" })],
      ["miss", "Scan", { TableName }],
      ["hit", "Scan", { TableName }],
      ["write", "PutItem", { TableName, Item, ReturnValues: "ALL_OLD" }],
      ["write", "PutItem", { TableName, Item }],
      ["write", "UpdateItem", { TableName, Key }],
      ["write", "DeleteItem", { TableName, Key }],
      ["write", "BatchWriteItem", { RequestItems: { [TableName]: [{ PutRequest: { Item } }] } }],
      ["pass", "DescribeTable", { TableName }],
      ["pass", "ListTables", {}],
    ];
    for (const [outcome, operation, input] of kinds) {
      const reply = await p(operation, input);
      checkWire(reply, `${operation} ${outcome}`);
      expect(cacheOf(reply).split(";")[0], operation).toBe(outcome);
    }
  });

  it("41 errors, DynamoDB's and our own", async () => {
    const TableName = await filled();
    for (const [operation, input, name] of [
      ["GetItem", { TableName, Key: {} }, "ValidationException"],
      ["GetItem", { TableName: "no-such-table", Key }, "ResourceNotFoundException"],
      ["PutItem", { TableName, Item: {} }, "ValidationException"],
      ["BatchGetItem", { RequestItems: {} }, "ValidationException"],
      ["NoSuchOperation", {}, "UnknownOperationException"],
    ] as const) {
      const reply = await P(operation, input);
      checkWire(reply, operation);
      expect([reply.status, errorName(reply)]).toEqual([400, name]);
      if (name !== "UnknownOperationException") {
        expect(reply.bytes.toString()).toBe((await D(operation, input)).bytes.toString());
      }
    }
    const header = { headers: { "x-dynatier-cache-control": "only-if-cached" } };
    const notCached = await P("GetItem", get(TableName), header);
    checkWire(notCached, "only-if-cached");
    expect([notCached.status, errorName(notCached)]).toEqual([400, "NotCachedException"]);
  });

  it("41 upstream's errors keep status, type and ThrottlingReasons", async () => {
    const TableName = await filled();
    const throttled = {
      status: 400,
      body: {
        ...(THROTTLED.body as object),
        ThrottlingReasons: [{ reason: "TableReadProvisionedThroughputExceeded", resource: "arn:aws:…" }],
      },
    };
    const unavailable = { status: 503, body: { __type: "com.amazonaws#ServiceUnavailable", message: "x" } };
    for (const fault of [throttled, INTERNAL_ERROR, unavailable]) {
      for (const [operation, input] of [
        ["GetItem", get(TableName)],
        ["GetItem", get(TableName, { ConsistentRead: true })],
        ["BatchGetItem", { RequestItems: { [TableName]: { Keys: [Key] } } }],
        ["Query", query(TableName)],
        ["PutItem", { TableName, Item }],
        ["TransactGetItems", { TransactItems: [{ Get: get(TableName) }] }],
        ["ExecuteStatement", { Statement: `SELECT * FROM "${TableName}"` }],
        ["ListTables", {}],
      ] as const) {
        const remove = bench.upstream.inject(operation, { reply: fault });
        const reply = await P(operation, input);
        remove();
        expect(reply.status, operation).toBe(fault.status);
        expect(reply.body, operation).toEqual(fault.body);
        expect(reply.headers["x-amzn-requestid"]).toBe("INJECTED");
        checkWire(reply, operation);
      }
    }
  });
});

/** The names of all members, however deep. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shape);
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shape(inner)]));
}

function units(value: unknown): number[] {
  if (Array.isArray(value)) return value.flatMap(units);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === "CapacityUnits" ? [inner as number] : units(inner),
  );
}

describe("42 consumed capacity", () => {
  for (const wish of ["TOTAL", "INDEXES"] as const) {
    it(`42 a miss costs what upstream says, a hit nothing, in the same shape: ${wish}`, async () => {
      const TableName = await filled();
      const more = { ReturnConsumedCapacity: wish };
      for (const [operation, input] of [
        ["GetItem", get(TableName, more)],
        ["Query", query(TableName, more)],
        ["Query", query(TableName, { ...more, IndexName: "byRank" })],
        ["Scan", { TableName, ...more }],
        ["Scan", { TableName, IndexName: "byKind", ...more }],
      ] as const) {
        const own = await d(operation, input);
        const [miss, hit] = [await p(operation, input), await p(operation, input)];
        expect(cacheOf(hit)).toBe("hit; tier=memory");
        expect(miss.body).toEqual(own.body);
        expect(shape(hit.body), `${operation} ${JSON.stringify(input)}`).toEqual(shape(own.body));
        expect(units(hit.body.ConsumedCapacity).every((one) => one === 0)).toBe(true);
        expect({ ...hit.body, ConsumedCapacity: 0 }).toEqual({ ...own.body, ConsumedCapacity: 0 });
      }
      const Keys = ["1", "2", "3"].map((pk) => ({ ...Key, pk: { S: pk } }));
      for (const one of Keys.slice(1)) await d("PutItem", { TableName, Item: one });
      const batch = { RequestItems: { [TableName]: { Keys } }, ...more };
      const own = await d("BatchGetItem", batch);
      // One of the three is cached; the two others cost half a unit each.
      const [part, hit] = [await p("BatchGetItem", batch), await p("BatchGetItem", batch)];
      expect(shape(part.body.ConsumedCapacity)).toEqual(shape(own.body.ConsumedCapacity));
      expect(part.body.ConsumedCapacity[0].CapacityUnits).toBe(1);
      expect(shape(hit.body.ConsumedCapacity)).toEqual(shape(own.body.ConsumedCapacity));
      expect(hit.body.ConsumedCapacity[0].CapacityUnits).toBe(0);
    });
  }

  it("42 NONE and no wish give none, and a wrong one is refused in DynamoDB's words", async () => {
    const TableName = await filled();
    for (let i = 0; i < 2; i++) {
      expect((await p("GetItem", get(TableName))).body).toEqual({ Item });
      expect((await p("GetItem", get(TableName, { ReturnConsumedCapacity: "NONE" }))).body).toEqual({ Item });
    }
    const wrong = get(TableName, { ReturnConsumedCapacity: "SOME" });
    const [reply, own] = [await P("GetItem", wrong), await D("GetItem", wrong)];
    expect(reply.status).toBe(400);
    expect(reply.bytes.toString()).toBe(own.bytes.toString());
  });
});

describe("43 PartiQL", () => {
  const insert = (TableName: string, sk: number, v: string) => ({
    Statement: `INSERT INTO "${TableName}" VALUE {'pk': ?, 'sk': ?, 'v': ?}`,
    Parameters: [{ S: "1" }, { N: `${sk}` }, { S: v }],
  });
  const update = (TableName: string, sk: number, v: string) => ({
    Statement: `UPDATE "${TableName}" SET v = '${v}' WHERE pk = '1' AND sk = ${sk}`,
  });
  const remove = (TableName: string, sk: number) => ({
    Statement: `DELETE FROM "${TableName}" WHERE pk = ? AND sk = ?`,
    Parameters: [{ S: "1" }, { N: `${sk}` }],
  });
  const ways = {
    ExecuteStatement: async (statements: object[]) => {
      for (const one of statements) await p("ExecuteStatement", one);
    },
    BatchExecuteStatement: (Statements: object[]) => p("BatchExecuteStatement", { Statements }),
    ExecuteTransaction: (TransactStatements: object[]) => p("ExecuteTransaction", { TransactStatements }),
  };
  for (const [operation, execute] of Object.entries(ways)) {
    it(`43 what ${operation} writes is in the next reads`, async () => {
      const TableName = await bench.table(WITH_INDEXES);
      for (const sk of [1, 2]) await d("PutItem", { TableName, Item: { ...Item, sk: { N: `${sk}` } } });
      const key = (sk: number) => ({ pk: { S: "1" }, sk: { N: `${sk}` } });
      const look = async (ask: typeof p) => ({
        items: [
          await ask("GetItem", { TableName, Key: key(1) }),
          await ask("GetItem", { TableName, Key: key(2) }),
          await ask("GetItem", { TableName, Key: key(3) }),
        ].map((reply) => reply.body),
        query: (await ask("Query", query(TableName))).body,
        scan: (await ask("Scan", { TableName })).body,
      });
      for (let i = 0; i < 2; i++) expect(await look(p)).toEqual(await look(d));
      await execute([update(TableName, 1, "changed"), remove(TableName, 2), insert(TableName, 3, "added")]);
      const after = await look(p);
      expect(after).toEqual(await look(d));
      expect(after.items.map((one) => one.Item?.v)).toEqual([{ S: "changed" }, undefined, { S: "added" }]);
    });
  }

  it("43 SELECT passes and is not cached", async () => {
    const TableName = await filled();
    const Statement = `SELECT v FROM "${TableName}" WHERE pk = '1'`;
    for (let i = 1; i <= 2; i++) {
      const reply = await p("ExecuteStatement", { Statement });
      expect(reply.body.Items).toEqual([{ v: Item.v }]);
      expect(cacheOf(reply)).toBe("pass; reason=partiql");
      expect(bench.upstream.count("ExecuteStatement")).toBe(i);
    }
  });
});
