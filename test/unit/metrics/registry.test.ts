// What is recorded comes out of a scrape: values, relations between metrics, bounds.
import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { metricCatalogue } from "../../../src/metrics/catalogue.ts";
import { currentGauges, growingGauges } from "../../../src/metrics/gauge-sources.ts";
import type { CallRecord } from "../../../src/metrics/outcome.ts";
import { createMetrics, type Metrics } from "../../../src/metrics/registry.ts";
import { readExposition } from "./exposition.ts";

let metrics: Metrics;

beforeEach(() => {
  metrics = createMetrics({ tablesMax: 3, version: "1.2.3" });
});

afterEach(() => metrics.close());

const hit: CallRecord = {
  operation: "GetItem",
  table: "orders",
  outcome: "hit",
  status: 200,
  durationMs: 0.2,
};

async function scrape() {
  return readExposition(await metrics.render());
}

test("shows every metric of the catalogue with its type and help, and no other", async () => {
  const { types, helps, series } = await scrape();
  expect([...types.keys()]).toEqual(Object.keys(metricCatalogue));
  for (const [name, row] of Object.entries(metricCatalogue)) {
    expect(types.get(name)).toBe(row.type);
    expect(helps.get(name)).toBe(row.help);
  }
  const build = series.find(({ name }) => name === "dynatier_build_info");
  expect(build).toMatchObject({ labels: { version: "1.2.3", node_version: process.version }, value: 1 });
  expect(metrics.contentType).toBe(Registry.PROMETHEUS_CONTENT_TYPE);
});

test("series have exactly the labels of their row", async () => {
  metrics.call({ ...hit, status: 500, error: "InternalServerError", reason: "upstream-error" });
  metrics.lookup("query", "orders", "miss", 2);
  metrics.fill("orders", "stale_lease");
  metrics.invalidated("orders", "write");
  metrics.readUnits("orders", 1, 0.5);
  metrics.writeUnits("orders", 3);
  metrics.strongReadForced("orders");
  metrics.upstream("Query", "timeout", 12);
  metrics.upstreamRetry("Query");
  const figures = { tier: "memory", bytes: 10, bytesMax: 100, entries: 2, evictions: 1, evictedBytes: 5 };
  metrics.gauges({ caches: () => [figures], requestsInFlight: () => 1, waitingCallers: () => 2 });
  metrics.gauges({ clientConnections: () => 3, clientReceivedBytes: () => 4, clientSentBytes: () => 5 });
  metrics.gauges({ upstreamRequestsInFlight: () => 6, unknownOutcomesPending: () => 7 });
  metrics.gauges({ streams: () => [{ table: "orders", lagMs: 250, shardsOpen: 2 }] });
  const worker = { worker: 1, isServing: true, connections: 3, restarts: 0, busySeconds: 1 };
  metrics.gauges({ workers: () => [worker], workerFiguresLate: () => 0 });
  const shared = [...currentGauges, ...growingGauges].filter((name) => /^(redis|peer)/.test(name));
  metrics.gauges(Object.fromEntries(shared.map((name) => [name, () => 8])));
  metrics.streams.streamRecord("orders", "confirmed", 120);
  metrics.streams.streamPoll("orders", "records");
  metrics.streams.streamFlush("orders", "start");
  const { series, sum } = await scrape();
  const shown = new Set<string>();
  for (const { name, labels } of series) {
    const base = name in metricCatalogue ? name : name.replace(/_(bucket|sum|count)$/, "");
    const row = metricCatalogue[base as keyof typeof metricCatalogue];
    const expected = name.endsWith("_bucket") ? [...row.labels, "le"] : row.labels;
    expect(Object.keys(labels).toSorted(), name).toEqual([...expected].toSorted());
    shown.add(base);
  }
  expect([...shown].toSorted(), "each has a series once there is something to show").toEqual(
    Object.keys(metricCatalogue).toSorted(),
  );
  expect(sum("dynatier_cache_bytes", { tier: "memory" })).toBe(10);
  expect(sum("dynatier_cache_evicted_bytes_total", { tier: "memory" })).toBe(5);
  expect(sum("dynatier_unknown_outcomes_pending")).toBe(7);
});

