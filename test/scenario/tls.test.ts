// The endpoint over TLS, and with client certificates. Certificates are made here with openssl.

import { writeFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { until } from "../support/bench.ts";
import { Certificates } from "../support/certificates.ts";
import { settingsFor, startProxy, type TestProxy } from "../support/proxy.ts";
import { mustCall } from "../support/raw-client.ts";
import { createTable, deleteTable } from "../support/tables.ts";

const certificates = new Certificates();
const file = (name: string) => certificates.file(name);
const pem = (name: string) => certificates.pem(name);

interface TlsReply {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly cache: string;
}

function tlsCall(url: string, operation: string, input: object, agent: Agent): Promise<TlsReply> {
  const headers = {
    "content-type": "application/x-amz-json-1.0",
    "x-amz-target": `DynamoDB_20120810.${operation}`,
  };
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: "POST", headers, agent }, async (incoming) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      const body = JSON.parse(Buffer.concat(chunks).toString("utf8"));
      resolve({
        status: incoming.statusCode ?? 0,
        body,
        cache: String(incoming.headers["x-dynatier-cache"]),
      });
    });
    outgoing.once("error", reject);
    outgoing.end(JSON.stringify(input));
  });
}

const Key = { pk: { S: "1" } };
const Item = { ...Key, v: { S: "x".repeat(100_000) } };
let TableName: string;

beforeAll(async () => {
  certificates.makeAll();
  TableName = await createTable(inject("dynamoDbLocalUrl"));
  await mustCall(inject("dynamoDbLocalUrl"), "PutItem", { TableName, Item });
});
afterAll(async () => {
  await deleteTable(inject("dynamoDbLocalUrl"), TableName);
  certificates.remove();
});

const serverFiles = () => ({ tlsCert: file("server.pem"), tlsKey: file("server.key") });

describe("TLS", () => {
  let proxy: TestProxy;
  beforeAll(async () => {
    proxy = await startProxy({ settings: serverFiles() });
  });
  afterAll(() => proxy.stop());

  it("serves over TLS with the certificate of the settings, and keeps connections", async () => {
    expect(proxy.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const agent = new Agent({ ca: pem("ca.pem"), keepAlive: true, maxSockets: 1 });
    const ports: unknown[] = [];
    agent.on("free", (socket) => ports.push(socket.localPort));
    for (const cache of ["miss", "hit; tier=memory"]) {
      const reply = await tlsCall(proxy.url, "GetItem", { TableName, Key }, agent);
      expect(reply).toEqual({ status: 200, body: { Item }, cache });
    }
    const put = await tlsCall(proxy.url, "PutItem", { TableName, Item }, agent);
    expect([put.status, put.cache]).toEqual([200, "write"]);
    await until(
      () => ports.length,
      (count) => count === 3,
    );
    expect(new Set(ports).size).toBe(1);
    agent.destroy();
  });

  it("a caller who does not trust the certificate gets nothing, nor does one without TLS", async () => {
    const distrusting = new Agent({ ca: pem("stranger.pem") });
    await expect(tlsCall(proxy.url, "ListTables", {}, distrusting)).rejects.toThrow(/certificate/);
    const plain = proxy.url.replace("https:", "http:");
    await expect(fetch(plain)).rejects.toThrow();
    // And the others are served as before.
    const agent = new Agent({ ca: pem("ca.pem") });
    expect((await tlsCall(proxy.url, "ListTables", {}, agent)).status).toBe(200);
  });

  it("stops with TLS connections open", async () => {
    const second = await startProxy({ settings: serverFiles() });
    const agent = new Agent({ ca: pem("ca.pem"), keepAlive: true });
    await tlsCall(second.url, "ListTables", {}, agent);
    const hold = second.upstream.hold("ListTables", "after");
    const busy = tlsCall(second.url, "ListTables", {}, agent);
    await hold.arrived;
    const stopped = second.app.stop();
    hold.release();
    expect((await busy).status).toBe(200);
    await stopped;
    await second.upstream.close();
    agent.destroy();
  });
});

describe("mutual TLS", () => {
  let proxy: TestProxy;
  beforeAll(async () => {
    proxy = await startProxy({ settings: { ...serverFiles(), tlsClientCa: file("ca.pem") } });
  });
  afterAll(() => proxy.stop());

  const agentWith = (name: string) =>
    new Agent({ ca: pem("ca.pem"), cert: pem(`${name}.pem`), key: pem(`${name}.key`) });

  it("serves a caller with a certificate of the client authority", async () => {
    const reply = await tlsCall(proxy.url, "GetItem", { TableName, Key }, agentWith("client"));
    expect([reply.status, reply.body]).toEqual([200, { Item }]);
  });

  it("turns away a caller without one, or with one of another authority, before any request", async () => {
    proxy.upstream.reset();
    const without = new Agent({ ca: pem("ca.pem") });
    await expect(tlsCall(proxy.url, "ListTables", {}, without)).rejects.toThrow();
    await expect(tlsCall(proxy.url, "ListTables", {}, agentWith("intruder"))).rejects.toThrow();
    expect(proxy.upstream.count()).toBe(0);
    expect((await tlsCall(proxy.url, "ListTables", {}, agentWith("client"))).status).toBe(200);
  });
});

describe("wrong TLS files", () => {
  it("are said at the start", async () => {
    writeFileSync(file("nonsense.pem"), "nonsense");
    await expect(settingsFor({ ...serverFiles(), tlsKey: file("client.key") })).rejects.toThrow(/tlsKey/);
    await expect(settingsFor({ ...serverFiles(), tlsCert: file("nonsense.pem") })).rejects.toThrow(/tlsCert/);
    await expect(settingsFor({ tlsCert: file("server.pem") })).rejects.toThrow(/tlsKey/);
    const nobody = { ...serverFiles(), tlsClientCa: file("absent.pem") };
    await expect(settingsFor(nobody)).rejects.toThrow(/tlsClientCa.*no such file/);
  });
});
