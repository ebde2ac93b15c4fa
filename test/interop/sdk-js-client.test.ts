/** The AWS SDK for JavaScript v3, low-level client: only `endpoint` differs from what talks to DynamoDB. */
import { Agent } from "node:http";
import {
  BatchGetItemCommand,
  BatchWriteItemCommand,
  ConditionalCheckFailedException,
  CreateTableCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  DynamoDBServiceException,
  ExecuteStatementCommand,
  GetItemCommand,
  PutItemCommand,
  ResourceNotFoundException,
  TransactGetItemsCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  waitUntilTableExists,
  waitUntilTableNotExists,
} from "@aws-sdk/client-dynamodb";
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
  ListStreamsCommand,
} from "@aws-sdk/client-dynamodb-streams";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { INTERNAL_ERROR, THROTTLED } from "../support/faults.ts";
import { SETTLED, startProxy, type TestProxy } from "../support/proxy.ts";
import { HASH_RANGE, testTables, uniqueTableName } from "../support/tables.ts";
import { CONFIG, type WatchedClient, watchedClient } from "./sdk-js-support.ts";

const tables = testTables(inject("dynamoDbLocalUrl"));
let proxy: TestProxy;
let sdk: WatchedClient;
let TableName: string;

beforeAll(async () => {
  proxy = await startProxy({ settings: SETTLED });
  TableName = await tables.create(HASH_RANGE);
  sdk = watchedClient(proxy.url);
});

afterEach(() => {
  proxy.upstream.reset();
  sdk.takeOutcomes();
});

afterAll(async () => {
  sdk?.client.destroy();
  await proxy?.stop();
  await tables.deleteAll();
});

const key = (pk: string, sk = "1") => ({ pk: { S: pk }, sk: { S: sk } });

