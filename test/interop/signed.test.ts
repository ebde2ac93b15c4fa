/** `auth: sigv4` before real clients (SDK for JavaScript, boto3, AWS CLI): a right key, and what is wrong in practice. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  BatchWriteItemCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
} from "@aws-sdk/client-dynamodb";
import { DynamoDBStreamsClient, ListStreamsCommand } from "@aws-sdk/client-dynamodb-streams";
import { afterAll, beforeAll, describe, expect, inject, type TestContext, test } from "vitest";
import { awsDynamoDb } from "../support/aws-cli.ts";
import { mustRun, need, type Part, plainEnvironment } from "../support/install.ts";
import { SETTLED, startProxy, type TestProxy } from "../support/proxy.ts";
import { obtainPythonTools, type PythonTools } from "../support/python.ts";
import { testTables } from "../support/tables.ts";
import { watchedClient } from "./sdk-js-support.ts";

const CALLS = path.join(import.meta.dirname, "boto3_calls.py");
const folder = mkdtempSync(path.join(tmpdir(), "dynatier-signed-"));
const right = { accessKeyId: "AKIDINTEROP", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const wrongSecret = { ...right, secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEX" };
const unknownKey = { ...right, accessKeyId: "AKIDNOBODY" };
type Credentials = typeof right & { readonly sessionToken?: string };

const doesNotMatch =
  "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key " +
  "and signing method. Consult the service documentation for details.";
const unrecognized = "The security token included in the request is invalid.";

const tables = testTables(inject("dynamoDbLocalUrl"));
let tools: Part<PythonTools>;
let proxy: TestProxy;
let TableName: string;

beforeAll(async () => {
  const keys = path.join(folder, "keys.yaml");
  writeFileSync(keys, JSON.stringify([right]), { mode: 0o600 });
  tools = await obtainPythonTools();
  proxy = await startProxy({ settings: { ...SETTLED, auth: "sigv4", keys } });
  TableName = await tables.create({ hash: "pk:S", range: "sk:N" });
}, 300_000);

afterAll(async () => {
  await proxy?.stop();
  await tables.deleteAll();
  rmSync(folder, { recursive: true, force: true });
});

const Key = { pk: { S: "one" }, sk: { N: "1" } };

describe("the SDK for JavaScript", () => {
  const get = new GetItemCommand({ TableName: "", Key });
  const client = (credentials: Credentials, more = {}) => watchedClient(proxy.url, { credentials, ...more });
  const refusal = (credentials: Credentials, more = {}) => {
    get.input.TableName = TableName;
    return expect(client(credentials, more).client.send(get)).rejects;
  };

  test("a right key reads, writes and hits, with any text in the items", async () => {
    const { client: sdk, takeOutcomes } = client(right);
    const Item = { ...Key, v: { S: "kept, ü, \u{1f600}" } };
    await sdk.send(new PutItemCommand({ TableName, Item }));
    takeOutcomes();
    for (const outcome of ["hit", "hit"]) {
      expect((await sdk.send(new GetItemCommand({ TableName, Key }))).Item).toEqual(Item);
      expect(takeOutcomes()).toEqual([outcome]);
    }
    const puts = Array.from({ length: 25 }, (_, at) => ({
      PutRequest: { Item: { ...Key, sk: { N: `${at}` } } },
    }));
    await sdk.send(new BatchWriteItemCommand({ RequestItems: { [TableName]: puts } }));
    const query = { KeyConditionExpression: "pk = :p", ExpressionAttributeValues: { ":p": Key.pk } };
    expect((await sdk.send(new QueryCommand({ TableName, ...query }))).Count).toBe(25);
  });

  test("DynamoDB Streams, which are signed for the same service", async () => {
    const streams = new DynamoDBStreamsClient({
      endpoint: proxy.url,
      region: "us-east-1",
      credentials: right,
    });
    expect((await streams.send(new ListStreamsCommand({}))).Streams).toBeInstanceOf(Array);
  });

  test("a wrong secret, an unknown key, a session token", async () => {
    await refusal(wrongSecret).toMatchObject({ name: "InvalidSignatureException", message: doesNotMatch });
    await refusal(unknownKey).toMatchObject({ name: "UnrecognizedClientException", message: unrecognized });
    const temporary = { ...right, sessionToken: "token" };
    await refusal(temporary).toMatchObject({ name: "UnrecognizedClientException" });
  });

  test("a clock 20 minutes off: told both times; with a retry the SDK sets itself right by our Date", async () => {
    const off = { systemClockOffset: -20 * 60_000 };
    await refusal(right, { ...off, maxAttempts: 1 }).toMatchObject({
      name: "InvalidSignatureException",
      message: expect.stringMatching(
        /^Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(.* - 15 min/,
      ),
    });
    const { client: sdk } = client(right, off);
    expect((await sdk.send(new GetItemCommand({ TableName, Key }))).$metadata.httpStatusCode).toBe(200);
  });

  test("another region", async () => {
    await refusal(right, { region: "eu-west-1" }).toMatchObject({
      name: "InvalidSignatureException",
      message: expect.stringContaining("Credential should be scoped to a valid region, not 'eu-west-1'."),
    });
  });
});

const variables = ({ accessKeyId, secretAccessKey }: Credentials) => ({
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
});

describe("boto3", () => {
  async function boto3(ctx: TestContext, name: string, credentials: Credentials): Promise<string[]> {
    const { python } = need(ctx, tools);
    const env = plainEnvironment({
      ...variables(credentials),
      AWS_DEFAULT_REGION: "us-east-1",
      AWS_CONFIG_FILE: "/nonexistent",
      AWS_SHARED_CREDENTIALS_FILE: "/nonexistent",
      AWS_ENDPOINT_URL_DYNAMODB: proxy.url,
      AWS_ENDPOINT_URL: proxy.url,
    });
    return JSON.parse(await mustRun(python, [CALLS, name, TableName], { env })) as string[];
  }

  test("a right key", async (ctx) => {
    expect((await boto3(ctx, "client_reads", right)).slice(2, 4)).toEqual(["hit", "hit"]);
  });

  test("a wrong secret and an unknown key", async (ctx) => {
    const last = async (credentials: Credentials) => (await boto3(ctx, "refusal", credentials)).at(-1);
    expect(await last(wrongSecret)).toBe(`InvalidSignatureException: ${doesNotMatch}`);
    expect(await last(unknownKey)).toBe(`UnrecognizedClientException: ${unrecognized}`);
  });

  test("a clock 20 minutes slow, and one 20 minutes fast", async (ctx) => {
    expect((await boto3(ctx, "refusal_of_a_slow_clock", right)).at(-1)).toMatch(
      /^InvalidSignatureException: Signature expired: \d{8}T\d{6}Z is now earlier than /,
    );
    expect((await boto3(ctx, "refusal_of_a_fast_clock", right)).at(-1)).toMatch(
      /^InvalidSignatureException: Signature not yet current: \d{8}T\d{6}Z is still later than /,
    );
  });
});

describe("the AWS CLI", () => {
  const aws = (ctx: TestContext, credentials: Credentials) =>
    awsDynamoDb(need(ctx, tools), proxy.url, "list-tables", {}, variables(credentials));

  test("a right key, a wrong secret, an unknown key", async (ctx) => {
    const listed = await aws(ctx, right);
    expect(listed.code, listed.stderr).toBe(0);
    expect(JSON.parse(listed.stdout).TableNames).toContain(TableName);
    const wrong = await aws(ctx, wrongSecret);
    expect(wrong.code).not.toBe(0);
    expect(wrong.stderr).toContain(
      `(InvalidSignatureException) when calling the ListTables operation: ${doesNotMatch}`,
    );
    expect((await aws(ctx, unknownKey)).stderr).toContain(`(UnrecognizedClientException)`);
  });
});
