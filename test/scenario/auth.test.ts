// `auth: sigv4` on a real listener: who gets in, what stays open, what is counted, and keys that are read anew.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent } from "node:http";
import { connect } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { until } from "../support/bench.ts";
import { startProxy, type TestProxy } from "../support/proxy.ts";
import { type CallReply, call, errorName } from "../support/raw-client.ts";
import { startServed } from "../support/served.ts";
import { type SigningOptions, signedRequest, testKey } from "../support/signing.ts";
import { createTable, deleteTable } from "../support/tables.ts";

const folder = mkdtempSync(path.join(tmpdir(), "dynatier-auth-"));
const keysFile = path.join(folder, "keys.yaml");
const other = { accessKeyId: "AKIDOTHER", secretAccessKey: "another/secret/of/tests", name: "other" };
const guarded = { auth: "sigv4", keys: keysFile };
let TableName: string;

function writeKeys(content: unknown): void {
  writeFileSync(keysFile, typeof content === "string" ? content : JSON.stringify(content), { mode: 0o600 });
}

beforeAll(async () => {
  writeKeys([testKey, other]);
  TableName = await createTable(inject("dynamoDbLocalUrl"));
});
afterAll(async () => {
  await deleteTable(inject("dynamoDbLocalUrl"), TableName);
  rmSync(folder, { recursive: true, force: true });
});

/** Signs a call for this listener and sends it. */
async function signedCall(
  url: string,
  operation: string,
  input: object,
  options: SigningOptions = {},
  agent?: Agent,
): Promise<CallReply> {
  const { host } = new URL(url);
  const headers = { host, "x-amz-target": `DynamoDB_20120810.${operation}` };
  const body = JSON.stringify(input);
  const { rawHeaders, url: target } = await signedRequest({ body, ...options, headers });
  const sent: Record<string, string | undefined> = { authorization: undefined, "x-amz-date": undefined };
  for (let at = 0; at < rawHeaders.length; at += 2) sent[rawHeaders[at] ?? ""] = rawHeaders[at + 1];
  return call(url, operation, body, { headers: sent, path: target, ...(agent && { agent }) });
}

describe("auth: sigv4", () => {
  let proxy: TestProxy;
  beforeAll(async () => {
    proxy = await startProxy({ settings: { ...guarded, settleMs: 0 } });
  });
  afterAll(() => proxy.stop());
  const Key = { pk: { S: "1" } };

  it("serves whoever signs with a known key, hits included, in the header or the query", async () => {
    const Item = { ...Key, v: { S: "ü" } };
    expect((await signedCall(proxy.url, "PutItem", { TableName, Item })).status).toBe(200);
    for (const options of [{}, { presign: { expiresIn: 60 } }, other]) {
      const reply = await signedCall(proxy.url, "GetItem", { TableName, Key }, options);
      expect([reply.status, reply.body]).toEqual([200, { Item }]);
    }
    const hit = await signedCall(proxy.url, "GetItem", { TableName, Key }, other);
    expect(hit.headers["x-dynatier-cache"]).toBe("hit; tier=memory");
  });

  it("refuses everybody else before anything is looked up or sent, and counts it", async () => {
    await signedCall(proxy.url, "GetItem", { TableName, Key });
    proxy.upstream.reset();
    const refusals: [string, Promise<CallReply>][] = [
      [
        "UnrecognizedClientException",
        signedCall(proxy.url, "GetItem", { TableName, Key }, { accessKeyId: "AKIDX" }),
      ],
      [
        "InvalidSignatureException",
        signedCall(proxy.url, "GetItem", { TableName, Key }, { secretAccessKey: "x" }),
      ],
      [
        "InvalidSignatureException",
        signedCall(proxy.url, "GetItem", { TableName, Key }, { region: "eu-west-1" }),
      ],
      [
        "InvalidSignatureException",
        signedCall(proxy.url, "GetItem", { TableName, Key }, { at: new Date(0) }),
      ],
      [
        "UnrecognizedClientException",
        signedCall(proxy.url, "GetItem", { TableName, Key }, { sessionToken: "t" }),
      ],
      ["UnrecognizedClientException", call(proxy.url, "GetItem", { TableName, Key }, { headers: today() })],
      [
        "MissingAuthenticationTokenException",
        call(proxy.url, "GetItem", { TableName, Key }, { headers: { authorization: undefined } }),
      ],
      [
        "IncompleteSignatureException",
        call(
          proxy.url,
          "GetItem",
          { TableName, Key },
          { headers: { authorization: "AWS4-HMAC-SHA256 a=b" } },
        ),
      ],
    ];
    for (const [name, refusal] of refusals) {
      const reply = await refusal;
      expect([reply.status, errorName(reply)]).toEqual([400, name]);
      expect(reply.body.__type).toBe(`com.amazon.coral.service#${name}`);
      expect(reply.headers["content-type"]).toBe("application/x-amz-json-1.0");
      expect(reply.bytes.toString()).not.toContain(testKey.secretAccessKey);
    }
    expect(proxy.upstream.count()).toBe(0);
    const metrics = await (await fetch(`${proxy.adminUrl}/metrics`)).text();
    expect(metrics).toMatch(
      /dynatier_errors_total\{kind="user_error",origin="proxy",error="UnrecognizedClientException"\} 3/,
    );
  });

  it("reads a header that comes twice as a signer joins it, and refuses a second Host", async () => {
    const { host } = new URL(proxy.url);
    const body = JSON.stringify({ TableName, Key });
    const { rawHeaders } = await signedRequest({ body, headers: { host, "x-twice": "a,b  c" } });
    const lines: string[] = [];
    for (let at = 0; at < rawHeaders.length; at += 2) {
      const [name = "", value = ""] = rawHeaders.slice(at, at + 2);
      lines.push(...(name === "x-twice" ? ["X-Twice:   a", "X-Twice: b\t c  "] : [`${name}: ${value}`]));
    }
    const send = (more: readonly string[]) => exchange(proxy.url, [...lines, ...more], body);
    expect(await send([])).toMatch(/^HTTP\/1\.1 200 /);
    expect(await send(["X-Twice: d"])).toMatch(/^HTTP\/1\.1 400 .*InvalidSignatureException/s);
    expect(await send(["Host: localhost"])).toMatch(/^HTTP\/1\.1 400 /);
  });

  it("leaves the health line open", async () => {
    const reply = await fetch(proxy.url);
    expect([reply.status, await reply.text()]).toEqual([200, "healthy: dynamodb.us-east-1.amazonaws.com "]);
  });

  it("may listen on any address without being called insecure", async () => {
    const settings = { ...guarded, host: "0.0.0.0" };
    const open = await startProxy({ settings });
    expect(open.settings.insecure).toBe(false);
    try {
      const address = Object.values(networkInterfaces())
        .flat()
        .find((one) => one?.family === "IPv4" && !one.internal)?.address;
      const url = open.url.replace("0.0.0.0", address ?? "127.0.0.1");
      expect((await signedCall(url, "GetItem", { TableName, Key })).status).toBe(200);
      expect((await call(url, "GetItem", { TableName, Key })).status).toBe(400);
    } finally {
      await open.stop();
    }
  });
});