describe("reads and writes", () => {
  test("every attribute type survives a put, a miss and a hit", async () => {
    const Item = {
      ...key("types"),
      n: { N: "-0.00000000000000000000000000000012345678901234567890123456789012345678" },
      b: { B: new Uint8Array([0, 255, 128]) },
      ss: { SS: ["ä", "z"] },
      ns: { NS: ["1", "2.5"] },
      bs: { BS: [new Uint8Array([1]), new Uint8Array([2])] },
      list: { L: [{ S: "" }, { NULL: true as const }, { BOOL: false }] },
      map: { M: { __proto__x: { S: "kept" }, deep: { M: { constructor: { N: "7" } } } } },
    };
    await sdk.client.send(new PutItemCommand({ TableName, Item }));
    const command = { TableName, Key: key("types") };
    const answers = [];
    for (let round = 0; round < 3; round++) answers.push(await sdk.client.send(new GetItemCommand(command)));
    const outcomes = sdk.takeOutcomes();
    expect(outcomes[0]).toBe("write");
    expect(outcomes.slice(2)).toEqual(["hit", "hit"]);
    const stored = await sdk.client.send(new GetItemCommand({ ...command, ConsistentRead: true }));
    for (const { Item: seen } of answers) expect(seen).toEqual(stored.Item);
    expect(stored.Item?.b).toEqual({ B: new Uint8Array([0, 255, 128]) });
  });

  test("a read after an update is the new item, and then a hit", async () => {
    const { client } = sdk;
    await client.send(new PutItemCommand({ TableName, Item: { ...key("count"), n: { N: "1" } } }));
    const get = () => client.send(new GetItemCommand({ TableName, Key: key("count") }));
    await get();
    const update = { UpdateExpression: "ADD n :one", ExpressionAttributeValues: { ":one": { N: "1" } } };
    for (let expected = 2; expected <= 6; expected++) {
      const added = await client.send(
        new UpdateItemCommand({ TableName, Key: key("count"), ...update, ReturnValues: "UPDATED_NEW" }),
      );
      expect(added.Attributes).toEqual({ n: { N: String(expected) } });
      expect((await get()).Item?.n).toEqual({ N: String(expected) });
      sdk.takeOutcomes();
      expect((await get()).Item?.n).toEqual({ N: String(expected) });
      expect(sdk.takeOutcomes()).toEqual(["hit"]);
    }
  });

  test("batches: the second BatchGetItem asks upstream for nothing", async () => {
    const puts = Array.from({ length: 20 }, (_, at) => ({
      PutRequest: { Item: { ...key("batch", String(at)), at: { N: String(at) } } },
    }));
    await sdk.client.send(new BatchWriteItemCommand({ RequestItems: { [TableName]: puts } }));
    const Keys = puts.map(({ PutRequest: { Item } }) => ({ pk: Item.pk, sk: Item.sk }));
    const read = () => sdk.client.send(new BatchGetItemCommand({ RequestItems: { [TableName]: { Keys } } }));
    const first = await read();
    proxy.upstream.reset();
    const second = await read();
    expect(proxy.upstream.count()).toBe(0);
    const numbers = (reply: typeof first) =>
      (reply.Responses?.[TableName] ?? []).map((item) => Number(item.at?.N)).sort((a, b) => a - b);
    expect(numbers(first)).toEqual(Array.from({ length: 20 }, (_, at) => at));
    expect(numbers(second)).toEqual(numbers(first));
    expect(sdk.takeOutcomes().at(-1)).toBe("hit");
  });

  test("transactions write through, and their cancellation reasons are typed", async () => {
    const { client } = sdk;
    const put = (sk: string, state: string) => ({
      Put: { TableName, Item: { ...key("tx", sk), state: { S: state } } },
    });
    await client.send(new TransactWriteItemsCommand({ TransactItems: [put("1", "old"), put("2", "old")] }));
    const read = () => client.send(new GetItemCommand({ TableName, Key: key("tx", "1") }));
    await read();
    await client.send(new TransactWriteItemsCommand({ TransactItems: [put("1", "new"), put("2", "new")] }));
    expect((await read()).Item?.state).toEqual({ S: "new" });
    const both = await client.send(
      new TransactGetItemsCommand({
        TransactItems: ["1", "2"].map((sk) => ({ Get: { TableName, Key: key("tx", sk) } })),
      }),
    );
    expect(both.Responses?.map(({ Item }) => Item?.state)).toEqual([{ S: "new" }, { S: "new" }]);
    const guarded = { ...put("2", "never").Put, ConditionExpression: "attribute_not_exists(pk)" };
    const refused = client.send(
      new TransactWriteItemsCommand({ TransactItems: [put("1", "never"), { Put: guarded }] }),
    );
    await expect(refused).rejects.toBeInstanceOf(TransactionCanceledException);
    await expect(refused).rejects.toMatchObject({
      CancellationReasons: [{ Code: "None" }, { Code: "ConditionalCheckFailed" }],
    });
    expect((await read()).Item?.state).toEqual({ S: "new" });
  });

  test("PartiQL reads and writes; an item read after a PartiQL write is the new one", async () => {
    const { client } = sdk;
    await client.send(new PutItemCommand({ TableName, Item: { ...key("ql"), v: { N: "1" } } }));
    const read = () => client.send(new GetItemCommand({ TableName, Key: key("ql") }));
    await read();
    await client.send(
      new ExecuteStatementCommand({
        Statement: `UPDATE "${TableName}" SET v=? WHERE pk=? AND sk=?`,
        Parameters: [{ N: "2" }, { S: "ql" }, { S: "1" }],
      }),
    );
    expect((await read()).Item?.v).toEqual({ N: "2" });
    const selected = await client.send(
      new ExecuteStatementCommand({
        Statement: `SELECT v FROM "${TableName}" WHERE pk=?`,
        Parameters: [{ S: "ql" }],
      }),
    );
    expect(selected.Items).toEqual([{ v: { N: "2" } }]);
  });
});

describe("errors and retries", () => {
  test("a failed condition is ConditionalCheckFailedException and carries the item", async () => {
    const Item = { ...key("condition"), v: { N: "1" } };
    await sdk.client.send(new PutItemCommand({ TableName, Item }));
    const failed = sdk.client.send(
      new PutItemCommand({
        TableName,
        Item,
        ConditionExpression: "attribute_not_exists(pk)",
        ReturnValuesOnConditionCheckFailure: "ALL_OLD",
      }),
    );
    await expect(failed).rejects.toBeInstanceOf(ConditionalCheckFailedException);
    await expect(failed).rejects.toMatchObject({ Item, $metadata: { httpStatusCode: 400, attempts: 1 } });
  });

  test("a missing table and a wrong key are the exceptions that DynamoDB gives", async () => {
    const missing = sdk.client.send(new GetItemCommand({ TableName: uniqueTableName(), Key: key("x") }));
    await expect(missing).rejects.toBeInstanceOf(ResourceNotFoundException);
    const wrong = sdk.client.send(new GetItemCommand({ TableName, Key: { pk: { N: "1" }, sk: { S: "1" } } }));
    await expect(wrong).rejects.toMatchObject({ name: "ValidationException" });
    await expect(wrong).rejects.toBeInstanceOf(DynamoDBServiceException);
  });

  test("a throttled write comes back as such and the SDK sends it again", async () => {
    proxy.upstream.inject("PutItem", { reply: THROTTLED, times: 2 });
    const put = await sdk.client.send(new PutItemCommand({ TableName, Item: key("throttled") }));
    expect(put.$metadata.attempts).toBe(3);
    expect(proxy.upstream.count("PutItem")).toBe(3);
  });

  test("a throttling that lasts ends as ProvisionedThroughputExceededException", async () => {
    proxy.upstream.inject("PutItem", { reply: THROTTLED });
    const put = sdk.client.send(new PutItemCommand({ TableName, Item: key("throttled") }));
    await expect(put).rejects.toMatchObject({ name: "ProvisionedThroughputExceededException" });
    const failure: unknown = await put.catch((error: unknown) => error);
    // Every attempt is the SDK's own: nothing was sent twice by the proxy.
    expect(failure).toMatchObject({ $metadata: { attempts: proxy.upstream.count("PutItem") } });
  });

  test("an internal error and an upstream that is gone are retried by the SDK", async () => {
    proxy.upstream.inject("PutItem", { reply: INTERNAL_ERROR, times: 1 });
    const put = await sdk.client.send(new PutItemCommand({ TableName, Item: key("failed") }));
    expect(put.$metadata.attempts).toBe(2);
    proxy.upstream.reset();
    proxy.upstream.inject("PutItem", { drop: "before", times: 1 });
    await sdk.client.send(new PutItemCommand({ TableName, Item: key("lost") }));
    expect(proxy.upstream.count("PutItem")).toBe(2);
  });
});

