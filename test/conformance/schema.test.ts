// Conformance behaviour 44: a table that is changed or made anew.

import { describe, expect, inject, it } from "vitest";
import { type Caller, cacheOf, until, useBench } from "../support/bench.ts";
import { errorName } from "../support/raw-client.ts";
import { createTableInput, deleteTable, HASH_ONLY, HASH_RANGE, type TableShape } from "../support/tables.ts";

const REFRESH_MS = 500;
const bench = useBench();
const brief = useBench({ settings: { schemaRefreshMs: REFRESH_MS } });
const { p, d } = bench;

const oldKey = { pk: { S: "1" } };
const newKey = { pk: { S: "1" }, sk: { S: "a" } };
const query = (TableName: string) => ({
  TableName,
  KeyConditionExpression: "pk = :pk",
  ExpressionAttributeValues: { ":pk": { S: "1" } },
});

async function recreate(ask: Caller, TableName: string, shape: TableShape): Promise<void> {
  expect((await ask("DeleteTable", { TableName })).status).toBe(200);
  await until(
    () => ask("DescribeTable", { TableName }),
    (reply) => errorName(reply) === "ResourceNotFoundException",
  );
  expect((await ask("CreateTable", createTableInput(TableName, shape))).status).toBe(200);
  await until(
    () => ask("DescribeTable", { TableName }),
    (reply) => reply.body.Table?.TableStatus === "ACTIVE",
  );
}

/** A table whose item, query and scan are cached by this bench's proxy. */
async function cached(by: typeof bench): Promise<string> {
  const TableName = await by.table(HASH_ONLY);
  await d("PutItem", { TableName, Item: { ...oldKey, v: { S: "old" } } });
  await by.p("GetItem", { TableName, Key: oldKey });
  await by.p("GetItem", { TableName, Key: { pk: { S: "2" } } });
  await by.p("Query", query(TableName));
  await by.p("Scan", { TableName });
  expect(cacheOf(await by.p("Scan", { TableName }))).toBe("hit; tier=memory");
  return TableName;
}

describe("44 through the proxy", () => {
  it("44 a deleted table is gone at once", async () => {
    const TableName = await cached(bench);
    await p("DeleteTable", { TableName });
    await until(
      () => bench.D("DescribeTable", { TableName }),
      (reply) => reply.status !== 200,
    );
    for (const [operation, input] of [
      ["GetItem", { TableName, Key: oldKey }],
      ["Query", query(TableName)],
      ["Scan", { TableName }],
      ["BatchGetItem", { RequestItems: { [TableName]: { Keys: [oldKey] } } }],
    ] as const) {
      const reply = await bench.P(operation, input);
      expect([reply.status, errorName(reply)], operation).toEqual([400, "ResourceNotFoundException"]);
    }
  });

  for (const [what, shape] of [
    ["the same key schema", HASH_ONLY],
    ["another key schema", HASH_RANGE],
  ] as const) {
    it(`44 a table made anew with ${what} has nothing of the old one`, async () => {
      const TableName = await cached(bench);
      await recreate(bench.P, TableName, shape);
      const Key = shape === HASH_ONLY ? oldKey : newKey;
      for (let i = 0; i < 2; i++) {
        expect((await p("GetItem", { TableName, Key })).body).toEqual({});
        expect((await p("Query", query(TableName))).body).toMatchObject({ Count: 0 });
        expect((await p("Scan", { TableName })).body).toMatchObject({ Count: 0 });
      }
      await p("PutItem", { TableName, Item: { ...Key, v: { S: "new" } } });
      for (const outcome of ["hit", "hit"]) {
        const reply = await p("GetItem", { TableName, Key });
        expect(reply.body.Item.v).toEqual({ S: "new" });
        expect(cacheOf(reply).split(";")[0]).toBe(outcome);
      }
      expect((await p("Scan", { TableName })).body).toMatchObject({ Count: 1 });
    });
  }

  it("44 an index added by UpdateTable is used and kept fresh", async () => {
    const TableName = await cached(bench);
    await p("UpdateTable", {
      TableName,
      AttributeDefinitions: [
        { AttributeName: "pk", AttributeType: "S" },
        { AttributeName: "v", AttributeType: "S" },
      ],
      GlobalSecondaryIndexUpdates: [
        {
          Create: {
            IndexName: "byV",
            KeySchema: [{ AttributeName: "v", KeyType: "HASH" }],
            Projection: { ProjectionType: "ALL" },
          },
        },
      ],
    });
    const ofIndex = {
      TableName,
      IndexName: "byV",
      KeyConditionExpression: "v = :v",
      ExpressionAttributeValues: { ":v": { S: "old" } },
    };
    await until(
      () => bench.P("Query", ofIndex),
      (reply) => reply.status === 200 && reply.body.Count === 1,
    );
    await until(
      () => p("Query", ofIndex),
      (reply) => cacheOf(reply).startsWith("hit"),
    );
    await p("PutItem", { TableName, Item: { ...oldKey, v: { S: "moved" } } });
    expect((await p("Query", ofIndex)).body).toMatchObject({ Count: 0 });
    const moved = { ...ofIndex, ExpressionAttributeValues: { ":v": { S: "moved" } } };
    expect((await p("Query", moved)).body).toMatchObject({ Count: 1 });
  });
});

