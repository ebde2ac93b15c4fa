// What a run is printed as: the targets, the plot, the README's part.

import { describe, expect, it } from "vitest";
import { itemSizes } from "../../../bench/data.ts";
import type { LoadResult } from "../../../bench/load-job.ts";
import type { Measured, Outcome } from "../../../bench/measure.ts";
import { readOptions } from "../../../bench/options.ts";
import { plot } from "../../../bench/plot.ts";
import { logNormal, seeded } from "../../../bench/random.ts";
import { contendedRows, markdown, reportOf } from "../../../bench/report.ts";
import { rows } from "../../../bench/rows.ts";
import { withSection } from "../../../scripts/bench-section.ts";

const options = readOptions([]);

function result(replies: number, more: Partial<LoadResult> = {}): LoadResult {
  return {
    ...{ replies, seconds: 1, repliesInAll: replies, p50Ms: 1, p99Ms: 2, failures: 0, complaints: [] },
    ...{ serverCpuSeconds: 0.9, behindCpuSeconds: 0, loadCpuSeconds: 0.5 },
    ...more,
  };
}

function measured(id: string, results: LoadResult[]): Measured {
  return { row: rows.find((row) => row.id === id)!, results, hitShares: [] };
}

const outcome: Outcome = {
  measured: [
    measured("http-get", [result(100), result(110), result(100)]),
    measured("proxy-get-hit", [result(250), result(220), result(260)]),
    measured("direct-get-1", [result(9, { p50Ms: 1 })]),
    measured("proxy-get-1-miss", [result(9, { p50Ms: 1.5 })]),
  ],
  skipped: [{ row: rows.find(({ id }) => id === "nginx-get")!, reason: "nginx is not installed" }],
  startUps: [],
  faults: [],
};
const report = reportOf(options, outcome);

describe("the benchmark's report", () => {
  it("compares targets repeat by repeat and says nothing of rows that it lacks", () => {
    const [http, nginx] = report.targets;
    expect(http).toMatchObject({ isReached: true, measured: { median: 2.5, min: 2, max: 2.6 } });
    expect(nginx).toMatchObject({ isReached: undefined, measured: undefined });
    const overhead = report.targets.find(({ text }) => text.includes("minus"));
    expect(overhead).toMatchObject({ target: "≤ 0.25", isReached: false, measured: { median: 0.5 } });
  });

  it("its text names rows, what was skipped and why, and targets", () => {
    const text = markdown(report);
    for (const words of ["dynatier, GetItem hit", "nginx is not installed", "## Targets", "| P1 "])
      expect(text).toContain(words);
    expect(text).not.toContain("undefined");
    expect(text).not.toContain("NaN");
  });

  it("finds rows where nobody was busy, but not where one connection waits", () => {
    const idle = { serverCpuSeconds: 0.1, loadCpuSeconds: 0.1 };
    const idlers = ["http-get", "direct-get-1"].map((id) => measured(id, [result(1, idle)]));
    const contended = contendedRows(reportOf(options, { ...outcome, measured: idlers }));
    expect(contended.map(({ id }) => id)).toEqual(["http-get"]);
  });

  it("the plot is well-formed and has every main row", () => {
    const svg = plot(report);
    const open: string[] = [];
    for (const [, slash, name = "", self] of svg.matchAll(/<(\/?)(\w+)[^<>]*?(\/?)>/g)) {
      if (slash === "/") expect(open.pop()).toBe(name);
      else if (self === "") open.push(name);
    }
    expect(open).toEqual([]);
    expect(svg).toContain("dynatier, hit");
    expect(svg).toContain("bare node:http + Map");
    expect(svg).not.toMatch(/NaN|undefined/);
  });

  it("the README's part is printed the same again, with a kept run and without", () => {
    const marks =
      "a\n<!-- Benchmark: printed by npm run docs from bench/results/latest.json -->\n<!-- Benchmark: end -->\nb\n";
    const without = withSection(marks, undefined);
    expect(without).toMatch(/^a\n.*No run is kept here.*\nb\n$/s);
    // As it is read back: JSON knows no undefined.
    const kept: typeof report = JSON.parse(JSON.stringify(report));
    const text = withSection(without, kept);
    expect(text).toContain("bench/results/latest.svg");
    expect(text).toMatch(/\| dynatier, hit +\| +250 \|/);
    expect(withSection(text, kept)).toBe(text);
    expect(withSection(text, undefined)).toBe(without);
    expect(() => withSection("a", kept)).toThrow("marks");
  });
});

describe("the benchmark's rows", () => {
  it("are chosen by name and by pattern", () => {
    expect(readOptions(["--rows", "ycsb-?-proxy,start-up"])).toMatchObject({
      startUp: true,
      rows: rows.filter(({ id }) => /^ycsb-.-proxy$/.test(id)),
    });
    expect(() => readOptions(["--rows", "nothing"])).toThrow("nothing is no row");
  });

  it("have names of their own", () => {
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
  });

  it("item sizes follow their distribution", () => {
    const sizes = Array.from({ length: 20_001 }, (_, place) => logNormal(itemSizes, seeded(place)));
    sizes.sort((a, b) => a - b);
    const at = (share: number) => sizes[Math.floor(share * sizes.length)]!;
    expect(at(0)).toBe(itemSizes.min);
    expect(at(0.999999)).toBeLessThanOrEqual(itemSizes.max);
    expect(at(0.5) / itemSizes.median).toBeCloseTo(1, 1);
    // One sigma above the median.
    expect(at(0.8413) / itemSizes.median).toBeCloseTo(Math.E, 0);
  });
});
