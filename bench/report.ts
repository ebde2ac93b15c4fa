/** The report: what machine, one table of the rows, one of the starts; as text for people and as JSON. */

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import path from "node:path";
import { itemSizes, itemsPerPartition } from "./data.ts";
import type { Outcome } from "./measure.ts";
import type { Options } from "./options.ts";
import { pinned } from "./processes.ts";
import { figures, type RowFigures, type Spread, spread } from "./statistics.ts";
import { type TargetResult, targetResults } from "./targets.ts";

export interface Report {
  readonly about: Readonly<Record<string, string | number | boolean>>;
  readonly rows: readonly RowFigures[];
  readonly skipped: readonly { readonly id: string; readonly title: string; readonly reason: string }[];
  readonly targets: readonly TargetResult[];
  readonly startUpMs: readonly { readonly id: string; readonly title: string; readonly firstReply: Spread }[];
}

export function reportOf(options: Options, outcome: Outcome): Report {
  const { seconds, warmSeconds, repeats, connections, partitions } = options;
  return {
    about: {
      ...machine(),
      ...{ seconds, warmSeconds, repeats, connections },
      items: partitions * itemsPerPartition,
    },
    rows: figures(outcome.measured),
    skipped: outcome.skipped.map(({ row: { id, title }, reason }) => ({ id, title, reason })),
    targets: targetResults(outcome.measured),
    startUpMs: outcome.startUps.map(({ id, title, firstReplyMs }) => ({
      id,
      title,
      firstReply: spread(firstReplyMs),
    })),
  };
}

/** Where and what was measured. */
export function machine(): Report["about"] {
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    pinned,
  };
}

function commit(): string {
  const git = (...words: string[]) =>
    execFileSync("git", words, { cwd: import.meta.dirname, encoding: "utf8" }).trim();
  try {
    return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain") === "" ? "" : " with changes");
  } catch {
    return "unknown";
  }
}

const columns: readonly (readonly [title: string, cell: (row: RowFigures) => string])[] = [
  ["row", (row) => row.title],
  ["replies/s", (row) => `${whole(row.repliesPerSecond)}`],
  ["p50 ms", (row) => row.p50Ms.median.toFixed(2)],
  ["p99 ms", (row) => row.p99Ms.median.toFixed(2)],
  ["× direct", (row) => ratio(row.versusDirect)],
  ["× Fastify", (row) => ratio(row.versusFastify)],
  ["× node:http", (row) => ratio(row.versusNodeHttp)],
  ["CPU µs", (row) => (row.cpuMicroseconds === undefined ? "" : row.cpuMicroseconds.median.toFixed(1))],
  ["CPU × Fastify", (row) => ratio(row.cpuVersusFastify)],
  ["CPU × node:http", (row) => ratio(row.cpuVersusNodeHttp)],
  ["hits", (row) => (row.hitShare === undefined ? "" : percent(row.hitShare))],
  ["busy server+behind/load", busyCell],
  ["limit", limitOf],
];

const { median, sigma, min, max } = itemSizes;
const legend = `Figures are the median of the repeats, with (min–max). "×" compares throughput with that server's for the same
requests, "CPU ×" the CPU time of the server for one reply (above 1 = less than the bare server's); both repeat
by repeat. "hits" are those of the proxy's look-ups. "busy" is the share of a core: of the server, of what answers
it (DynamoDB Local, Redis; on the same core), and of the load; "limit" says whose core was full. Where it is the load, the
server can do more: compare its CPU µs.

Requests are byte for byte those of the SDKs for JavaScript, Python, Go and Java, by turns of the connections, each really
signed; keys are zipfian (0.99). Query reads 25 items of 300 bytes. All other items vary: log-normal, median ${median} bytes of
JSON, sigma ${sigma}, from ${min} to ${max}, keys of several forms and lengths. The load is our own replayer on raw sockets
(bench/replay.ts), one request under way on a connection, and looks at the status and length of every reply and
all bytes of a sample.`;

/** Below this share of its core neither the server nor the load was the limit: somebody else used the machine. */
const busyMin = 0.75;

