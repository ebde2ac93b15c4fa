// The table catalog over the real client: DynamoDB Local's tables, an outage, and ARNs at a scripted
// DynamoDB.

import { afterAll, afterEach, beforeAll, expect, inject, test } from "vitest";
import { createDynamoDbClient } from "../../../src/upstream/dynamodb-client.ts";
import { TableCatalog } from "../../../src/upstream/table-catalog.ts";
import { systemClock } from "../../../src/util/clock.ts";
import { type CountingUpstream, startCountingUpstream } from "../../support/counting-upstream.ts";
import { mustCall } from "../../support/raw-client.ts";
import { scriptedError, startScriptedUpstream } from "../../support/scripted-upstream.ts";
import {
  createTable,
  createTableInput,
  deleteTable,
  HASH_ONLY,
  HASH_RANGE,
  testTables,
} from "../../support/tables.ts";

const direct = inject("dynamoDbLocalUrl");
const tables = testTables(direct);
let counting: CountingUpstream;
beforeAll(async () => {
  counting = await startCountingUpstream(direct);
});
afterAll(async () => {
  await counting.close();
  await tables.deleteAll();
});
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  counting.reset();
  for (const close of closers.splice(0)) await close();
});

function catalogOver(url: string, refreshMs = 60_000) {
  const upstream = createDynamoDbClient({ upstream: url, region: "us-east-1" });
  closers.push(() => upstream.close());
  const changes: [string, string | undefined][] = [];
  const catalog = new TableCatalog({
    upstream,
    clock: systemClock,
    refreshMs,
    onChange: (old, next) => void changes.push([old.fingerprint, next?.fingerprint]),
  });
  const get = async (reference: string) => catalog.schema(reference, systemClock.nowMs() + 5_000);
  return { catalog, changes, get };
}

test("a table deleted and made again with another key is noticed by a refresh", async () => {
  const { catalog, changes, get } = catalogOver(counting.url);
  const TableName = await tables.create(HASH_ONLY);
  const first = await get(TableName);
  expect(first?.sortKey).toBeUndefined();
  await deleteTable(direct, TableName);
  await createTable(direct, HASH_RANGE, TableName);
  expect(await get(TableName)).toBe(first);
  const next = await catalog.refresh(TableName);
  expect(next?.sortKey).toEqual({ name: "sk", type: "S" });
  expect(await get(TableName)).toBe(next);
  expect(changes).toEqual([[first?.fingerprint, next?.fingerprint]]);
});

test("and within refreshMs without being told", async () => {
  const { changes, get } = catalogOver(counting.url, 200);
  const TableName = await tables.create(HASH_ONLY);
  const first = await get(TableName);
  await deleteTable(direct, TableName);
  await createTable(direct, HASH_RANGE, TableName);
  await new Promise((resolve) => setTimeout(resolve, 210));
  expect((await get(TableName))?.fingerprint).not.toBe(first?.fingerprint);
  expect(changes).toHaveLength(1);
  await deleteTable(direct, TableName);
  await new Promise((resolve) => setTimeout(resolve, 210));
  expect(await get(TableName)).toBeUndefined();
  expect(changes).toHaveLength(2);
});

test("a describe held on its way while the table changes is not kept after forget", async () => {
  const { catalog, get } = catalogOver(counting.url);
  const TableName = await tables.create(HASH_ONLY);
  const held = counting.hold("DescribeTable", "after", 1);
  const early = get(TableName);
  await held.arrived;
  await expect.poll(() => held.waiting()).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await deleteTable(direct, TableName);
  await mustCall(direct, "CreateTable", createTableInput(TableName, HASH_RANGE));
  catalog.forget(TableName);
  held.release();
  expect((await early)?.sortKey?.name).toBe("sk");
  expect(counting.count("DescribeTable")).toBe(2);
});

test("the schema survives an upstream that is away", async () => {
  const { get } = catalogOver(counting.url, 100);
  const TableName = await tables.create();
  const first = await get(TableName);
  await counting.down();
  await new Promise((resolve) => setTimeout(resolve, 120));
  expect(await get(TableName)).toBe(first);
  expect(await get("never-seen")).toBeUndefined();
  await counting.up();
});

test("by ARN, with keys that DynamoDB Local does not know", async () => {
  const TableArn = "arn:aws:dynamodb:us-east-1:123456789012:table/t";
  const Table = {
    TableName: "t",
    TableArn,
    TableStatus: "ACTIVE",
    KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
    AttributeDefinitions: ["pk", "x", "y"].map((AttributeName) => ({ AttributeName, AttributeType: "N" })),
    GlobalSecondaryIndexes: [
      { IndexName: "g", KeySchema: ["x", "y"].map((AttributeName) => ({ AttributeName, KeyType: "HASH" })) },
    ],
  };
  const known = new Set(["t", TableArn]);
  const scripted = await startScriptedUpstream({
    DescribeTable: ({ input }) =>
      known.has(String(input.TableName)) ? { Table } : scriptedError("ResourceNotFoundException"),
  });
  closers.push(() => scripted.close());
  const { get } = catalogOver(scripted.url);
  const byArn = await get(TableArn);
  expect(byArn?.indexes.get("g")?.partitionKey.map(({ name }) => name)).toEqual(["x", "y"]);
  expect(await get("t")).toBe(byArn);
  expect(await get(`${TableArn}2`)).toBeUndefined();
  expect(scripted.count("DescribeTable")).toBe(3);
});
