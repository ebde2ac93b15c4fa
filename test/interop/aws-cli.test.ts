/** The AWS CLI through the proxy: the commands a person types, with --endpoint-url and nothing else changed. */
import { afterAll, beforeAll, beforeEach, describe, expect, inject, type TestContext, test } from "vitest";
import { awsDynamoDb } from "../support/aws-cli.ts";
import { need, type Part } from "../support/install.ts";
import { SETTLED, startProxy, type TestProxy } from "../support/proxy.ts";
import { obtainPythonTools, type PythonTools } from "../support/python.ts";
import { testTables } from "../support/tables.ts";

const tables = testTables(inject("dynamoDbLocalUrl"));
let tools: Part<PythonTools>;
let proxy: TestProxy;
let table: string;

beforeAll(async () => {
  tools = await obtainPythonTools();
  proxy = await startProxy({ settings: SETTLED });
  table = await tables.create({ hash: "pk:S", range: "sk:N" });
}, 300_000);

beforeEach(() => proxy.upstream.reset());

afterAll(async () => {
  await proxy?.stop();
  await tables.deleteAll();
});

type Flags = Readonly<Record<string, string | number | boolean | object>>;

/** Runs a command that must succeed; answers its JSON (an empty object where it prints nothing) and its debug log. */
async function aws(ctx: TestContext, operation: string, parameters: Flags) {
  const all = { "table-name": table, ...parameters };
  const { code, stdout, stderr } = await awsDynamoDb(need(ctx, tools), proxy.url, operation, all);
  expect(code, stderr.slice(-2000)).toBe(0);
  const reply: unknown = stdout.trim() === "" ? {} : JSON.parse(stdout);
  return { reply, stderr };
}

const key = (pk: string, sk = 1) => ({ pk: { S: pk }, sk: { N: String(sk) } });

describe("aws dynamodb", () => {
  test("put-item, get-item twice, the second from memory: its log shows the header", async (ctx) => {
    const item = { ...key("get"), v: { S: "ü" } };
    await aws(ctx, "put-item", { item });
    await aws(ctx, "get-item", { key: key("get") });
    proxy.upstream.reset();
    const { reply, stderr } = await aws(ctx, "get-item", { key: key("get"), debug: true });
    expect(reply).toEqual({ Item: item });
    expect(stderr).toMatch(/'x-dynatier-cache': 'hit/i);
    expect(proxy.upstream.count()).toBe(0);
  });

  test("update-item and delete-item: what is got afterwards is what was written", async (ctx) => {
    await aws(ctx, "put-item", { item: { ...key("change"), n: { N: "1" } } });
    await aws(ctx, "get-item", { key: key("change") });
    const { reply } = await aws(ctx, "update-item", {
      key: key("change"),
      "update-expression": "SET n = n + :one",
      "expression-attribute-values": { ":one": { N: "1" } },
      "return-values": "UPDATED_NEW",
    });
    expect(reply).toEqual({ Attributes: { n: { N: "2" } } });
    const after = await aws(ctx, "get-item", { key: key("change"), "projection-expression": "n" });
    expect(after.reply).toEqual({ Item: { n: { N: "2" } } });
    await aws(ctx, "delete-item", { key: key("change") });
    expect((await aws(ctx, "get-item", { key: key("change") })).reply).toEqual({});
  });

  test("query --page-size walks all pages, the second time without asking upstream", async (ctx) => {
    const requests = Array.from({ length: 12 }, (_, at) => ({ PutRequest: { Item: key("pages", at) } }));
    const written = await awsDynamoDb(need(ctx, tools), proxy.url, "batch-write-item", {
      "request-items": { [table]: requests },
    });
    expect(written.code, written.stderr).toBe(0);
    const query = {
      "key-condition-expression": "pk = :p",
      "expression-attribute-values": { ":p": { S: "pages" } },
      "page-size": 5,
    };
    const first = await aws(ctx, "query", query);
    expect(proxy.upstream.count("Query")).toBe(3);
    proxy.upstream.reset();
    const second = await aws(ctx, "query", query);
    expect(second.reply).toEqual(first.reply);
    expect(second.reply).toMatchObject({ Count: 12 });
    expect(proxy.upstream.count()).toBe(0);
  });

  test("execute-statement and describe-table", async (ctx) => {
    await aws(ctx, "put-item", { item: { ...key("ql"), v: { S: "a" } } });
    const statement = `SELECT v FROM "${table}" WHERE pk='ql' AND sk=1`;
    const selected = await awsDynamoDb(need(ctx, tools), proxy.url, "execute-statement", { statement });
    expect(JSON.parse(selected.stdout)).toMatchObject({ Items: [{ v: { S: "a" } }] });
    const described = await aws(ctx, "describe-table", {});
    expect(described.reply).toMatchObject({ Table: { TableName: table, TableStatus: "ACTIVE" } });
  });

  test("a failed condition and a missing table are told as DynamoDB tells them", async (ctx) => {
    await aws(ctx, "put-item", { item: key("refused") });
    const refused = await awsDynamoDb(need(ctx, tools), proxy.url, "put-item", {
      "table-name": table,
      item: key("refused"),
      "condition-expression": "attribute_not_exists(pk)",
    });
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("(ConditionalCheckFailedException) when calling the PutItem operation");
    const missing = await awsDynamoDb(need(ctx, tools), proxy.url, "get-item", {
      "table-name": `${table}-not`,
      key: key("x"),
    });
    expect(missing.stderr).toContain("(ResourceNotFoundException)");
  });

  test("the metrics count the CLI's hits", async (ctx) => {
    await aws(ctx, "put-item", { item: key("counted") });
    for (let round = 0; round < 2; round++) await aws(ctx, "get-item", { key: key("counted") });
    const metrics = await (await fetch(`${proxy.adminUrl}/metrics`)).text();
    const hits = metrics
      .split("\n")
      .filter((line) => line.startsWith("dynatier_lookups_total{") && line.includes(`table="${table}"`))
      .filter((line) => line.includes('cache="item"') && line.includes('result="hit"'))
      .map((line) => Number(line.split(" ").at(-1)));
    expect(hits[0]).toBeGreaterThan(0);
  });
});