function busyCell({ serverBusy, behindBusy, loadBusy }: RowFigures): string {
  const behind = behindBusy !== undefined && behindBusy.median >= 0.005 ? `+${percent(behindBusy)}` : "";
  return `${percent(serverBusy)}${behind}/${percent(loadBusy)}`;
}

/** Whose core was full. One connection waits for one reply: that is never anybody's. */
function limitOf({ serverBusy, behindBusy, loadBusy, connections }: RowFigures): string {
  if (connections === 1) return "round trip";
  const server = (serverBusy?.median ?? 0) + (behindBusy?.median ?? 0);
  if (Math.max(server, loadBusy.median) < busyMin) return "none";
  if (server < loadBusy.median) return "load";
  return (behindBusy?.median ?? 0) > server / 2 ? "behind" : "server";
}

/** Rows whose throughput says nothing. */
export function contendedRows(report: Report): readonly RowFigures[] {
  return report.rows.filter((row) => row.serverBusy !== undefined && limitOf(row) === "none");
}

function warning(report: Report): string[] {
  const contended = contendedRows(report).length;
  if (contended === 0) return [];
  return [
    `**Not to be quoted:** in ${contended} of ${report.rows.length} rows neither the server nor the load was busy, ` +
      "so something else was using the machine. Run it again on a quiet one.",
  ];
}

/** Markdown that reads well as plain text too. */
export function markdown(report: Report): string {
  const about = Object.entries(report.about).map(([name, value]) => `${name} ${value}`);
  const rows = [
    columns.map(([title]) => title),
    ...report.rows.map((row) => columns.map(([, cell]) => cell(row))),
  ];
  const starts = report.startUpMs.map(({ title, firstReply }) => [title, `${whole(firstReply)}`]);
  const skipped = report.skipped.map(({ title, reason }) => [title, reason]);
  const targets = report.targets.filter(({ measured }) => measured !== undefined).map(targetCells);
  return [
    "# Benchmark",
    about.join(" · "),
    ...warning(report),
    ...(report.rows.length > 0 ? [table(rows), legend] : []),
    ...(report.skipped.length > 0 ? [table([["skipped", "why"], ...skipped])] : []),
    ...(targets.length > 0 ? ["## Targets", table([targetHead, ...targets]), targetsLegend] : []),
    ...(starts.length > 0 ? [table([["start-up", "ms"], ...starts])] : []),
  ]
    .join("\n\n")
    .concat("\n");
}

const targetHead = ["target", "", "wanted", "measured", "reached", "by CPU time"];
const targetsLegend = `Measured repeat by repeat, reached by the median. "By CPU time" is the same ratio if servers alone were the
limit: see "limit" above, and take this one where the load was it. P3 has no row: there is no DAX protocol yet. P6's other half,
one round trip a look-up, and P7 to P10 and P12 are not told by these rows.`;

function targetCells({ id, text, target, measured, isReached, byCpu }: TargetResult): string[] {
  return [id, text, target, ratio(measured), isReached === true ? "yes" : "NO", ratio(byCpu)];
}

/** @param rows the head first; all cells but the first of a row stand at its right */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join(" | ")} |`;
  const rule = `|${widths.map((width, at) => (at === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  const [head, ...others] = rows.map(line);
  return [head, rule, ...others].join("\n");
}

export function whole({ median, min, max }: Spread): string {
  return `${Math.round(median)} (${Math.round(min)}–${Math.round(max)})`;
}

export function ratio(value: Spread | undefined): string {
  return value === undefined
    ? ""
    : `${value.median.toFixed(2)} (${value.min.toFixed(2)}–${value.max.toFixed(2)})`;
}

function percent(value: Spread | undefined): string {
  return value === undefined ? "?" : `${Math.round(value.median * 100)} %`;
}

/** Writes bench/results/<name>.json, .md and, where there is one, .svg. */
export function writeReport(report: object, text: string, name: string, svg?: string): void {
  const folder = path.join(import.meta.dirname, "results");
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, `${name}.json`), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(path.join(folder, `${name}.md`), text);
  if (svg !== undefined) writeFileSync(path.join(folder, `${name}.svg`), svg);
}
