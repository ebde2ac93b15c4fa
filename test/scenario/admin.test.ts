// The admin endpoints over a real socket: what each answers.
import { afterAll, beforeAll, expect, test } from "vitest";
import { readExposition } from "../unit/metrics/exposition.ts";
import { type RunningAdmin, startAdmin } from "./admin-support.ts";

let admin: RunningAdmin;

beforeAll(async () => {
  admin = await startAdmin();
  const call = {
    operation: "GetItem",
    table: "orders",
    outcome: "hit",
    status: 200,
    durationMs: 0.1,
  } as const;
  admin.metrics.call(call);
  admin.metrics.lookup("item", "orders", "hit", 1);
  admin.metrics.lookup("item", "orders", "miss", 3);
});

afterAll(() => admin.stop());

test("GET /metrics answers Prometheus' text format", async () => {
  const { status, headers, text } = await admin.call("/metrics");
  expect(status).toBe(200);
  expect(headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
  const { sum } = readExposition(text);
  expect(sum("dynatier_lookups_total", { table: "orders" })).toBe(4);
  expect(sum("dynatier_requests_total", { operation: "GetItem", outcome: "hit", status: "2xx" })).toBe(1);
});

test("GET /livez says that the process answers; HEAD works too", async () => {
  const { status, text } = await admin.call("/livez");
  expect([status, JSON.parse(text)]).toEqual([200, { live: true }]);
  expect(await admin.call("/livez", { method: "HEAD" })).toMatchObject({ status: 200, text: "" });
});

test("GET /readyz answers 503 with the reason while calls should go elsewhere", async () => {
  expect((await admin.call("/readyz")).status).toBe(200);
  admin.readiness = { ready: false, reason: "draining" };
  const { status, text } = await admin.call("/readyz");
  expect([status, JSON.parse(text)]).toEqual([503, { ready: false, reason: "draining" }]);
  expect((await admin.call("/livez")).status, "it still lives").toBe(200);
  admin.readiness = { ready: true, reason: "listening" };
});

test("GET /api/status and /api/tables answer JSON", async () => {
  const status = await admin.call("/api/status");
  expect(status.headers["content-type"]).toMatch(/^application\/json/);
  expect(JSON.parse(status.text)).toMatchObject({ version: "1.2.3", lookups: 4, hitRatio: 0.25 });
  const tables = JSON.parse((await admin.call("/api/tables")).text);
  expect(tables).toMatchObject([{ table: "orders", lookups: 4, hits: 1, misses: 3 }]);
});

test("GET / lists every endpoint and loads nothing", async () => {
  const { status, headers, text } = await admin.call("/");
  expect(status).toBe(200);
  expect(headers["content-type"]).toBe("text/html; charset=utf-8");
  for (const url of ["/metrics", "/livez", "/readyz", "/api/status", "/api/tables", "/api/invalidate"]) {
    expect(text).toContain(url);
  }
  expect(text).not.toMatch(/<script|<link|<img/);
});

test("POST /api/invalidate takes an item, a partition, a table or everything", async () => {
  const key = { id: { S: "7" }, at: { N: "1" } };
  const odd = JSON.parse('{"__proto__": {"B": "AA=="}}');
  const bodies = [
    { table: "orders", key },
    { table: "orders", partition: { id: { S: "7" } } },
    { table: "orders", key: odd },
    { table: "orders" },
    { everything: true },
  ];
  const replies = [];
  for (const body of bodies) replies.push(await admin.invalidate(body));
  expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(replies.map(({ text }) => JSON.parse(text).invalidated)).toEqual([
    "item",
    "partition",
    "item",
    "table",
    "everything",
  ]);
  expect(admin.invalidations).toEqual([
    { kind: "item", table: "orders", key },
    { kind: "partition", table: "orders", partition: { id: { S: "7" } } },
    { kind: "item", table: "orders", key: odd },
    { kind: "table", table: "orders" },
    { kind: "everything" },
  ]);
  const third = admin.invalidations[2]!;
  expect(third.kind === "item" && Object.keys(third.key)).toEqual(["__proto__"]);
});

test("an unknown table is the callback's 404, with its message", async () => {
  const { status, text } = await admin.invalidate({ table: "nope" });
  expect([status, JSON.parse(text)]).toEqual([404, { error: "There is no table nope." }]);
});

test("unknown paths are 404, known ones with another method 405, all in JSON", async () => {
  const unknown = await admin.call("/nope?x=1");
  expect(unknown.status).toBe(404);
  expect(JSON.parse(unknown.text)).toEqual({ error: "There is no /nope; GET / lists what there is." });
  const wrong = await admin.call("/api/invalidate");
  expect([wrong.status, wrong.headers.allow]).toEqual([405, "POST"]);
  expect(JSON.parse(wrong.text)).toEqual({ error: "/api/invalidate takes POST." });
  const preflight = await admin.call("/api/invalidate", { method: "OPTIONS" });
  expect(preflight.status).toBe(405);
  expect(preflight.headers).not.toHaveProperty("access-control-allow-origin");
  const malformed = await admin.call("/%zz");
  expect(malformed.status).toBe(400);
  expect(Object.keys(JSON.parse(malformed.text))).toEqual(["error"]);
});

test("a failure inside answers 500 without its details", async () => {
  const broken = await startAdmin({
    status: () => {
      throw new Error("secret detail");
    },
    invalidate: () => Promise.reject(new Error("secret detail")),
  });
  for (const reply of [await broken.call("/api/status"), await broken.invalidate({ everything: true })]) {
    expect(reply.status).toBe(500);
    expect(JSON.parse(reply.text).error).toMatch(/bug in dynatier/);
    expect(reply.text).not.toContain("secret");
  }
  await broken.stop();
});

test("stop() frees the port at once, and a second server may take it", async () => {
  const first = await startAdmin();
  await first.call("/livez", { headers: { connection: "keep-alive" } });
  await first.stop();
  await expect(first.call("/livez")).rejects.toThrow(/ECONNREFUSED/);
});
