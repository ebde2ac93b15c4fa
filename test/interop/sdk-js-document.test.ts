/** The AWS SDK's document client and its paginators through the proxy. */
import { TransactionCanceledException } from "@aws-sdk/client-dynamodb";
import {
  BatchExecuteStatementCommand,
  BatchGetCommand,
  BatchWriteCommand,
  DeleteCommand,
  DynamoDBDocumentClient,
  ExecuteStatementCommand,
  ExecuteTransactionCommand,
  GetCommand,
  NumberValue,
  PutCommand,
  paginateQuery,
  paginateScan,
  QueryCommand,
  TransactGetCommand,
  TransactWriteCommand,
  UpdateCommand,
} from "@aws-sdk/lib-dynamodb";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { SETTLED, startProxy, type TestProxy } from "../support/proxy.ts";
import { testTables, WITH_INDEXES } from "../support/tables.ts";
import { pagesOf, type WatchedClient, watchedClient } from "./sdk-js-support.ts";

const tables = testTables(inject("dynamoDbLocalUrl"));
const ITEMS = 25;
const PAGE = 7;
let proxy: TestProxy;
let sdk: WatchedClient;
let documents: DynamoDBDocumentClient;
let TableName: string;

beforeAll(async () => {
  proxy = await startProxy({ settings: SETTLED });
  TableName = await tables.create(WITH_INDEXES);
  sdk = watchedClient(proxy.url);
  documents = DynamoDBDocumentClient.from(sdk.client, { marshallOptions: { removeUndefinedValues: true } });
  const requests = Array.from({ length: ITEMS }, (_, at) => ({
    PutRequest: { Item: { pk: "list", sk: at, rank: ITEMS - at, kind: at % 2 ? "odd" : "even", score: at } },
  }));
  await documents.send(new BatchWriteCommand({ RequestItems: { [TableName]: requests } }));
});

beforeEach(() => void sdk.takeOutcomes());

afterAll(async () => {
  sdk?.client.destroy();
  await proxy?.stop();
  await tables.deleteAll();
});

const numbers = (pages: readonly { Items?: Record<string, unknown>[] | undefined }[], name = "sk") =>
  pages.flatMap(({ Items }) => (Items ?? []).map((item) => Number(item[name])));
const upTo = (count: number) => Array.from({ length: count }, (_, at) => at);

describe("document client", () => {
  test("native types go in and come out of the cache", async () => {
    const Item = {
      pk: "native",
      sk: 1,
      text: "ü",
      flag: true,
      nothing: null,
      bytes: new Uint8Array([1, 2, 3]),
      tags: new Set(["a", "b"]),
      list: [1, "two", { three: 3 }],
      left: undefined,
    };
    const { left: _, ...expected } = Item;
    await documents.send(new PutCommand({ TableName, Item }));
    const Key = { pk: "native", sk: 1 };
    expect((await documents.send(new GetCommand({ TableName, Key }))).Item).toEqual(expected);
    sdk.takeOutcomes();
    expect((await documents.send(new GetCommand({ TableName, Key }))).Item).toEqual(expected);
    const projected = await documents.send(
      new GetCommand({
        TableName,
        Key,
        ProjectionExpression: "#l[2].three, flag",
        ExpressionAttributeNames: { "#l": "list" },
      }),
    );
    expect(projected.Item).toEqual({ list: [{ three: 3 }], flag: true });
    expect(sdk.takeOutcomes()).toEqual(["hit", "hit"]);
  });

  test("a number of 38 digits keeps all of them", async () => {
    const digits = "12345678901234567890123456789012345678";
    await documents.send(
      new PutCommand({ TableName, Item: { pk: "exact", sk: 1, n: NumberValue.from(digits) } }),
    );
    const own = watchedClient(proxy.url);
    const exact = DynamoDBDocumentClient.from(own.client, { unmarshallOptions: { wrapNumbers: true } });
    const read = () => exact.send(new GetCommand({ TableName, Key: { pk: "exact", sk: 1 } }));
    await read();
    own.takeOutcomes();
    expect(String((await read()).Item?.n)).toBe(digits);
    expect(own.takeOutcomes()).toEqual(["hit"]);
    own.client.destroy();
  });

  test("update and delete are seen by the next read", async () => {
    const Key = { pk: "change", sk: 1 };
    await documents.send(new PutCommand({ TableName, Item: { ...Key, list: ["a"] } }));
    const read = async () => (await documents.send(new GetCommand({ TableName, Key }))).Item;
    await read();
    const { Attributes } = await documents.send(
      new UpdateCommand({
        TableName,
        Key,
        UpdateExpression: "SET #l = list_append(#l, :more)",
        ExpressionAttributeNames: { "#l": "list" },
        ExpressionAttributeValues: { ":more": ["b"] },
        ReturnValues: "ALL_NEW",
      }),
    );
    expect(Attributes).toEqual({ ...Key, list: ["a", "b"] });
    expect(await read()).toEqual(Attributes);
    await documents.send(new DeleteCommand({ TableName, Key }));
    expect(await read()).toBeUndefined();
    sdk.takeOutcomes();
    expect(await read()).toBeUndefined();
    expect(sdk.takeOutcomes()).toEqual(["negative-hit"]);
  });

  test("batch and transact commands", async () => {
    const Keys = upTo(5).map((sk) => ({ pk: "list", sk }));
    const batch = () => documents.send(new BatchGetCommand({ RequestItems: { [TableName]: { Keys } } }));
    await batch();
    sdk.takeOutcomes();
    const found = (await batch()).Responses?.[TableName] ?? [];
    expect(numbers([{ Items: found }]).sort()).toEqual(upTo(5));
    expect(sdk.takeOutcomes()).toEqual(["hit"]);
    const Put = { TableName, Item: { pk: "tx", sk: 1, v: 1 } };
    await documents.send(new TransactWriteCommand({ TransactItems: [{ Put }], ClientRequestToken: "once" }));
    const got = await documents.send(
      new TransactGetCommand({ TransactItems: [{ Get: { TableName, Key: { pk: "tx", sk: 1 } } }] }),
    );
    expect(got.Responses?.[0]?.Item).toEqual(Put.Item);
    const absent = { ...Put, ConditionExpression: "attribute_not_exists(pk)" };
    const refused = documents.send(new TransactWriteCommand({ TransactItems: [{ Put: absent }] }));
    await expect(refused).rejects.toBeInstanceOf(TransactionCanceledException);
  });

  test("PartiQL in its three operations", async () => {
    const insert = `INSERT INTO "${TableName}" VALUE {'pk': ?, 'sk': ?, 'v': ?}`;
    const read = async () =>
      (await documents.send(new GetCommand({ TableName, Key: { pk: "ql", sk: 1 } }))).Item;
    expect(await read()).toBeUndefined();
    await documents.send(new ExecuteStatementCommand({ Statement: insert, Parameters: ["ql", 1, "a"] }));
    expect(await read()).toMatchObject({ v: "a" });
    const update = `UPDATE "${TableName}" SET v=? WHERE pk=? AND sk=?`;
    await documents.send(
      new BatchExecuteStatementCommand({ Statements: [{ Statement: update, Parameters: ["b", "ql", 1] }] }),
    );
    expect(await read()).toMatchObject({ v: "b" });
    const TransactStatements = [{ Statement: update, Parameters: ["c", "ql", 1] }];
    await documents.send(new ExecuteTransactionCommand({ TransactStatements }));
    expect(await read()).toMatchObject({ v: "c" });
  });
});