test("a gauge that nobody registered, or that gives no number, is left out", async () => {
  metrics.gauges({ requestsInFlight: () => Number.NaN, waitingCallers: () => 0 });
  const names = (await scrape()).series.map(({ name }) => name);
  expect(names).not.toContain("dynatier_requests_in_flight");
  expect(names).not.toContain("dynatier_cache_bytes");
  expect(names).toContain("dynatier_waiting_callers");
});

test("look-ups are the sum of their results, in metrics and in the snapshot", async () => {
  metrics.lookup("item", "orders", "hit", 5);
  metrics.lookup("item", "orders", "negative_hit", 1);
  metrics.lookup("item", "orders", "miss", 2);
  metrics.lookup("query", "orders", "coalesced", 2);
  metrics.lookup("scan", "users", "shadow_hit", 3);
  metrics.readUnits("orders", 2, 4.5);
  const { sum } = await scrape();
  expect(sum("dynatier_lookups_total")).toBe(13);
  expect(sum("dynatier_lookups_total", { cache: "item", table: "orders" })).toBe(8);
  const { total, tables } = metrics.snapshot();
  expect(total).toMatchObject({
    lookups: 13,
    hits: 5,
    negativeHits: 1,
    misses: 2,
    coalesced: 2,
    shadowHits: 3,
  });
  expect(total.hitRatio).toBeCloseTo(6 / 10);
  expect(total).toMatchObject({ readUnitsUsed: 2, readUnitsSaved: 4.5 });
  expect(tables.map(({ table }) => table)).toEqual(["orders", "users"]);
  expect(tables[0]!.caches.item).toMatchObject({ lookups: 8, hits: 5, hitRatio: 0.75 });
  expect(tables[0]!.caches.scan.hitRatio).toBeNull();
  expect(tables[1]).toMatchObject({ hitRatio: null, shadowHitRatio: 1 });
});

test("latency counts equal requests; each duration falls into its bucket", async () => {
  const durationsMs = [0.01, 0.05, 0.051, 1, 9_999, 10_000, 10_001, 60_000];
  for (const durationMs of durationsMs) metrics.call({ ...hit, durationMs });
  metrics.call({ ...hit, table: "users", status: 400, error: "ValidationException" });
  const { sum } = await scrape();
  const name = "dynatier_request_duration_seconds";
  expect(sum(`${name}_count`, { operation: "GetItem", outcome: "hit" })).toBe(sum("dynatier_requests_total"));
  expect(sum(`${name}_bucket`, { le: "0.00005" }), "a bound is inclusive").toBe(2);
  expect(sum(`${name}_bucket`, { le: "0.0001" })).toBe(3);
  expect(sum(`${name}_bucket`, { le: "10" })).toBe(7);
  expect(sum(`${name}_bucket`, { le: "+Inf" })).toBe(9);
  expect(sum(`${name}_sum`)).toBeCloseTo([...durationsMs, 0.2].reduce((a, b) => a + b) / 1000, 6);
});

test("upstream latency counts equal upstream requests", async () => {
  metrics.upstream("GetItem", "ok", 3);
  metrics.upstream("GetItem", "reset", 4);
  metrics.upstream("Query", "error", 5);
  const { sum } = await scrape();
  expect(sum("dynatier_upstream_requests_total")).toBe(3);
  expect(sum("dynatier_upstream_duration_seconds_count")).toBe(3);
  expect(sum("dynatier_upstream_duration_seconds_count", { operation: "GetItem" })).toBe(2);
});

