// From DescribeTable's reply to a schema: DynamoDB Local's real replies, and forms that only AWS gives.

import { afterAll, expect, inject, test } from "vitest";
import { tableSchemaOf } from "../../../src/upstream/table-description.ts";
import { call, mustCall } from "../../support/raw-client.ts";
import { BINARY_KEYS, HASH_ONLY, type TableShape, testTables, WITH_INDEXES } from "../../support/tables.ts";

const url = inject("dynamoDbLocalUrl");
const tables = testTables(url);
afterAll(() => tables.deleteAll());

async function described(shape: TableShape) {
  const TableName = await tables.create(shape);
  return { TableName, schema: tableSchemaOf((await call(url, "DescribeTable", { TableName })).bytes) };
}

const S = (name: string) => ({ name, type: "S" });
const N = (name: string) => ({ name, type: "N" });

test("a table with indexes", async () => {
  const { TableName, schema } = await described(WITH_INDEXES);
  expect(schema).toMatchObject({
    TableName,
    tableId: `arn:aws:dynamodb:ddblocal:000000000000:table/${TableName}`,
    partitionKey: S("pk"),
    sortKey: N("sk"),
    streamArn: undefined,
  });
  expect([...(schema?.indexes.values() ?? [])]).toEqual([
    { IndexName: "byKind", kind: "global", partitionKey: [S("kind")], sortKey: [N("score")] },
    { IndexName: "byOwner", kind: "global", partitionKey: [S("owner")], sortKey: [] },
    { IndexName: "byRank", kind: "local", partitionKey: [S("pk")], sortKey: [N("rank")] },
  ]);
});

test("binary keys; a partition key alone; a stream", async () => {
  const binary = (await described(BINARY_KEYS)).schema;
  expect([binary?.partitionKey.type, binary?.sortKey?.type]).toEqual(["B", "B"]);
  const streaming = (await described({ ...HASH_ONLY, stream: "NEW_AND_OLD_IMAGES" })).schema;
  expect(streaming?.sortKey).toBeUndefined();
  expect(streaming?.streamArn).toMatch(/^arn:aws:dynamodb:.*\/stream\//);
});

test("a table made anew has another fingerprint though it looks the same; data change nothing", async () => {
  const { TableName, schema } = await described(HASH_ONLY);
  await mustCall(url, "PutItem", { TableName, Item: { pk: { S: "a" } } });
  const later = tableSchemaOf((await call(url, "DescribeTable", { TableName })).bytes);
  expect(later?.fingerprint).toBe(schema?.fingerprint);
  const table = (await mustCall<{ Table: object }>(url, "DescribeTable", { TableName })).Table;
  const anew = bytes({ ...table, CreationDateTime: 1 });
  expect(tableSchemaOf(anew)?.fingerprint).not.toBe(schema?.fingerprint);
});

const base = {
  TableName: "t",
  TableArn: "arn:aws:dynamodb:eu-west-1:123456789012:table/t",
  TableId: "id-1",
  TableStatus: "ACTIVE",
  CreationDateTime: 1_700_000_000.123,
  KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
  AttributeDefinitions: ["pk", "a", "b", "c", "d"].map((AttributeName) => ({
    AttributeName,
    AttributeType: "S",
  })),
};
const key = (names: string, KeyType: string) =>
  [...names].map((AttributeName) => ({ AttributeName, KeyType }));
const gsi = (KeySchema: object[], more: object = {}) => ({
  ...base,
  GlobalSecondaryIndexes: [{ IndexName: "g", KeySchema, Projection: { ProjectionType: "ALL" }, ...more }],
});
const bytes = (Table: object) => Buffer.from(JSON.stringify({ Table }));
const fingerprint = (Table: object) => tableSchemaOf(bytes(Table))?.fingerprint;

test("a GSI with several attributes in each half of its key", () => {
  const schema = tableSchemaOf(bytes(gsi([...key("ab", "HASH"), ...key("cd", "RANGE")])));
  expect(schema?.indexes.get("g")).toEqual({
    IndexName: "g",
    kind: "global",
    partitionKey: [S("a"), S("b")],
    sortKey: [S("c"), S("d")],
  });
});

test("what the fingerprint tells apart, and what it does not", () => {
  const known = fingerprint(gsi(key("ab", "HASH")));
  const others = [
    base,
    gsi(key("ba", "HASH")),
    gsi(key("a", "HASH")),
    gsi([...key("a", "HASH"), ...key("b", "RANGE")]),
    gsi(key("ab", "HASH"), { IndexName: "h" }),
    gsi(key("ab", "HASH"), { Projection: { ProjectionType: "KEYS_ONLY" } }),
    { ...gsi(key("ab", "HASH")), TableId: "id-2" },
    { ...gsi(key("ab", "HASH")), TableArn: "arn:aws:dynamodb:eu-west-1:123456789012:table/u" },
    { ...gsi(key("ab", "HASH")), CreationDateTime: 1_700_000_001 },
    {
      ...gsi(key("ab", "HASH")),
      AttributeDefinitions: base.AttributeDefinitions.map((one) => ({ ...one, AttributeType: "N" })),
    },
  ].map(fingerprint);
  expect(new Set([known, ...others]).size).toBe(others.length + 1);
  const same = {
    ...gsi(key("ab", "HASH"), { IndexStatus: "CREATING", ItemCount: 7 }),
    ItemCount: 9,
    TableSizeBytes: 1,
  };
  expect(fingerprint(same)).toBe(known);
  expect(fingerprint({ ...same, AttributeDefinitions: base.AttributeDefinitions.toReversed() })).toBe(known);
});

test("the name stands in where there is no ARN; attribute names may be anything", () => {
  expect(tableSchemaOf(bytes({ ...base, TableArn: undefined }))?.tableId).toBe("t");
  const odd = JSON.stringify(base).replaceAll('"pk"', '"__proto__"');
  expect(tableSchemaOf(Buffer.from(`{"Table":${odd}}`))?.partitionKey).toEqual(S("__proto__"));
});

test.each([
  ["CREATING", { ...base, TableStatus: "CREATING" }],
  ["DELETING", { ...base, TableStatus: "DELETING" }],
  ["no status", { ...base, TableStatus: undefined }],
  ["a key of no type", { ...base, AttributeDefinitions: [] }],
  ["two partition keys", { ...base, KeySchema: key("ab", "HASH") }],
  ["two sort keys", { ...base, KeySchema: [...key("a", "HASH"), ...key("bc", "RANGE")] }],
  ["an unknown kind of key", { ...base, KeySchema: key("a", "GEO") }],
  ["an index without a key", { ...base, LocalSecondaryIndexes: [{ IndexName: "x" }] }],
  ["an index that is none", { ...base, GlobalSecondaryIndexes: ["x"] }],
])("not a table to cache: %s", (_what, Table) => {
  expect(tableSchemaOf(bytes(Table))).toBeUndefined();
});

test("UPDATING is in use; what is no JSON is no table", () => {
  expect(tableSchemaOf(bytes({ ...base, TableStatus: "UPDATING" }))).toBeDefined();
  for (const text of ["", "[]", "null", "{}", '{"Table":[]}', "<html>"]) {
    expect(tableSchemaOf(Buffer.from(text))).toBeUndefined();
  }
});
