/**
 * `npm run guard`: counts what a reply costs, in what is the same on every run and every machine (allocations, system calls,
 * promises, round trips), and fails if a count is over 10 % above the committed one in bench/results/guard.json.
 * `npm run guard -- --renew` commits to the counts as they are now; `--rows a,b` looks at these only.
 */

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { type Baseline, judge, renewCommand } from "./guard-judge.ts";
import { type Counts, guardOptions, measureRow } from "./guard-measure.ts";
import { guardRows } from "./guard-rows.ts";
import { table } from "./report.ts";
import { whyNoRedis } from "./servers.ts";

const file = path.join(import.meta.dirname, "results/guard.json");

function readBaseline(): Baseline {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return { node: process.versions.node, rows: {} };
  }
}

const { values } = parseArgs({ options: { renew: { type: "boolean" }, rows: { type: "string" } } });
const wanted = values.rows?.split(",");
const unknown = wanted?.filter((id) => !guardRows.some((row) => row.id === id)) ?? [];
if (unknown.length > 0) {
  console.error(
    `--rows: ${unknown.join(", ")} is no row; there are ${guardRows.map(({ id }) => id).join(", ")}`,
  );
  process.exit(2);
}

const noRedis = whyNoRedis();
const baseline = readBaseline();
const measured: Record<string, Counts> = {};
for (const row of guardRows) {
  if (wanted?.includes(row.id) === false) continue;
  if (row.needsRedis && noRedis !== undefined) {
    console.error(`${row.id}: skipped, ${noRedis}`);
    // A machine that must have everything has not looked if this is missing.
    if (process.env.CI === "true") process.exitCode = 1;
    continue;
  }
  measured[row.id] = await measureRow(row, guardOptions);
}

const columns = {
  heapBytes: "heap bytes",
  writes: "writes",
  promises: "promises",
  timers: "timers",
  upstreamRequests: "upstream",
  redisCommands: "Redis commands",
  redisReads: "Redis trips",
} as const satisfies Record<keyof Counts, string>;
const cells = Object.entries(measured).map(([id, counts]) => [
  id,
  ...(Object.keys(columns) as (keyof Counts)[]).map((name) => String(counts[name] ?? "")),
]);
console.log(`A reply costs\n\n${table([["row", ...Object.values(columns)], ...cells])}\n`);

if (values.renew) {
  const renewed: Baseline = { node: process.versions.node, rows: { ...baseline.rows, ...measured } };
  writeFileSync(file, `${JSON.stringify(renewed, null, 2)}\n`);
  console.log("bench/results/guard.json is written: say in the commit why the counts have changed.");
} else {
  const { complaints, notes } = judge(measured, baseline);
  if (notes.length > 0)
    console.log(`Better than guarded, keep it so with ${renewCommand}:\n  ${notes.join("\n  ")}`);
  if (complaints.length > 0) {
    const otherNode =
      baseline.node === process.versions.node
        ? ""
        : `The baseline is that of Node.js ${baseline.node}, and this is ${process.versions.node}.\n`;
    console.error(
      `Costlier than it was:\n  ${complaints.join("\n  ")}\n${otherNode}` +
        `If it is worth that, renew the baseline in the same commit: ${renewCommand}`,
    );
    process.exitCode = 1;
  } else console.log("No count is over 10 % above its baseline.");
}
