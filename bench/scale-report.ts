/** The figures of the scale curves, and the report for people and as JSON. */

import { writeFileSync } from "node:fs";
import path from "node:path";
import { machine, table, writeReport } from "./report.ts";
import { type ChangeCosts, kinds } from "./scale-changes.ts";
import type { MeasuredPoint, Sample, ScaleOptions, ScaleOutcome } from "./scale-measure.ts";
import { scalePlot } from "./scale-plot.ts";
import { type Factor, factors } from "./scale-points.ts";
import { type Spread, spread } from "./statistics.ts";

export interface ScaleFigures {
  readonly factor: Factor;
  readonly label: string;
  readonly repliesPerSecond: Spread;
  /** The proxy's CPU time for one reply in microseconds, all its threads together. */
  readonly cpuMicroseconds: Spread | undefined;
  /** At half of the throughput, from the moment at which a request was due. */
  readonly p50Ms: Spread;
  readonly p999Ms: Spread;
  /** The share of a core that the proxy and the load used: who was the bottleneck. */
  readonly serverBusy: Spread | undefined;
  readonly loadBusy: Spread;
  readonly hitShare: Spread;
  readonly residentMiB: number;
  readonly recordsPerSecond: number;
}

/** A target of docs/PERFORMANCE.md and what came of it. */
export interface Target {
  readonly what: string;
  readonly wanted: string;
  readonly measured: Spread;
  readonly isReached: boolean;
}

export interface ScaleReport {
  readonly about: Readonly<Record<string, string | number | boolean>>;
  readonly curves: readonly ScaleFigures[];
  readonly changeCosts: ChangeCosts | undefined;
  readonly targets: readonly Target[];
  readonly skipped: readonly string[];
}

export function scaleReport(
  { seconds, repeats }: ScaleOptions,
  { measured, skipped }: ScaleOutcome,
  changeCosts: ChangeCosts | undefined,
): ScaleReport {
  return {
    about: { ...machine(), seconds, repeats },
    curves: measured.map(figuresOf),
    changeCosts,
    targets: targetsOf(measured, changeCosts),
    skipped,
  };
}

const throughput = ({ closed }: Sample): number => closed.replies / closed.seconds;
const cpuUs = ({ closed }: Sample): number | undefined =>
  closed.serverCpuSeconds && (closed.serverCpuSeconds * 1e6) / closed.replies;

function figuresOf({ point, samples }: MeasuredPoint): ScaleFigures {
  const rated = samples.map((sample) => sample.rated).filter((phase) => phase !== undefined);
  return {
    factor: point.factor,
    label: point.label,
    repliesPerSecond: spread(samples.map(throughput)),
    cpuMicroseconds: spreadOfKnown(samples.map(cpuUs)),
    p50Ms: spread(rated.map(({ p50Ms }) => p50Ms)),
    p999Ms: spread(rated.map(({ p999Ms }) => p999Ms)),
    serverBusy: spreadOfKnown(
      samples.map(({ closed }) => closed.serverCpuSeconds && closed.serverCpuSeconds / closed.seconds),
    ),
    loadBusy: spread(samples.map(({ closed }) => closed.loadCpuSeconds / closed.seconds)),
    hitShare: spread(samples.map(({ hitShare }) => hitShare)),
    residentMiB: Math.round(Math.max(...samples.map(({ residentBytes }) => residentBytes)) / 2 ** 20),
    recordsPerSecond: Math.round(spread(samples.map((sample) => sample.recordsPerSecond)).median),
  };
}

function spreadOfKnown(values: readonly (number | undefined)[]): Spread | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : spread(known);
}

function targetsOf(measured: readonly MeasuredPoint[], costs: ChangeCosts | undefined): Target[] {
  const samplesOf = (factor: Factor, label: string): readonly Sample[] =>
    measured.find(({ point }) => point.factor === factor && point.label === label)?.samples ?? [];
  /** Repeat by repeat: both were measured within a minute or so. */
  const ratios = (factor: Factor, of: string, to: string, figure: (sample: Sample) => number | undefined) => {
    const others = samplesOf(factor, to);
    return samplesOf(factor, of).map((sample, at) => {
      const [one, other] = [figure(sample), others[at] && figure(others[at])];
      return one === undefined || other === undefined ? undefined : one / other;
    });
  };
  const targets: Target[] = [];
  const add = (
    what: string,
    values: readonly (number | undefined)[],
    sign: "≥" | "≤",
    limit: number,
    unit = "",
  ) => {
    const measuredSpread = spreadOfKnown(values);
    if (measuredSpread === undefined) return;
    const { median } = measuredSpread;
    const isReached = sign === "≥" ? median >= limit : median <= limit;
    targets.push({ what, wanted: `${sign} ${limit}${unit}`, measured: measuredSpread, isReached });
  };
  const million = (1_000_000).toLocaleString("en");
  add(
    "P7: hits a second with 1,000,000 entries, to 1,000",
    ratios("entries", million, "1,000", throughput),
    "≥",
    0.85,
  );
  const slowest = samplesOf("entries", million).map(({ rated }) => rated?.p999Ms);
  add("P7: p99.9 at half load with 1,000,000 entries", slowest, "≤", 3, " ms");
  add("P9: CPU time for a hit with 2 workers, to 1", ratios("workers", "2", "1", cpuUs), "≤", 1.1);
  add("P9: the same where the load takes a core from them", ratios("cores", "2", "1", cpuUs), "≤", 1.1);
  add(
    "P10: hits a second under 10,000 records a second, to none",
    ratios("changes", "10,000", "0", throughput),
    "≥",
    0.85,
  );
  for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) {
    const name = kinds[kind];
    add(`P10: CPU time for a record of ${name}`, [costs?.record[kind].median], "≤", 20, " µs");
    add(`P10: CPU time for a peer's message of ${name}`, [costs?.message[kind].median], "≤", 20, " µs");
  }
  return targets;
}

