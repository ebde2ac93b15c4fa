// What the differential test has found: each case once more by itself, through the proxy and directly.

import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { SETTLED, startProxy, type TestProxy } from "../support/proxy.ts";
import { call, mustCall } from "../support/raw-client.ts";
import { testTables } from "../support/tables.ts";

const direct = inject("dynamoDbLocalUrl");
const tables = testTables(direct);
let proxy: TestProxy;

beforeAll(async () => {
  proxy = await startProxy({ settings: SETTLED });
});
afterAll(async () => {
  await proxy.stop();
  await tables.deleteAll();
});

/** The same request directly and through the proxy, each on a table of its own. */
async function onBoth(
  operation: string,
  input: (TableName: string) => object,
  TableNames: readonly string[],
) {
  const [first = "", second = ""] = TableNames;
  const replies = [
    await call(direct, operation, input(first)),
    await call(proxy.url, operation, input(second)),
  ];
  return replies.map(({ status, body }) => ({ status, body }));
}

test("a BatchGetItem may not mix AttributesToGet and ProjectionExpression, even for two tables", async () => {
  const [one, other] = [await tables.create(), await tables.create()];
  const Keys = [{ pk: { S: "a" } }];
  const RequestItems = {
    [one]: { Keys, ProjectionExpression: "x" },
    [other]: { Keys, AttributesToGet: ["x"] },
  };
  const [theirs, ours] = await onBoth("BatchGetItem", () => ({ RequestItems }), []);
  expect(theirs?.status).toBe(400);
  expect(ours).toEqual(theirs);
});

test("an UpdateItem that changes nothing and asks for UPDATED_NEW gets upstream's own answer", async () => {
  const names = [await tables.create(), await tables.create()];
  const input = (TableName: string) => ({ TableName, Key: { pk: { S: "a" } }, ReturnValues: "UPDATED_NEW" });
  // DynamoDB Local makes the item and then fails; asked for ALL_NEW, as the proxy once did, it succeeds.
  const [theirs, ours] = await onBoth("UpdateItem", input, names);
  expect(theirs?.status).toBe(500);
  expect(ours).toEqual(theirs);
});

test("a batch of statements that is refused as a whole may have been carried out in part", async () => {
  const TableName = await tables.create();
  const Key = { pk: { S: "a" } };
  await mustCall(proxy.url, "PutItem", { TableName, Item: Key });
  await mustCall(proxy.url, "GetItem", { TableName, Key });
  const update = (n: string) => `UPDATE "${TableName}" SET n = ${n} WHERE pk = 'a'`;
  const Statements = [{ Statement: update("1") }, { Statement: update("2") }];
  const refused = await call(proxy.url, "BatchExecuteStatement", { Statements });
  expect(refused.status).toBe(400);
  const theirs = await mustCall(direct, "GetItem", { TableName, Key });
  expect(theirs).not.toEqual({ Item: Key });
  expect(await mustCall(proxy.url, "GetItem", { TableName, Key })).toEqual(theirs);
});

test("an UpdateItem that is refused for its ReturnConsumedCapacity may have been carried out", async () => {
  const TableName = await tables.create();
  const Key = { pk: { S: "a" } };
  expect(await mustCall(proxy.url, "GetItem", { TableName, Key })).toEqual({});
  const refused = await call(proxy.url, "UpdateItem", {
    TableName,
    Key,
    UpdateExpression: "SET x = :new",
    ExpressionAttributeValues: { ":new": { S: "new" } },
    ReturnConsumedCapacity: "SOME",
  });
  expect(refused.status).toBe(400);
  // DynamoDB Local updates the item and then complains.
  const Item = { ...Key, x: { S: "new" } };
  expect(await mustCall(direct, "GetItem", { TableName, Key })).toEqual({ Item });
  expect(await mustCall(proxy.url, "GetItem", { TableName, Key })).toEqual({ Item });
});