describe("44 behind the proxy's back", () => {
  it("44 a table made anew is noticed within schemaRefreshMs", async () => {
    const TableName = await cached(brief);
    await recreate(brief.D, TableName, HASH_ONLY);
    const { body } = await until(
      () => brief.p("GetItem", { TableName, Key: oldKey }),
      (reply) => !("Item" in reply.body),
    );
    expect(body).toEqual({});
    expect((await brief.p("Query", query(TableName))).body).toMatchObject({ Count: 0 });
    expect((await brief.p("Scan", { TableName })).body).toMatchObject({ Count: 0 });
  });

  it("44 a deleted table is noticed within schemaRefreshMs", async () => {
    const TableName = await cached(brief);
    await deleteTable(inject("dynamoDbLocalUrl"), TableName);
    const gone = await until(
      () => brief.P("GetItem", { TableName, Key: oldKey }),
      (reply) => reply.status === 400,
    );
    expect(errorName(gone)).toBe("ResourceNotFoundException");
    expect(errorName(await brief.P("Scan", { TableName }))).toBe("ResourceNotFoundException");
  });

  for (const [what, touch] of [
    ["a read with the new key", (T: string) => bench.P("GetItem", { TableName: T, Key: newKey })],
    ["a put of a new item and the read of it", putAndGet],
    ["a strong read with the old key", strongRead],
    ["a delete with the old key", (T: string) => bench.P("DeleteItem", { TableName: T, Key: oldKey })],
  ] as const) {
    it(`44 another key schema is noticed by ${what}, long before schemaRefreshMs`, async () => {
      const TableName = await cached(bench);
      await recreate(bench.D, TableName, HASH_RANGE);
      await touch(TableName);
      // What DynamoDB itself says: the key of the old table does not match.
      const refused = await until(
        () => bench.P("GetItem", { TableName, Key: oldKey }),
        (reply) => reply.status === 400,
      );
      expect(errorName(refused)).toBe("ValidationException");
      await p("PutItem", { TableName, Item: { ...newKey, v: { S: "new" } } });
      await until(
        () => p("GetItem", { TableName, Key: newKey }),
        (reply) => cacheOf(reply).startsWith("hit"),
      );
      expect((await p("Query", query(TableName))).body).toMatchObject({ Count: 1 });
    });
  }
});

/** The put alone would also have been right in the old table. */
async function putAndGet(TableName: string) {
  const Item = { ...newKey, v: { S: "put" } };
  await p("PutItem", { TableName, Item });
  expect((await p("GetItem", { TableName, Key: newKey })).body).toEqual({ Item });
}

function strongRead(TableName: string) {
  return bench.P("GetItem", { TableName, Key: oldKey, ConsistentRead: true });
}
