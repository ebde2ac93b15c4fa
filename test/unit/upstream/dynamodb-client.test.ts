// The upstream client over real sockets against DynamoDB Local: what goes over the wire, and what comes back.

import { createHash, createHmac } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, inject, test } from "vitest";
import { staticCredentials } from "../../../src/upstream/credentials.ts";
import { createDynamoDbClient } from "../../../src/upstream/dynamodb-client.ts";
import { startEmbedded } from "../../../src/upstream/embedded.ts";
import type { UpstreamRequest } from "../../../src/upstream/upstream.ts";
import { systemClock } from "../../../src/util/clock.ts";
import { type CountingUpstream, startCountingUpstream } from "../../support/counting-upstream.ts";
import { call } from "../../support/raw-client.ts";
import { startScriptedUpstream } from "../../support/scripted-upstream.ts";
import { createTable, testTables } from "../../support/tables.ts";

const direct = inject("dynamoDbLocalUrl");
const tables = testTables(direct);
let counting: CountingUpstream;
let TableName: string;

beforeAll(async () => {
  counting = await startCountingUpstream(direct);
  TableName = await tables.create();
});
afterEach(() => counting.reset());
afterAll(async () => {
  await counting.close();
  await tables.deleteAll();
});

function request(operation: string, input: object, more: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return {
    target: `DynamoDB_20120810.${operation}`,
    body: Buffer.from(JSON.stringify(input)),
    idempotent: true,
    deadlineAtMs: systemClock.nowMs() + 5_000,
    ...more,
  };
}

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});
function client(options: Partial<Parameters<typeof createDynamoDbClient>[0]> = {}) {
  const made = createDynamoDbClient({ upstream: counting.url, region: "us-east-1", ...options });
  open.push(made);
  return made;
}

test("sends the body as it is and hands the reply on byte for byte", async () => {
  const upstream = client();
  const Item = { pk: { S: "a" }, text: { S: 'ü€\u0000 "x"' }, n: { N: "1.50" } };
  expect((await upstream.send(request("PutItem", { TableName, Item }, { idempotent: false }))).status).toBe(
    200,
  );
  const spaced = Buffer.from(`{ "TableName" : "${TableName}",\n "Key": {"pk":{"S":"a"}} }`);
  const reply = await upstream.send({ ...request("GetItem", {}), body: spaced });
  const expected = await call(direct, "GetItem", spaced);
  expect(Buffer.from(reply.body)).toEqual(expected.bytes);
  expect(reply.status).toBe(200);
  expect(reply.crc32).toBe(expected.headers["x-amz-crc32"]);
  expect(reply.contentType).toBe(expected.headers["content-type"]);
  expect(reply.requestId).toMatch(/^[0-9a-zA-Z-]{20,}$/);
  expect(reply.earlierUnknown).toBeUndefined();
  const seen = counting.requests[1];
  expect(seen?.bytes).toEqual(spaced);
  expect(seen?.headers).toMatchObject({
    "x-amz-target": "DynamoDB_20120810.GetItem",
    "content-type": "application/x-amz-json-1.0",
    "accept-encoding": "identity",
    "content-length": String(spaced.length),
    connection: "keep-alive",
  });
});

test("an error of DynamoDB is a reply, and not sent again", async () => {
  const reply = await client().send(request("GetItem", { TableName: "not-there", Key: { pk: { S: "a" } } }));
  expect(reply.status).toBe(400);
  expect(Buffer.from(reply.body).toString()).toContain("ResourceNotFoundException");
  expect(counting.count()).toBe(1);
});

test("keeps its sockets, at most connectionsMax of them", async () => {
  const opened = counting.socketsOpened;
  const upstream = client({ connectionsMax: 3 });
  const read = () => upstream.send(request("GetItem", { TableName, Key: { pk: { S: "a" } } }));
  for (let round = 0; round < 5; round++) {
    const replies = await Promise.all(Array.from({ length: 12 }, read));
    expect(replies.every((reply) => reply.status === 200)).toBe(true);
  }
  expect(counting.count()).toBe(60);
  expect(counting.socketsOpened - opened).toBe(3);
  expect(upstream.stats()).toEqual({ inFlight: 0, queued: 0 });
});