describe("tables, streams, connections", () => {
  test("waiters see a table come and go", async () => {
    const { client } = sdk;
    const name = uniqueTableName("waited");
    await client.send(
      new CreateTableCommand({
        TableName: name,
        BillingMode: "PAY_PER_REQUEST",
        KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
        AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
      }),
    );
    const patience = { client, maxWaitTime: 20, minDelay: 1, maxDelay: 1 };
    expect(await waitUntilTableExists(patience, { TableName: name })).toMatchObject({ state: "SUCCESS" });
    const described = await client.send(new DescribeTableCommand({ TableName: name }));
    expect(described.Table?.CreationDateTime).toBeInstanceOf(Date);
    await client.send(new DeleteTableCommand({ TableName: name }));
    expect(await waitUntilTableNotExists(patience, { TableName: name })).toMatchObject({ state: "SUCCESS" });
  });

  test("the streams client works against the same endpoint", async () => {
    const name = await tables.create({ hash: "pk:S", stream: "NEW_AND_OLD_IMAGES" });
    await sdk.client.send(new PutItemCommand({ TableName: name, Item: { pk: { S: "seen" } } }));
    const streams = new DynamoDBStreamsClient({ ...CONFIG, endpoint: proxy.url });
    try {
      const listed = await streams.send(new ListStreamsCommand({ TableName: name }));
      const StreamArn = listed.Streams?.[0]?.StreamArn;
      const { StreamDescription } = await streams.send(new DescribeStreamCommand({ StreamArn }));
      const ShardId = StreamDescription?.Shards?.[0]?.ShardId;
      const { ShardIterator } = await streams.send(
        new GetShardIteratorCommand({ StreamArn, ShardId, ShardIteratorType: "TRIM_HORIZON" }),
      );
      const { Records } = await streams.send(new GetRecordsCommand({ ShardIterator }));
      expect(Records?.map((record) => record.dynamodb?.NewImage)).toEqual([{ pk: { S: "seen" } }]);
    } finally {
      streams.destroy();
    }
  });

  test("many calls at once share the SDK's kept-alive sockets, and none fails", async () => {
    const socketsMax = 10;
    const agent = new Agent({ keepAlive: true, maxSockets: socketsMax });
    const { client, takeOutcomes } = watchedClient(proxy.url, { requestHandler: { httpAgent: agent } });
    const ids = Array.from({ length: 40 }, (_, at) => String(at));
    const put = (id: string) =>
      client.send(new PutItemCommand({ TableName, Item: { ...key("many", id), id: { S: id } } }));
    const get = (id: string) => client.send(new GetItemCommand({ TableName, Key: key("many", id) }));
    await Promise.all(ids.map(put));
    await Promise.all(ids.map(get));
    takeOutcomes();
    const before = await openedBy(agent);
    for (let round = 0; round < 5; round++) {
      const replies = await Promise.all(ids.map(get));
      expect(replies.map(({ Item }) => Item?.id?.S)).toEqual(ids);
    }
    expect(new Set(takeOutcomes())).toEqual(new Set(["hit"]));
    expect(before).toBeLessThanOrEqual(socketsMax);
    expect(await openedBy(agent)).toBe(before);
    client.destroy();
  });
});

/** Distinct sockets that an agent keeps idle once nothing is under way. */
async function openedBy(agent: Agent): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 20));
  return Object.values(agent.freeSockets).flat().length;
}