const legend = `Throughput: every connection sends its next request when it has its reply. p50 and p99.9: requests come at
random at half of that rate, and their time counts from the moment at which they were due. Medians of the repeats, with
(min–max). "busy" is the share of a core that the proxy and the load used while throughput was measured. Base: 10,000 entries of
300 bytes, 32 connections (for each worker), all hits, one worker. The proxy has one core, the load and the upstream the other;
but in the curve of "two cores" the proxy has both, and shares one with the load: there only the CPU time says something.`;

/** Below this share of its core neither was the limit. */
const busyMin = 0.8;

function warning(curves: readonly ScaleFigures[]): string[] {
  const idle = curves.filter(
    ({ serverBusy, loadBusy }) => serverBusy && Math.max(serverBusy.median, loadBusy.median) < busyMin,
  );
  if (idle.length === 0) return [];
  return [
    `In ${idle.length} of ${curves.length} rows neither the proxy nor the load used ${busyMin * 100} % of a core. With one ` +
      "connection and with large items that is how it is;\nelsewhere something else used the machine, and neither throughput " +
      "nor latencies of these rows are to be quoted.",
  ];
}

const columns: readonly (readonly [
  title: string,
  cell: (row: ScaleFigures, first: ScaleFigures) => string,
])[] = [
  ["replies/s", ({ repliesPerSecond }) => text(repliesPerSecond, 0)],
  ["× first", (row, first) => (row.repliesPerSecond.median / first.repliesPerSecond.median).toFixed(2)],
  ["CPU µs", ({ cpuMicroseconds }) => (cpuMicroseconds === undefined ? "" : text(cpuMicroseconds, 1))],
  ["p50 ms", ({ p50Ms }) => p50Ms.median.toFixed(2)],
  ["p99.9 ms", ({ p999Ms }) => text(p999Ms, 2)],
  ["busy proxy/load", ({ serverBusy, loadBusy }) => `${percent(serverBusy)}/${percent(loadBusy)}`],
  ["hits", ({ hitShare }) => `${(hitShare.median * 100).toFixed(1)} %`],
  ["resident MiB", ({ residentMiB }) => String(residentMiB)],
];

export function scaleMarkdown(report: ScaleReport): string {
  const { about, curves, targets, skipped } = report;
  const parts = [
    "# Scale",
    Object.entries(about)
      .map(([name, value]) => `${name} ${value}`)
      .join(" · "),
    legend,
    ...warning(curves),
  ];
  for (const [factor, title] of Object.entries(factors)) {
    const rows = curves.filter((row) => row.factor === factor);
    const [first] = rows;
    if (first === undefined) continue;
    const cells = rows.map((row) => [row.label, ...columns.map(([, cell]) => cell(row, first))]);
    parts.push(`## ${title}`, table([[title, ...columns.map(([name]) => name)], ...cells]));
  }
  if (skipped.length > 0) parts.push(`Not measured: ${skipped.join("; ")}.`);
  if (targets.length > 0) {
    const cells = targets.map(({ what, wanted, measured, isReached }) => [
      what,
      wanted,
      text(measured, 2),
      isReached ? "yes" : "**no**",
    ]);
    parts.push("## Targets", table([["target", "wanted", "measured", "reached"], ...cells]));
  }
  return `${parts.join("\n\n")}\n`;
}

function text({ median, min, max }: Spread, decimals: number): string {
  return `${median.toFixed(decimals)} (${min.toFixed(decimals)}–${max.toFixed(decimals)})`;
}

function percent(value: Spread | undefined): string {
  return value === undefined ? "?" : `${Math.round(value.median * 100)} %`;
}

/** Writes bench/results/<name>.json, .md and .svg. */
export function writeScale(report: ScaleReport, markdown: string, name: string): void {
  writeReport(report, markdown, name);
  writeFileSync(path.join(import.meta.dirname, "results", `${name}.svg`), scalePlot(report.curves));
}
