/** boto3, Python's AWS SDK: nothing is changed but the environment variable that names the endpoint. */
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, inject, type TestContext, test } from "vitest";
import { type CountingUpstream, startCountingUpstream } from "../support/counting-upstream.ts";
import { THROTTLED } from "../support/faults.ts";
import { mustRun, need, type Part, plainEnvironment } from "../support/install.ts";
import { SETTLED, startProxy, type TestProxy } from "../support/proxy.ts";
import { obtainPythonTools, type PythonTools } from "../support/python.ts";
import { call, mustCall } from "../support/raw-client.ts";
import { testTables } from "../support/tables.ts";

const CALLS = path.join(import.meta.dirname, "boto3_calls.py");
const tables = testTables(inject("dynamoDbLocalUrl"));
let tools: Part<PythonTools>;
let proxy: TestProxy;
/** Stands between boto3 and the proxy where a test tampers with the proxy's replies. */
let between: CountingUpstream;
let table: string;

beforeAll(async () => {
  tools = await obtainPythonTools();
  proxy = await startProxy({ settings: SETTLED });
  between = await startCountingUpstream(proxy.url);
  table = await tables.create({ hash: "pk:S", range: "sk:N" });
}, 300_000);

afterEach(() => {
  proxy.upstream.reset();
  between.reset();
});

afterAll(async () => {
  await between?.close();
  await proxy?.stop();
  await tables.deleteAll();
});

/** Runs one function of boto3_calls.py; answers the outcome of each of its calls. */
async function boto3(ctx: TestContext, name: string, url = proxy.url): Promise<string[]> {
  const { python } = need(ctx, tools);
  const env = plainEnvironment({
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_DEFAULT_REGION: "us-east-1",
    AWS_CONFIG_FILE: "/nonexistent",
    AWS_SHARED_CREDENTIALS_FILE: "/nonexistent",
    AWS_ENDPOINT_URL_DYNAMODB: url,
    // For the versions that do not read that variable yet, the one that all services share.
    AWS_ENDPOINT_URL: url,
  });
  return JSON.parse(await mustRun(python, [CALLS, name, table], { env })) as string[];
}

describe("boto3", () => {
  test("the client reads an item three times: the later ones are hits", async (ctx) => {
    const outcomes = await boto3(ctx, "client_reads");
    expect(outcomes[0]).toBe("write");
    expect(outcomes.slice(2, 4)).toEqual(["hit", "hit"]);
  });

  test("the resource gets Decimal, Binary, sets and nested values back from the cache", async (ctx) => {
    const outcomes = await boto3(ctx, "resource_types");
    expect(outcomes.slice(2)).toEqual(["hit", "hit", "hit"]);
  });

  test("after an update or delete the next read is fresh, and the one after it a hit", async (ctx) => {
    const outcomes = await boto3(ctx, "fresh_after_update");
    const rounds = Array.from({ length: 5 }, (_, at) => outcomes.slice(1 + at * 3, 4 + at * 3));
    for (const round of rounds) expect(round).toEqual(["write", expect.any(String), "hit"]);
  });

  test("batch_writer and batch_get_item", async (ctx) => {
    const outcomes = await boto3(ctx, "batch_writer");
    // 62 puts without the 2 doubles make 3 batches; then two equal batch reads.
    expect(outcomes.slice(0, 3)).toEqual(["write", "write", "write"]);
    expect(outcomes[4]).toBe("hit");
  });

  test("paginators of query and scan: the second walk is all hits", async (ctx) => {
    const outcomes = await boto3(ctx, "paginators");
    const queried = outcomes.slice(0, outcomes.indexOf("-"));
    expect(queried).toHaveLength(6);
    expect(queried.slice(3)).toEqual(["hit", "hit", "hit"]);
    const scanned = outcomes.slice(outcomes.indexOf("-") + 1);
    expect(new Set(scanned.slice(scanned.length / 2))).toEqual(new Set(["hit"]));
  });

  test("conditions built by the resource are one cached query", async (ctx) => {
    expect((await boto3(ctx, "conditions_of_the_resource")).at(-1)).toBe("hit");
  });

  test.for(["transactions", "partiql", "typed_errors", "waiters"])(
    "%s behave as they do against DynamoDB",
    async (name, ctx) => {
      expect((await boto3(ctx, name)).length).toBeGreaterThan(0);
    },
  );
});

describe("boto3's own checks", () => {
  test("it finds the proxy's x-amz-crc32 right on a hit, and notices one that is wrong", async (ctx) => {
    const Key = { pk: { S: "one" }, sk: { N: "1" } };
    await mustCall(proxy.url, "PutItem", { TableName: table, Item: { ...Key, v: { S: "kept" } } });
    await mustCall(proxy.url, "GetItem", { TableName: table, Key });
    expect(await boto3(ctx, "one_get", between.url)).toEqual(["hit", "retries=0"]);
    const genuine = await call(proxy.url, "GetItem", { TableName: table, Key });
    const told = Object.entries(genuine.headers).map(([name, value]) => [name, String(value)]);
    const headers = { ...Object.fromEntries(told), "x-amz-crc32": "1" };
    between.inject("GetItem", { reply: { status: 200, body: genuine.bytes, headers }, times: 1 });
    expect((await boto3(ctx, "one_get", between.url)).at(-1)).toBe("retries=1");
  });

  test("a throttled write is sent again by boto3, not by the proxy", async (ctx) => {
    proxy.upstream.inject("PutItem", { reply: THROTTLED, times: 1 });
    expect((await boto3(ctx, "one_put", between.url)).at(-1)).toBe("retries=1");
    expect(between.count("PutItem")).toBe(2);
    expect(proxy.upstream.count("PutItem")).toBe(2);
  });
});