test("the signature is right, by our own reading of Signature Version 4", async () => {
  const secretAccessKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
  const keys = { accessKeyId: "AKIDEXAMPLE", secretAccessKey, sessionToken: "session/token==" };
  const upstream = client({ region: "eu-west-1", credentials: staticCredentials(keys) });
  await upstream.send(request("ListTables", { Limit: 1 }));
  const seen = counting.requests[0];
  const headers = seen?.headers ?? {};
  const pattern =
    "^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/([0-9]{8})/eu-west-1/dynamodb/aws4_request, " +
    "SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$";
  const [, date, signed, given] = new RegExp(pattern).exec(headers.authorization ?? "") ?? [];
  expect(signed).toBe("content-type;host;x-amz-date;x-amz-security-token;x-amz-target");
  expect(headers["x-amz-security-token"]).toBe("session/token==");
  expect(headers["x-amz-date"]?.slice(0, 8)).toBe(date);
  const sha256 = (data: string | Buffer) => createHash("sha256").update(data).digest("hex");
  const hmac = (key: string | Buffer, data: string) => createHmac("sha256", key).update(data).digest();
  const lines = (signed ?? "").split(";").map((name) => `${name}:${String(headers[name])}`);
  const canonical = ["POST", "/", "", ...lines, "", signed, sha256(seen?.bytes ?? "")].join("\n");
  const scope = `${date}/eu-west-1/dynamodb/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, sha256(canonical)].join("\n");
  const key = ["eu-west-1", "dynamodb", "aws4_request"].reduce(
    hmac,
    hmac(`AWS4${secretAccessKey}`, date ?? ""),
  );
  expect(given).toBe(hmac(key, toSign).toString("hex"));
});

test("without credentials nothing is sent, and the failure says why", async () => {
  const upstream = client({
    credentials: { current: () => Promise.reject(new Error("No AWS credentials: none at all")) },
  });
  const failing = upstream.send(request("ListTables", {}, { idempotent: false }));
  await expect(failing).rejects.toMatchObject({ kind: "refused", outcome: "none", message: /none at all/ });
  expect(counting.count()).toBe(0);
  expect(upstream.stats()).toEqual({ inFlight: 0, queued: 0 });
});

test("credentials that never come do not outlast the deadline", async () => {
  const upstream = client({ credentials: { current: () => new Promise(() => {}) } });
  const failing = upstream.send(request("ListTables", {}, { deadlineAtMs: systemClock.nowMs() + 80 }));
  await expect(failing).rejects.toMatchObject({ kind: "timeout", outcome: "none" });
});

test("takes large replies whole, and refuses those over the bound", async () => {
  const large = { blob: "x".repeat(3_000_000) };
  const scripted = await startScriptedUpstream({ Scan: () => large });
  open.push(scripted);
  const reply = await client({ upstream: scripted.url }).send(request("Scan", {}));
  expect(JSON.parse(Buffer.from(reply.body).toString())).toEqual(large);
  const bounded = client({ upstream: scripted.url, replyBytesMax: 1_000_000 });
  await expect(bounded.send(request("Scan", {}, { idempotent: false }))).rejects.toMatchObject({
    kind: "reset",
    outcome: "unknown",
    message: /longer than 1000000 bytes/,
  });
  expect(bounded.stats().inFlight).toBe(0);
});

test("embedded: a table, a write and a read in process, and a quick end", async () => {
  const embedded = await startEmbedded();
  const upstream = client({ upstream: embedded.url });
  const name = await createTable(embedded.url);
  const Item = { pk: { S: "a" } };
  await upstream.send(request("PutItem", { TableName: name, Item }, { idempotent: false }));
  const reply = await upstream.send(request("GetItem", { TableName: name, Key: Item }));
  expect(JSON.parse(Buffer.from(reply.body).toString())).toEqual({ Item });
  const from = performance.now();
  await upstream.close();
  await embedded.close();
  expect(performance.now() - from).toBeLessThan(2_000);
  await expect(call(embedded.url, "ListTables", {})).rejects.toThrow();
});