describe("keys that change", () => {
  it.each([1, 2])("are read anew on SIGHUP by %i workers; a wrong file changes nothing", async (workers) => {
    writeKeys([testKey]);
    const upstream = inject("dynamoDbLocalUrl");
    const served = await startServed({
      upstream,
      region: "us-east-1",
      logLevel: "silent",
      workers,
      ...guarded,
    });
    /** Statuses of calls at once over connections of their own, so that every worker has some. */
    const statuses = async (key: SigningOptions) => {
      const agents = Array.from({ length: 8 }, () => new Agent());
      const replies = agents.map((agent) => signedCall(served.url, "ListTables", {}, key, agent));
      return [...new Set((await Promise.all(replies)).map(({ status }) => status))];
    };
    const settles = (key: SigningOptions, expected: number) =>
      until(
        () => statuses(key),
        (found) => found.join() === `${expected}`,
      );
    try {
      expect([await statuses(testKey), await statuses(other)]).toEqual([[200], [400]]);
      writeKeys([other]);
      expect([await statuses(testKey), await statuses(other)]).toEqual([[200], [400]]);
      process.kill(served.pid, "SIGHUP");
      await settles(other, 200);
      await settles(testKey, 400);
      writeKeys("- { accessKeyId: AKIDTEST }");
      process.kill(served.pid, "SIGHUP");
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect([await statuses(testKey), await statuses(other)]).toEqual([[400], [200]]);
      writeKeys([testKey, other]);
      for (let times = 0; times < 50; times += 1) process.kill(served.pid, "SIGHUP");
      await settles(testKey, 200);
      await settles(other, 200);
    } finally {
      await served.stop();
    }
  });
});

/** The signature-shaped header of the bare client, with today's date. */
function today(): Record<string, string> {
  const now = new Date().toISOString().replaceAll(/[-:]|\.\d{3}/g, "");
  const scope = `test/${now.slice(0, 8)}/us-east-1/dynamodb/aws4_request`;
  const names = "content-type;host;x-amz-date;x-amz-target";
  const authorization = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=${names}, Signature=${"0".repeat(64)}`;
  return { "x-amz-date": now, authorization };
}

/** One request as these very bytes; gives the whole reply. */
function exchange(url: string, headers: readonly string[], body: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let reply = "";
    const socket = connect(Number(port), hostname);
    socket.on("error", reject);
    socket.setEncoding("latin1").on("data", (text: string) => (reply += text));
    socket.on("close", () => resolve(reply));
    const head = [
      "POST / HTTP/1.1",
      ...headers,
      "Connection: close",
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
  });
}
