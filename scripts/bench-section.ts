/** The README's table of the benchmark, printed from the kept run, bench/results/latest.json. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Report, table } from "../bench/report.ts";

const begin = "<!-- Benchmark: printed by npm run docs from bench/results/latest.json -->";
const end = "<!-- Benchmark: end -->";

/** The kept run; undefined where there is none. */
export function keptReport(): Report | undefined {
  try {
    return JSON.parse(readFileSync(locate("bench/results/latest.json"), "utf8"));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** README.md as it stands, with the section between its marks made anew. */
export function printReadme(): string {
  return withSection(readFileSync(locate("README.md"), "utf8"), keptReport());
}

/** @throws Error if the marks are not there once each, in order */
export function withSection(readme: string, report: Report | undefined): string {
  const [before, inside, ...more] = readme.split(begin);
  const [, after, ...others] = inside?.split(end) ?? [];
  if (before === undefined || after === undefined || more.length > 0 || others.length > 0)
    throw new Error("README.md must have the marks of the benchmark, once each");
  return `${before}${begin}\n\n${report === undefined ? "No run is kept here." : section(report)}\n\n${end}${after}`;
}

function section(report: Report): string {
  const rows = report.rows.flatMap(({ short, repliesPerSecond, cpuMicroseconds, p50Ms }) =>
    short === undefined
      ? []
      : [
          [
            short,
            Math.round(repliesPerSecond.median).toLocaleString("en-US"),
            cpuMicroseconds === undefined ? "" : cpuMicroseconds.median.toFixed(1),
            p50Ms.median.toFixed(2),
          ],
        ],
  );
  const { cpu, node, commit, date, connections } = report.about;
  return [
    "![Replies a second and CPU time for one reply, the rows of the table](bench/results/latest.svg)",
    table([["GetItem, if nothing else is said", "replies/s", "CPU µs", "p50 ms"], ...rows]),
    `One core for the server, one for the load; ${connections} connections; median of the repeats. ${cpu}, Node ${node}, ` +
      `commit ${commit}, ${date}.\nAll rows, YCSB A to F and the targets: [bench/results/latest.md](bench/results/latest.md).`,
  ].join("\n\n");
}

function locate(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url));
}
