/** The report: what machine, one table of the rows, one of the starts; as text for people and as JSON. */

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import path from "node:path";
import type { Outcome } from "./measure.ts";
import type { Options } from "./options.ts";
import { pinned } from "./processes.ts";
import { figures, type RowFigures, type Spread, spread } from "./statistics.ts";

export interface Report {
  readonly about: Readonly<Record<string, string | number | boolean>>;
  readonly rows: readonly RowFigures[];
  readonly startUpMs: readonly { readonly id: string; readonly title: string; readonly firstReply: Spread }[];
}

export function reportOf(options: Options, outcome: Outcome): Report {
  const { seconds, warmSeconds, repeats, connections, partitions } = options;
  return {
    about: {
      ...machine(),
      ...{ seconds, warmSeconds, repeats, connections },
      items: partitions * 25,
    },
    rows: figures(outcome.measured),
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
  ["busy server/load", (row) => `${percent(row.serverBusy)}/${percent(row.loadBusy)}`],
];

const legend = `Figures are the median of the repeats, with (min–max). "×" compares throughput with that server's for the same
request, "CPU ×" the CPU time of the server for one reply (above 1 = less than the bare server's); both repeat
by repeat. Where the server was not busy, the load or the machine was the limit.`;

/** Below this share of its core neither the server nor the load was the limit: somebody else used the machine. */
const busyMin = 0.8;

/** Rows whose throughput says nothing. A miss waits for the upstream, whose time is not counted as the proxy's. */
export function contendedRows(report: Report): readonly RowFigures[] {
  return report.rows.filter(
    ({ id, serverBusy, loadBusy }) =>
      !id.endsWith("-miss") && serverBusy && Math.max(serverBusy.median, loadBusy.median) < busyMin,
  );
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
  return [
    "# Benchmark",
    about.join(" · "),
    ...warning(report),
    ...(report.rows.length > 0 ? [table(rows), legend] : []),
    ...(starts.length > 0 ? [table([["start-up", "ms"], ...starts])] : []),
  ]
    .join("\n\n")
    .concat("\n");
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

function whole({ median, min, max }: Spread): string {
  return `${Math.round(median)} (${Math.round(min)}–${Math.round(max)})`;
}

function ratio(value: Spread | undefined): string {
  return value === undefined
    ? ""
    : `${value.median.toFixed(2)} (${value.min.toFixed(2)}–${value.max.toFixed(2)})`;
}

function percent(value: Spread | undefined): string {
  return value === undefined ? "?" : `${Math.round(value.median * 100)} %`;
}

/** Writes bench/results/<name>.json and .md. */
export function writeReport(report: object, text: string, name: string): void {
  const folder = path.join(import.meta.dirname, "results");
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, `${name}.json`), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(path.join(folder, `${name}.md`), text);
}