describe("paginators", () => {
  const byPartition = () => ({
    TableName,
    KeyConditionExpression: "pk = :p",
    ExpressionAttributeValues: { ":p": "list" },
  });

  test("paginateQuery: the second walk is all hits, page by page the same", async () => {
    const walk = () => pagesOf(paginateQuery({ client: documents, pageSize: PAGE }, byPartition()));
    const first = await walk();
    sdk.takeOutcomes();
    proxy.upstream.reset();
    const second = await walk();
    expect(numbers(first)).toEqual(upTo(ITEMS));
    expect(second.map(({ Items, LastEvaluatedKey }) => ({ Items, LastEvaluatedKey }))).toEqual(
      first.map(({ Items, LastEvaluatedKey }) => ({ Items, LastEvaluatedKey })),
    );
    expect(sdk.takeOutcomes()).toEqual(Array(Math.ceil(ITEMS / PAGE)).fill("hit"));
    expect(proxy.upstream.count()).toBe(0);
  });

  test("paginateQuery on both kinds of index, backwards too", async () => {
    const local = { ...byPartition(), IndexName: "byRank", ScanIndexForward: false };
    const global = {
      TableName,
      IndexName: "byKind",
      KeyConditionExpression: "kind = :k",
      ExpressionAttributeValues: { ":k": "odd" },
    };
    for (const query of [local, global]) {
      // A copy each time: the paginator writes its position into the request.
      const walk = () => pagesOf(paginateQuery({ client: documents, pageSize: PAGE }, { ...query }));
      const first = numbers(await walk());
      sdk.takeOutcomes();
      expect(numbers(await walk())).toEqual(first);
      expect(first).toEqual(query === local ? upTo(ITEMS) : upTo(ITEMS).filter((at) => at % 2));
      expect(new Set(sdk.takeOutcomes())).toEqual(new Set(["hit"]));
    }
  });

  test("paginateScan: hits the second time; a write makes the next walk fresh", async () => {
    const filter = { FilterExpression: "pk = :p", ExpressionAttributeValues: { ":p": "list" } };
    const walk = () => pagesOf(paginateScan({ client: documents, pageSize: PAGE }, { TableName, ...filter }));
    await walk();
    sdk.takeOutcomes();
    expect(numbers(await walk()).sort((a, b) => a - b)).toEqual(upTo(ITEMS));
    expect(new Set(sdk.takeOutcomes())).toEqual(new Set(["hit"]));
    await documents.send(new PutCommand({ TableName, Item: { pk: "list", sk: ITEMS, rank: 0 } }));
    expect(numbers(await walk()).sort((a, b) => a - b)).toEqual(upTo(ITEMS + 1));
    await documents.send(new DeleteCommand({ TableName, Key: { pk: "list", sk: ITEMS } }));
    const count = await documents.send(new QueryCommand({ ...byPartition(), Select: "COUNT" }));
    expect(count.Count).toBe(ITEMS);
  });
});
