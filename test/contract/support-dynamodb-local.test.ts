// The test support itself: DynamoDB Local comes up, answers, is shared between keys, and leaves nothing
// behind.

import { afterAll, expect, inject, test } from "vitest";
import { startDynamoDbLocal } from "../support/dynamodb-local.ts";
import { call, errorName, mustCall, STREAMS } from "../support/raw-client.ts";
import {
  BINARY_KEYS,
  HASH_ONLY,
  HASH_RANGE,
  NUMBER_KEYS,
  type TableShape,
  testTables,
  uniqueTableName,
  WITH_INDEXES,
} from "../support/tables.ts";

const url = inject("dynamoDbLocalUrl");
const tables = testTables(url);
afterAll(() => tables.deleteAll());

test("the shared instance answers, whatever the access key and region", async () => {
  const TableName = await tables.create();
  await mustCall(url, "PutItem", { TableName, Item: { pk: { S: "a" }, n: { N: "1" } } });
  const authorization =
    "AWS4-HMAC-SHA256 Credential=other/20260101/eu-west-1/dynamodb/aws4_request, " +
    `SignedHeaders=host, Signature=${"0".repeat(64)}`;
  const reply = await call(
    url,
    "GetItem",
    { TableName, Key: { pk: { S: "a" } } },
    { headers: { authorization } },
  );
  expect(reply.status).toBe(200);
  expect(reply.body).toEqual({ Item: { pk: { S: "a" }, n: { N: "1" } } });
  expect(reply.bytes.length).toBe(Number(reply.headers["content-length"]));
});

const shapes: readonly [string, TableShape, object][] = [
  ["hash only", HASH_ONLY, { pk: { S: "a" } }],
  ["hash and range", HASH_RANGE, { pk: { S: "a" }, sk: { S: "b" } }],
  ["numbers", NUMBER_KEYS, { pk: { N: "1" }, sk: { N: "2.5" } }],
  ["binaries", BINARY_KEYS, { pk: { B: "AQ==" }, sk: { B: "Ag==" } }],
  ["indexes", WITH_INDEXES, { pk: { S: "a" }, sk: { N: "1" } }],
];

test.each(shapes)("a table of shape %s takes an item and gives it back", async (_name, shape, Key) => {
  const TableName = await tables.create(shape);
  await mustCall(url, "PutItem", { TableName, Item: Key });
  expect(await mustCall(url, "GetItem", { TableName, Key })).toEqual({ Item: Key });
});

test("a table with a stream, asked at the streams target", async () => {
  const TableName = await tables.create({ ...HASH_ONLY, stream: "NEW_AND_OLD_IMAGES" });
  const body = await mustCall<{ Streams: unknown[] }>(
    url,
    "ListStreams",
    { TableName },
    { targetPrefix: STREAMS },
  );
  expect(body.Streams).toHaveLength(1);
});

test("an error is a reply with a name", async () => {
  const reply = await call(url, "DescribeTable", { TableName: uniqueTableName() });
  expect(reply.status).toBe(400);
  expect(errorName(reply)).toBe("ResourceNotFoundException");
});

test("an instance of one's own starts empty and is gone after stop", async () => {
  const own = await startDynamoDbLocal();
  expect(await mustCall(own.url, "ListTables", {})).toEqual({ TableNames: [] });
  await own.stop();
  await own.stop();
  await expect(call(own.url, "ListTables", {})).rejects.toThrow(/ECONNREFUSED|ECONNRESET|socket hang up/);
});
