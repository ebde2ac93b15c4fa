/** Tables that change, and writes around the proxy, with several workers in front of DynamoDB Local. */

import { afterAll, afterEach, describe, expect, inject, it } from "vitest";
import { until } from "../support/bench.ts";
import { type Connection, pin } from "../support/pinned-client.ts";
import { SETTLED, startProxy, type TestProxy } from "../support/proxy.ts";
import { mustCall } from "../support/raw-client.ts";
import { eventually, startStreamed } from "../support/streamed.ts";
import { deleteTable, HASH_ONLY, testTables, waitActive } from "../support/tables.ts";

const local = () => inject("dynamoDbLocalUrl");
const tables = testTables(inject("dynamoDbLocalUrl"));
let proxy: TestProxy | undefined;

afterEach(async () => {
  await proxy?.stop();
  proxy = undefined;
});

afterAll(() => tables.deleteAll());

/** A proxy with two workers, and a connection to each. */
async function start(): Promise<[Connection, Connection]> {
  proxy = await startProxy({ settings: { ...SETTLED, workers: 2, streams: "off" } });
  const [a, b] = (await pin(proxy.url, proxy.adminUrl, { workers: 2, each: 1 })).flat();
  return [a!, b!];
}

async function must(
  at: Connection,
  operation: string,
  input: object,
): Promise<{ body: string; cache: string }> {
  const { status, body, cache } = await at.call(operation, input);
  if (status !== 200) throw new Error(`${operation}: ${status} ${body}`);
  return { body, cache };
}

const addIndex = (TableName: string, IndexName: string) => ({
  TableName,
  AttributeDefinitions: [{ AttributeName: "kind", AttributeType: "S" }],
  GlobalSecondaryIndexUpdates: [
    {
      Create: {
        ...{ IndexName, KeySchema: [{ AttributeName: "kind", KeyType: "HASH" }] },
        Projection: { ProjectionType: "ALL" },
      },
    },
  ],
});

const byKind = (TableName: string, IndexName: string) => ({
  ...{ TableName, IndexName, KeyConditionExpression: "kind = :k" },
  ExpressionAttributeValues: { ":k": { S: "x" } },
});

const itemOf = (v: number) => ({ pk: { S: "1" }, kind: { S: "x" }, v: { N: String(v) } });

/** Asks until the answer comes from the cache; that is before a description would have been renewed without cause. */
const untilHit = (at: Connection, operation: string, input: object) =>
  until(
    () => must(at, operation, input),
    ({ cache }) => cache.startsWith("hit"),
    10_000,
  );

describe("an index that one worker has learned of", () => {
  it.each([
    ["through another worker", true],
    ["around the proxy", false],
  ])("created %s: a write through either makes its queries stale", async (_way, isThrough) => {
    const TableName = await tables.create(HASH_ONLY);
    const [a, b] = await start();
    const Key = { pk: { S: "1" } };
    // Both know the table as it was, without the index.
    for (const at of [a, b]) await must(at, "GetItem", { TableName, Key });
    if (isThrough) await must(a, "UpdateTable", addIndex(TableName, "byKind"));
    else await mustCall(local(), "UpdateTable", addIndex(TableName, "byKind"));
    await waitActive(local(), TableName);
    // b learns of it, by a query that did not fit what it knew, and caches the next ones.
    await untilHit(b, "Query", byKind(TableName, "byKind"));
    for (let v = 1; v <= 20; v += 1) {
      await must(a, "PutItem", { TableName, Item: itemOf(v) });
      expect((await must(b, "Query", byKind(TableName, "byKind"))).body).toContain(`"v":{"N":"${v}"}`);
      expect((await must(b, "Query", byKind(TableName, "byKind"))).cache).toMatch(/^hit/);
    }
  });

  it("a write that was under way when another worker learned of the index drops its queries", async () => {
    const TableName = await tables.create(HASH_ONLY);
    const [a, b] = await start();
    for (const at of [a, b]) await must(at, "GetItem", { TableName, Key: { pk: { S: "1" } } });
    const hold = proxy!.upstream.hold(({ operation }) => operation === "PutItem", "before");
    const writing = must(a, "PutItem", { TableName, Item: itemOf(1) });
    await until(
      () => hold.waiting(),
      (waiting) => waiting === 1,
    );
    await mustCall(local(), "UpdateTable", addIndex(TableName, "byKind"));
    await waitActive(local(), TableName);
    await untilHit(b, "Query", byKind(TableName, "byKind"));
    hold.release();
    await writing;
    expect((await must(b, "Query", byKind(TableName, "byKind"))).body).toContain('"v":{"N":"1"}');
  });
});

describe("a table", () => {
  it("that is deleted and made anew through one worker shows nothing old in the other", async () => {
    const TableName = await tables.create(HASH_ONLY);
    const [a, b] = await start();
    const get = { TableName, Key: { pk: { S: "1" } } };
    for (let round = 1; round <= 3; round += 1) {
      const [changer, reader] = round % 2 === 0 ? [b, a] : [a, b];
      await must(changer, "PutItem", { TableName, Item: itemOf(round) });
      await untilHit(reader, "GetItem", get);
      await must(changer, "DeleteTable", { TableName });
      await deleteTable(local(), TableName);
      await must(changer, "CreateTable", {
        ...{
          TableName,
          BillingMode: "PAY_PER_REQUEST",
          KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
        },
        AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
      });
      await waitActive(local(), TableName);
      expect((await must(reader, "GetItem", get)).body).toBe("{}");
      // And what is written to it is seen at once, although nobody may know it yet.
      await must(changer, "PutItem", { TableName, Item: itemOf(100 + round) });
      expect((await must(reader, "GetItem", get)).body).toContain(`"v":{"N":"${100 + round}"}`);
    }
  });
});

describe("a followed stream", () => {
  it("a write around the proxy is noticed by every worker, and the gate is kept open for them", async () => {
    const streamed = await startStreamed(
      { hash: "pk:S", stream: "NEW_AND_OLD_IMAGES" },
      { workers: 2, freshWithinMs: 1000, degradedMaxAgeMs: 0, streams: "require" },
    );
    proxy = streamed.proxy;
    const { TableName } = streamed;
    const [a, b] = (await pin(proxy.url, proxy.adminUrl, { workers: 2, each: 1 })).flat();
    const get = { TableName, Key: { pk: { S: "1" } } };
    for (let v = 1; v <= 10; v += 1) {
      await streamed.around("PutItem", { Item: itemOf(v) });
      for (const at of [a!, b!]) {
        await eventually(
          async () => (await must(at, "GetItem", get)).body.includes(`"v":{"N":"${v}"}`),
          true,
        );
        await untilHit(at, "GetItem", get);
      }
    }
    // With `require` a worker caches only what it was told to be followed; and signs go on coming while nothing happens.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    for (const at of [a!, b!]) expect((await must(at, "GetItem", get)).cache).toMatch(/^hit/);
    expect(await streamed.report()).toMatchObject({ stream: "followed" });
    await streamed.close();
  }, 60_000);
});
