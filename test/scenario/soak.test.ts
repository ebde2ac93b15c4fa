/**
 * Mixed direct and proxied writers at the highest rate that DynamoDB Local takes, while the auditor holds every answer
 * against the contract. SOAK_SECONDS sets the length (20; CI 60; 600 for the long one).
 */

import { expect, it } from "vitest";
import { startDynamoDbLocal } from "../support/dynamodb-local.ts";
import { grown, type MemorySample, memoryTrend } from "../support/flat-memory.ts";
import type { SettingValues } from "../support/proxy.ts";
import { mustCall } from "../support/raw-client.ts";
import { startServed } from "../support/served.ts";
import { type SoakReport, soak } from "../support/soak.ts";
import { eventually } from "../support/streamed.ts";
import { createTable, type TableShape, WITH_INDEXES } from "../support/tables.ts";

const seconds = Number(process.env.SOAK_SECONDS ?? 20);

/**
 * The defaults but for the settle windows (2 and 5 s): DynamoDB Local does not lag, and within them reads are
 * strongly consistent or not stored, which would leave little to audit.
 */
const settings: SettingValues = { settleMs: 100, indexSettleMs: 100 };

/**
 * Contract, writes around: max(freshWithinMs + the stream's delay, degradedMaxAgeMs + replica lag), which is
 * max(2000 + 500, 2000 + 0) ms by default and with half a second for DynamoDB Local to write the record; and half a
 * second of slack. A busy machine needs none: the gate measures real time at the moment a hit is served.
 */
const boundMs = 3_000;

interface Run {
  readonly report: SoakReport;
  readonly samples: readonly MemorySample[];
}

async function run(stream: NonNullable<TableShape["stream"]>, seconds: number): Promise<Run> {
  // One of its own: with the stream of a long run in it, DynamoDB Local answers ten times more slowly, for good.
  const local = await startDynamoDbLocal();
  const directUrl = local.url;
  const TableName = await createTable(directUrl, { ...WITH_INDEXES, stream });
  const proxy = await startServed({ upstream: directUrl, region: "us-east-1", ...settings });
  const samples: MemorySample[] = [];
  try {
    // The proxy meets a table with its first request.
    await mustCall(proxy.url, "GetItem", { TableName, Key: { pk: { S: "-" }, sk: { N: "0" } } });
    await eventually(async () => (await proxy.report(TableName))?.stream, "followed");
    const sample = async (): Promise<void> => void samples.push(await proxy.memory());
    const writers = { through: 6, around: 6 };
    const where = { proxyUrl: proxy.url, directUrl, TableName };
    const report = await soak({ ...where, boundMs, seconds, writers, readers: 8, sample });
    return { report, samples };
  } finally {
    await proxy.stop();
    await local.stop();
  }
}

/** What a run must be to have shown anything, and what it must have shown. */
function judge(name: string, { report, samples }: Run): void {
  const trend = memoryTrend(samples);
  const { traces, differences, ...figures } = report;
  console.log(`soak, ${name}: ${JSON.stringify({ ...figures, ...trend })}`);
  expect(traces.join("\n\n")).toBe("");
  expect(report.violations).toEqual({});
  expect(differences).toEqual([]);
  expect(grown(trend)).toEqual([]);
  // Nothing was hidden by answers that never came.
  expect(report.unknown).toBeLessThan(5);
  expect(report.readFailures).toBeLessThan(5);
  // And there was something to audit: hits, and writes of both ways, some of which the proxy did not know for a while.
  expect(report.hits).toBeGreaterThan(report.checks / 100);
  expect(report.commits.through).toBeGreaterThan(100);
  expect(report.commits.around).toBeGreaterThan(100);
  expect(report.staleMsMax.around).toBeGreaterThan(0);
}

const timeout = { timeout: (seconds + 120) * 1000 };

it(
  "NEW_AND_OLD_IMAGES: no answer is older than the contract allows, and memory stays flat",
  timeout,
  async () => {
    judge("NEW_AND_OLD_IMAGES", await run("NEW_AND_OLD_IMAGES", seconds));
  },
);

it("KEYS_ONLY: the same", timeout, async () => {
  judge("KEYS_ONLY", await run("KEYS_ONLY", Math.max(10, seconds / 4)));
});