test("errors are of three kinds, whose sum is the requests with an error status", async () => {
  metrics.call(hit);
  metrics.call({ ...hit, outcome: "write", status: 400, error: "ConditionalCheckFailedException" });
  metrics.call({ ...hit, status: 400, error: "ThrottlingException", errorOrigin: "proxy" });
  metrics.call({
    ...hit,
    status: 400,
    error: "ProvisionedThroughputExceededException",
    errorOrigin: "upstream",
  });
  metrics.call({ ...hit, status: 503, error: "ServiceUnavailable", errorOrigin: "proxy" });
  metrics.call({ ...hit, status: 413 });
  metrics.call({ ...hit, status: 0 });
  const { sum } = await scrape();
  const status = (name: string) => sum("dynatier_requests_total", { status: name });
  expect([status("2xx"), status("4xx"), status("5xx"), status("none")]).toEqual([1, 4, 1, 1]);
  expect(sum("dynatier_errors_total")).toBe(5);
  expect(sum("dynatier_errors_total", { kind: "user_error", origin: "upstream" })).toBe(2);
  expect(sum("dynatier_errors_total", { kind: "throttled", origin: "proxy" })).toBe(1);
  expect(sum("dynatier_errors_total", { kind: "throttled" })).toBe(2);
  expect(sum("dynatier_errors_total", { kind: "fault", error: "ServiceUnavailable" })).toBe(1);
  expect(sum("dynatier_errors_total", { error: "_none" })).toBe(1);
  expect(metrics.snapshot().total).toMatchObject({ requests: 7, errors: 5 });
});

test("label values are bounded: tables, operations and error names", async () => {
  for (let number = 0; number < 1000; number++) {
    const record = {
      ...hit,
      table: `t${number}`,
      operation: `Op${number}`,
      status: 400,
      error: `E${number}`,
    };
    metrics.call(record);
    metrics.lookup("item", record.table, "hit", 1);
    metrics.readUnits(record.table, 1, 0);
    metrics.upstream(record.operation, "ok", 1);
  }
  metrics.call({ ...hit, table: "" });
  const { series, sum } = await scrape();
  const values = (label: string) => new Set(series.flatMap(({ labels }) => labels[label] ?? []));
  expect([...values("table")].toSorted()).toEqual(["_none", "_other", "t0", "t1", "t2"]);
  expect([...values("operation")].toSorted()).toEqual(["GetItem", "_other"]);
  expect(values("error").size).toBe(201);
  expect(sum("dynatier_requests_total", { table: "_other" })).toBe(997);
  expect(sum("dynatier_requests_total"), "nothing is lost").toBe(1001);
  expect(sum("dynatier_errors_total")).toBe(1000);
  expect(metrics.snapshot().tables.map(({ table }) => table)).toEqual(["t0", "t1", "t2", "_other"]);
  expect(metrics.snapshot().total).toMatchObject({ requests: 1001, lookups: 1000, readUnitsUsed: 1000 });
});

test("amounts that are no amounts change nothing, names may be anything", async () => {
  metrics.readUnits("orders", Number.NaN, -1);
  metrics.writeUnits("orders", Number.POSITIVE_INFINITY);
  metrics.lookup("item", "orders", "hit", Number.NaN);
  metrics.call({ ...hit, durationMs: Number.NaN });
  for (const name of ["__proto__", 'a"b\\c\nd']) {
    metrics.call({ ...hit, table: name, operation: name, status: 400, error: name });
  }
  const { sum } = await scrape();
  expect(sum("dynatier_read_units_used_total")).toBe(0);
  expect(sum("dynatier_write_units_used_total")).toBe(0);
  expect(sum("dynatier_request_duration_seconds_count")).toBe(3);
  expect(sum("dynatier_requests_total", { table: "__proto__", operation: "_other" })).toBe(1);
});

test("a scrape shows process figures and does not disturb the next", async () => {
  metrics.call(hit);
  const [first, second] = [await scrape(), await scrape()];
  const cpu = "dynatier_process_cpu_seconds_total";
  expect(first.sum("dynatier_process_resident_memory_bytes")).toBeGreaterThan(10_000_000);
  expect(first.sum(cpu)).toBeGreaterThan(0);
  expect(second.sum(cpu)).toBeGreaterThanOrEqual(first.sum(cpu));
  expect(second.sum("dynatier_requests_total")).toBe(1);
  expect(() => createMetrics({ tablesMax: -1, version: "" })).toThrow(RangeError);
});
