// Conformance behaviour 39: an unmodified AWS SDK (JavaScript v3), with only its endpoint changed.

import {
  BatchExecuteStatementCommand,
  ConditionalCheckFailedException,
  CreateTableCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  ListTablesCommand,
  paginateQuery,
  ResourceNotFoundException,
  TransactionCanceledException,
  UpdateTimeToLiveCommand,
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
import {
  BatchGetCommand,
  BatchWriteCommand,
  DeleteCommand,
  DynamoDBDocumentClient,
  ExecuteStatementCommand,
  GetCommand,
  PutCommand,
  QueryCommand,
  ScanCommand,
  TransactGetCommand,
  TransactWriteCommand,
  UpdateCommand,
} from "@aws-sdk/lib-dynamodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { useBench } from "../support/bench.ts";
import { createTableInput, deleteTable, uniqueTableName, WITH_INDEXES } from "../support/tables.ts";

const TableName = uniqueTableName("sdk");

describe("39 the AWS SDK for JavaScript v3", () => {
  const bench = useBench();
  let client: DynamoDBClient;
  let documents: DynamoDBDocumentClient;
  const options = () => ({
    endpoint: bench.proxy.url,
    region: "us-east-1",
    credentials: { accessKeyId: "anything", secretAccessKey: "anything" },
  });

  beforeAll(async () => {
    client = new DynamoDBClient(options());
    documents = DynamoDBDocumentClient.from(client);
    const shape = { ...WITH_INDEXES, stream: "NEW_AND_OLD_IMAGES" } as const;
    // The input type lists every index shape; ours is plain JSON.
    const input = createTableInput(TableName, shape) as never as CreateTableCommand["input"];
    await client.send(new CreateTableCommand(input));
    await waitUntilTableExists({ client, maxWaitTime: 30 }, { TableName });
  });
  afterAll(async () => {
    await deleteTable(bench.proxy.url, TableName).catch(() => {});
    client.destroy();
  });

  const Key = { pk: "customer", sk: 1 };
  const Item = {
    ...Key,
    kind: "order",
    score: 3,
    tags: new Set(["a", "b"]),
    bytes: new Uint8Array([0, 1, 255]),
    lines: [{ sku: "x", count: 2 }],
    open: true,
    nothing: null,
  };

  it("39 writes and reads one item", async () => {
    await documents.send(new PutCommand({ TableName, Item }));
    for (let i = 0; i < 2; i++) {
      const { Item: read, $metadata } = await documents.send(new GetCommand({ TableName, Key }));
      expect(read).toEqual(Item);
      expect($metadata.requestId).toBeTruthy();
    }
    const update = new UpdateCommand({
      TableName,
      Key,
      UpdateExpression: "SET score = score + :n",
      ExpressionAttributeValues: { ":n": 4 },
      ReturnValues: "UPDATED_NEW",
    });
    expect((await documents.send(update)).Attributes).toEqual({ score: 7 });
    expect((await documents.send(new GetCommand({ TableName, Key }))).Item).toMatchObject({ score: 7 });
    const condition = { ConditionExpression: "score > :max", ExpressionAttributeValues: { ":max": 100 } };
    await expect(documents.send(new PutCommand({ TableName, Item, ...condition }))).rejects.toThrow(
      ConditionalCheckFailedException,
    );
    const gone = await documents.send(new DeleteCommand({ TableName, Key, ReturnValues: "ALL_OLD" }));
    expect(gone.Attributes).toMatchObject({ score: 7 });
    expect((await documents.send(new GetCommand({ TableName, Key }))).Item).toBeUndefined();
  });

  it("39 batches, queries and scans, page by page", async () => {
    const items = Array.from({ length: 7 }, (_, i) => ({ pk: "batch", sk: i, kind: "k", score: i }));
    const puts = items.map((one) => ({ PutRequest: { Item: one } }));
    await documents.send(new BatchWriteCommand({ RequestItems: { [TableName]: puts } }));
    const Keys = items.map(({ pk, sk }) => ({ pk, sk }));
    for (let i = 0; i < 2; i++) {
      const batch = await documents.send(new BatchGetCommand({ RequestItems: { [TableName]: { Keys } } }));
      expect(batch.Responses?.[TableName]?.toSorted((a, b) => a.sk - b.sk)).toEqual(items);
      const query = new QueryCommand({
        TableName,
        IndexName: "byKind",
        KeyConditionExpression: "kind = :k",
        ExpressionAttributeValues: { ":k": "k" },
        ScanIndexForward: false,
      });
      expect((await documents.send(query)).Items).toEqual(items.toReversed());
      const scan = new ScanCommand({
        TableName,
        FilterExpression: "pk = :p",
        ExpressionAttributeValues: { ":p": "batch" },
      });
      expect((await documents.send(scan)).Count).toBe(7);
      const pages = paginateQuery(
        { client, pageSize: 3 },
        {
          TableName,
          KeyConditionExpression: "pk = :p",
          ExpressionAttributeValues: { ":p": { S: "batch" } },
        },
      );
      const counts = [];
      for await (const page of pages) counts.push(page.Count);
      expect(counts).toEqual([3, 3, 1]);
    }
  });

  it("39 transactions and PartiQL", async () => {
    const Put = { TableName, Item: { pk: "t", sk: 1, v: "put" } };
    await documents.send(new TransactWriteCommand({ TransactItems: [{ Put }] }));
    const Get = { TableName, Key: { pk: "t", sk: 1 } };
    const read = await documents.send(new TransactGetCommand({ TransactItems: [{ Get }] }));
    expect(read.Responses).toEqual([{ Item: Put.Item }]);
    const ConditionCheck = { ...Get, ConditionExpression: "attribute_not_exists(pk)" };
    const cancelled = documents.send(new TransactWriteCommand({ TransactItems: [{ ConditionCheck }] }));
    await expect(cancelled).rejects.toThrow(TransactionCanceledException);
    const Statement = `UPDATE "${TableName}" SET v = 'sql' WHERE pk = 't' AND sk = 1`;
    await documents.send(new ExecuteStatementCommand({ Statement }));
    expect((await documents.send(new GetCommand(Get))).Item).toMatchObject({ v: "sql" });
    const Statements = [{ Statement: `SELECT v FROM "${TableName}" WHERE pk = 't' AND sk = 1` }];
    const batch = await client.send(new BatchExecuteStatementCommand({ Statements }));
    expect(batch.Responses?.[0]?.Item).toEqual({ v: { S: "sql" } });
  });

  it("39 the control plane, streams and errors", async () => {
    expect((await client.send(new ListTablesCommand({}))).TableNames).toContain(TableName);
    const { Table } = await client.send(new DescribeTableCommand({ TableName }));
    expect(Table?.TableStatus).toBe("ACTIVE");
    const TimeToLiveSpecification = { AttributeName: "expires", Enabled: true };
    await client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }));
    const missing = documents.send(new GetCommand({ TableName: "no-such-table", Key }));
    await expect(missing).rejects.toThrow(ResourceNotFoundException);

    const streams = new DynamoDBStreamsClient(options());
    const { Streams } = await streams.send(new ListStreamsCommand({ TableName }));
    const StreamArn = Streams?.[0]?.StreamArn;
    const { StreamDescription } = await streams.send(new DescribeStreamCommand({ StreamArn }));
    const ShardId = StreamDescription?.Shards?.[0]?.ShardId;
    const iterator = new GetShardIteratorCommand({ StreamArn, ShardId, ShardIteratorType: "TRIM_HORIZON" });
    const { ShardIterator } = await streams.send(iterator);
    const { Records } = await streams.send(new GetRecordsCommand({ ShardIterator }));
    expect(Records?.length).toBeGreaterThan(0);
    streams.destroy();

    await client.send(new DeleteTableCommand({ TableName }));
    await waitUntilTableNotExists({ client, maxWaitTime: 30 }, { TableName });
    await expect(documents.send(new GetCommand({ TableName, Key }))).rejects.toThrow(
      ResourceNotFoundException,
    );
  });
});
