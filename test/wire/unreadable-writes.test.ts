// A body that is no JSON for us may still be one for DynamoDB: a write among them must not leave an entry standing.

import { expect, inject, test } from "vitest";
import { startProxy } from "../support/proxy.ts";
import { call, errorName, mustCall } from "../support/raw-client.ts";
import { HASH_ONLY, testTables } from "../support/tables.ts";

test("a write with bytes after its JSON is not sent: DynamoDB Local would take it", async () => {
  const proxy = await startProxy();
  const tables = testTables(inject("dynamoDbLocalUrl"));
  try {
    const TableName = await tables.create(HASH_ONLY);
    const Key = { pk: { S: "a" } };
    await mustCall(proxy.url, "PutItem", { TableName, Item: { ...Key, v: { N: "1" } } });
    const before = await mustCall(proxy.url, "GetItem", { TableName, Key });
    const body = `${JSON.stringify({ TableName, Item: { ...Key, v: { N: "2" } } })} trailing`;
    const put = await call(proxy.url, "PutItem", body);
    const direct = await mustCall(inject("dynamoDbLocalUrl"), "GetItem", {
      TableName,
      Key,
      ConsistentRead: true,
    });
    const after = await mustCall(proxy.url, "GetItem", { TableName, Key });
    expect(put.status).toBe(400);
    expect(errorName(put)).toBe("SerializationException");
    expect([after, direct]).toEqual([before, before]);
    const taken = await call(inject("dynamoDbLocalUrl"), "PutItem", body);
    expect(taken.status).toBe(200);
  } finally {
    await tables.deleteAll();
    await proxy.stop();
  }
});
