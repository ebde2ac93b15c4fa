/** Target P12: a thousand callers who miss the same answer at once cost one upstream read. Over real sockets. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, inject, test } from "vitest";
import { cacheOf } from "../support/bench.ts";
import { type ProxyOptions, SETTLED, startProxy } from "../support/proxy.ts";
import { call } from "../support/raw-client.ts";
import { signedRequest, testKey } from "../support/signing.ts";
import { HASH_RANGE, testTables } from "../support/tables.ts";

const readers = 1_000;

const Key = { pk: { S: "cold" }, sk: { S: "1" } };
const Item = { ...Key, v: { S: "x".repeat(300) } };
const ofPartition = { KeyConditionExpression: "pk = :p", ExpressionAttributeValues: { ":p": { S: "cold" } } };

const folder = mkdtempSync(path.join(tmpdir(), "dynatier-stampede-"));
const keys = path.join(folder, "keys.yaml");
writeFileSync(keys, JSON.stringify([testKey]), { mode: 0o600 });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The headers of a request that is signed; a proxy that does not ask for that looks at the region only. */
async function signed(url: string, operation: string, body: string): Promise<Record<string, string>> {
  const headers = { host: new URL(url).host, "x-amz-target": `DynamoDB_20120810.${operation}` };
  const { rawHeaders } = await signedRequest({ body, headers });
  return Object.fromEntries(
    rawHeaders.flatMap((name, at) => (at % 2 ? [] : [[name, rawHeaders[at + 1] ?? ""]])),
  );
}

/** The read is held upstream until all have come, so that none of them can find it done. */
async function stampede(options: ProxyOptions, operation: string, input: object): Promise<void> {
  const tables = testTables(inject("dynamoDbLocalUrl"));
  const proxy = await startProxy(options);
  const agent = new Agent({ keepAlive: true, maxSockets: readers });
  try {
    const TableName = await tables.create(HASH_RANGE);
    await call(inject("dynamoDbLocalUrl"), "PutItem", { TableName, Item });
    const body = JSON.stringify({ TableName, ...input });
    const headers = await signed(proxy.url, operation, body);
    const ask = () => call(proxy.url, operation, body, { agent, headers });
    const { upstream } = proxy;
    const held = upstream.hold(operation);
    const replies = Array.from({ length: readers }, ask);
    await held.arrived;
    const waiting = async (): Promise<number> => {
      const metrics = await (await fetch(`${proxy.adminUrl}/metrics`)).text();
      return Number(/^dynatier_waiting_callers(?:\{.*\})? (\d+)$/m.exec(metrics)?.[1]);
    };
    await expect.poll(waiting, { timeout: 30_000, interval: 100 }).toBe(readers);
    held.release();
    const all = await Promise.all(replies);
    expect(upstream.count(operation)).toBe(1);
    expect(all.filter((reply) => cacheOf(reply) === "miss")).toHaveLength(1);
    expect(all.filter((reply) => cacheOf(reply) === "coalesced")).toHaveLength(readers - 1);
    expect(new Set(all.map(({ status, bytes }) => `${status} ${bytes}`)).size).toBe(1);
    expect(all[0]?.bytes.toString()).toContain(Item.v.S);
    expect(cacheOf(await ask())).toBe("hit; tier=memory");
  } finally {
    agent.destroy();
    await proxy.stop();
    await tables.deleteAll();
  }
}

const generous = { ...SETTLED, requestTimeoutMs: 60_000 };

test.each([
  ["on the fast lane", "GetItem", { Key }, {}],
  ["through Node's HTTP server", "GetItem", { Key }, { fastLane: false }],
  ["each with its signature verified", "GetItem", { Key }, { auth: "sigv4", keys }],
  ["of a query", "Query", ofPartition, {}],
] as const)(
  "one upstream read for a thousand readers, %s",
  { timeout: 120_000 },
  async (_, operation, input, settings) => {
    await stampede({ settings: { ...generous, ...settings } }, operation, input);
  },
);
