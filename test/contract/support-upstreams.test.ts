// The test support itself: the counting upstream counts and injects as it says, the scripted one answers its
// scripts.

import { afterAll, afterEach, beforeAll, expect, inject, test } from "vitest";
import { type CountingUpstream, startCountingUpstream } from "../support/counting-upstream.ts";
import { INTERNAL_ERROR, THROTTLED } from "../support/faults.ts";
import { call, errorName, mustCall } from "../support/raw-client.ts";
import { ScriptedReply, scriptedError, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { testTables } from "../support/tables.ts";

const direct = inject("dynamoDbLocalUrl");
const tables = testTables(direct);
let upstream: CountingUpstream;
let TableName: string;
const Key = { pk: { S: "a" } };

beforeAll(async () => {
  upstream = await startCountingUpstream(direct);
  TableName = await tables.create();
});
afterEach(() => upstream.reset());
afterAll(async () => {
  await upstream.close();
  await tables.deleteAll();
});

const put = (n: number) =>
  call(upstream.url, "PutItem", { TableName, Item: { ...Key, n: { N: String(n) } } });
const stored = async () =>
  (await mustCall<{ Item?: { n: { N: string } } }>(direct, "GetItem", { TableName, Key })).Item?.n.N;

test("passes everything on unchanged and counts it", async () => {
  await put(1);
  const viaProxy = await call(upstream.url, "GetItem", { TableName, Key });
  const viaDirect = await call(direct, "GetItem", { TableName, Key });
  expect(viaProxy.status).toBe(200);
  expect(viaProxy.bytes).toEqual(viaDirect.bytes);
  expect(viaProxy.headers["x-amz-crc32"]).toBe(viaDirect.headers["x-amz-crc32"]);
  expect([upstream.count(), upstream.count("PutItem"), upstream.count("Query")]).toEqual([2, 1, 0]);
  expect(upstream.requests[1]).toMatchObject({ operation: "GetItem", input: { TableName, Key } });
  expect(upstream.requests[1]?.bytes.toString()).toBe(JSON.stringify({ TableName, Key }));
});

test("delays before and after forwarding", async () => {
  upstream.inject("GetItem", { delayBeforeMs: 60, delayAfterMs: 60, times: 1 });
  const from = performance.now();
  await call(upstream.url, "GetItem", { TableName, Key });
  expect(performance.now() - from).toBeGreaterThan(115);
});

test("holds before: upstream has not acted; holds after: it has", async () => {
  await put(1);
  const before = upstream.hold("PutItem", "before");
  const first = put(2);
  await before.arrived;
  expect([before.waiting(), await stored()]).toEqual([1, "1"]);
  before.release();
  expect((await first).status).toBe(200);
  const after = upstream.hold((request) => request.operation === "PutItem");
  const second = put(3);
  await after.arrived;
  await expect.poll(stored).toBe("3");
  after.release();
  expect((await second).status).toBe(200);
});

test("replaces replies, with and without acting, as often as told", async () => {
  await put(1);
  upstream.inject("PutItem", { reply: THROTTLED, times: 1 });
  expect(errorName(await put(2))).toBe("ProvisionedThroughputExceededException");
  expect(await stored()).toBe("1");
  upstream.inject("PutItem", { reply: INTERNAL_ERROR, forward: true, times: 1 });
  expect((await put(3)).status).toBe(500);
  expect(await stored()).toBe("3");
  expect((await put(4)).status).toBe(200);
});

test("drops before forwarding, and after it: a lost reply", async () => {
  await put(1);
  upstream.inject("PutItem", { drop: "before", times: 1 });
  await expect(put(2)).rejects.toThrow();
  expect(await stored()).toBe("1");
  upstream.inject("PutItem", { drop: "after", times: 1 });
  await expect(put(3)).rejects.toThrow();
  expect(await stored()).toBe("3");
});

test("down refuses and resets; up serves again at the same address", async () => {
  const { url } = upstream;
  const held = upstream.hold("GetItem", "before");
  const open = call(url, "GetItem", { TableName, Key });
  open.catch(() => {});
  await held.arrived;
  await upstream.down();
  await expect(open).rejects.toThrow();
  await expect(call(url, "GetItem", { TableName, Key })).rejects.toThrow("ECONNREFUSED");
  held.release();
  await upstream.up();
  expect(upstream.url).toBe(url);
  expect((await call(url, "GetItem", { TableName, Key })).status).toBe(200);
});

test("closes idle sockets, and only those", async () => {
  await put(1);
  const held = upstream.hold("GetItem");
  const open = call(upstream.url, "GetItem", { TableName, Key });
  await held.arrived;
  await put(2);
  const opened = upstream.socketsOpened;
  expect(upstream.closeIdleSockets()).toBeGreaterThan(0);
  held.release();
  expect((await open).status).toBe(200);
  await expect.poll(() => upstream.socketsOpen).toBe(1);
  await put(3);
  await Promise.all([put(4), put(5)]);
  expect(upstream.socketsOpened).toBeGreaterThan(opened);
});

test("the scripted upstream answers its scripts", async () => {
  const scripted = await startScriptedUpstream({
    GetItem: ({ input }) => ({ Item: { echo: { S: String(input.TableName) } } }),
    PutItem: () => scriptedError("ConditionalCheckFailedException", "no"),
    Query: () => new ScriptedReply(503, "<html>", { "content-type": "text/html" }),
    Scan: () => {
      throw new Error("bug in the script");
    },
  });
  const arn = "arn:aws:dynamodb:us-east-1:123456789012:table/t";
  expect((await call(scripted.url, "GetItem", { TableName: arn })).body).toEqual({
    Item: { echo: { S: arn } },
  });
  const refused = await call(scripted.url, "PutItem", {});
  expect([refused.status, errorName(refused)]).toEqual([400, "ConditionalCheckFailedException"]);
  const odd = await call(scripted.url, "Query", {});
  expect([odd.status, odd.bytes.toString()]).toEqual([503, "<html>"]);
  expect((await call(scripted.url, "Scan", {})).status).toBe(500);
  expect(errorName(await call(scripted.url, "Nonsense", {}))).toBe("UnknownOperationException");
  scripted.on("Nonsense", () => ({}));
  expect((await call(scripted.url, "Nonsense", {})).status).toBe(200);
  expect([scripted.count(), scripted.count("Nonsense")]).toEqual([6, 2]);
  await scripted.close();
  await expect(call(scripted.url, "Scan", {})).rejects.toThrow();
});
