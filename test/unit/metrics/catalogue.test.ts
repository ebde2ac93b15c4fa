// The metrics table against its sources: AWS's list of DAX metrics, the SDK's operations, the printed page.
import { readFileSync } from "node:fs";
import * as dynamodb from "@aws-sdk/client-dynamodb";
import * as streams from "@aws-sdk/client-dynamodb-streams";
import { expect, test } from "vitest";
import { metricCatalogue } from "../../../src/metrics/catalogue.ts";
import { daxMetrics } from "../../../src/metrics/dax-metrics.ts";
import { operationNames } from "../../../src/metrics/label-values.ts";
import { printMetrics } from "../../../src/metrics/print.ts";

/** Developer guide, "DAX metrics and dimensions". */
const awsDaxMetrics = `CPUUtilization CacheMemoryUtilization NetworkBytesIn NetworkBytesOut NetworkPacketsIn
  NetworkPacketsOut BaselineNetworkBytesInUtilization BaselineNetworkBytesOutUtilization ClientConnections
  EstimatedDbSize EvictedSize GetItemRequestCount BatchGetItemRequestCount QueryRequestCount ScanRequestCount
  PutItemRequestCount UpdateItemRequestCount DeleteItemRequestCount BatchWriteItemRequestCount
  TransactWriteItemsCount TransactGetItemsCount TotalRequestCount ItemCacheHits ItemCacheMisses QueryCacheHits
  QueryCacheMisses ScanCacheHits ScanCacheMisses ErrorRequestCount ThrottledRequestCount FaultRequestCount
  FailedRequestCount CPUCreditUsage CPUCreditBalance CPUSurplusCreditBalance
  CPUSurplusCreditsCharged`.split(/\s+/);

function operationsOf(sdk: object): string[] {
  return Object.keys(sdk)
    .filter((name) => name.endsWith("Command") && name !== "$Command")
    .map((name) => name.slice(0, -"Command".length));
}

test("names follow Prometheus' conventions and every metric says what it means", () => {
  for (const [name, row] of Object.entries(metricCatalogue)) {
    expect(name).toMatch(/^dynatier_[a-z][a-z0-9_]*$/);
    expect(name.endsWith("_total"), name).toBe(row.type === "counter");
    if (row.type === "histogram") expect(name).toMatch(/_seconds$/);
    if (row.unit === "bytes") expect(name).toMatch(/_bytes(_|$)/);
    expect(row.help, name).toMatch(/^[A-Z].*\.$/);
    expect(new Set(row.labels).size).toBe(row.labels.length);
  }
});

test("a metric that a help text names exists", () => {
  const known = new Set(Object.keys(metricCatalogue));
  for (const { help } of Object.values(metricCatalogue)) {
    for (const name of help.match(/dynatier_[a-z_]+/g) ?? []) expect(known.has(name), name).toBe(true);
  }
});

test("every DAX metric is covered by one of ours or explained away", () => {
  expect(Object.keys(daxMetrics).toSorted()).toEqual(awsDaxMetrics.toSorted());
  for (const [name, row] of Object.entries(daxMetrics)) {
    if ("query" in row) expect(row.query, name).toContain(row.metric);
    else expect(row.notApplicable, name).toMatch(/\.$/);
    for (const label of "query" in row ? (row.query.match(/[a-z]+(?==~?")/g) ?? []) : []) {
      expect("metric" in row && metricCatalogue[row.metric].labels, name).toContain(label);
    }
  }
});

test("the known operations are those of the AWS SDK", () => {
  const known = [...operationNames].toSorted();
  expect(known).toEqual([...operationsOf(dynamodb), ...operationsOf(streams)].toSorted());
});

test("docs/METRICS.md is what the catalogue prints", () => {
  const page = readFileSync(new URL("../../../docs/METRICS.md", import.meta.url), "utf8");
  expect(page, "run `npm run docs`").toBe(printMetrics());
});
