/** Runs the points in turn and over again, so that what disturbs a run disturbs all of its points alike. */

import { readFileSync } from "node:fs";
import type { ScaleJob, ScaleResult } from "./scale-job.ts";
import type { Point } from "./scale-points.ts";
import { type FilledProxy, Stage } from "./scale-stage.ts";

export interface ScaleOptions {
  readonly seconds: number;
  readonly repeats: number;
  readonly quick: boolean;
}

export interface Sample extends ScaleResult {
  /** The share of look-ups that were hits, by the proxy's own count. */
  readonly hitShare: number;
  readonly residentBytes: number;
  /** Records of the stream that were applied, a second. */
  readonly recordsPerSecond: number;
}

export interface MeasuredPoint {
  readonly point: Point;
  readonly samples: Sample[];
}

export interface ScaleOutcome {
  readonly measured: readonly MeasuredPoint[];
  /** Points that this machine has no room for, and why. */
  readonly skipped: readonly string[];
  /** What was wrong with replies; empty = all is well. */
  readonly faults: readonly string[];
}

const warmShare = 0.4;
/** Files that a process needs beside its connections. */
const filesBeside = 200;
/** Of a proxy's first load: until then its code is not compiled to the end. */
const firstReplies = 100_000;
/** By which the share of hits may differ from the wanted one. */
const hitShareSlack = 0.02;

export async function measurePoints(
  points: readonly Point[],
  options: ScaleOptions,
  say: (line: string) => void,
): Promise<ScaleOutcome> {
  const filesMax = openFilesMax();
  const tooMany = points.filter(({ connections }) => connections + filesBeside > filesMax);
  const skipped = tooMany.map(
    ({ label }) => `${label} connections: a process may open ${filesMax} files here`,
  );
  const measured = points
    .filter((point) => !tooMany.includes(point))
    .map((point): MeasuredPoint => ({ point, samples: [] }));
  const faults: string[] = [];
  const stage = new Stage();
  try {
    for (let repeat = 0; repeat < options.repeats; repeat += 1) {
      for (const { point, samples } of measured) {
        const sample = await measurePoint(stage, point, options, repeat, faults);
        samples.push(sample);
        const { closed, rated } = sample;
        say(
          `${repeat + 1}/${options.repeats} ${point.factor} ${point.label}: ` +
            `${Math.round(closed.replies / closed.seconds)}/s, p99.9 ${rated?.p999Ms.toFixed(2) ?? "?"} ms`,
        );
      }
    }
  } finally {
    await stage.end();
  }
  return { measured, skipped, faults };
}

/** The numbers of items that nobody has asked for yet: each run has a range of its own. */
let nextFresh = 0;
const warmed = new Set<FilledProxy>();

async function measurePoint(
  stage: Stage,
  point: Point,
  { seconds, quick }: ScaleOptions,
  repeat: number,
  faults: string[],
): Promise<Sample> {
  const { hitShare } = point;
  const proxy = await stage.proxy(point.server);
  const isFirst = !warmed.has(proxy);
  warmed.add(proxy);
  await stage.changes(point.changes);
  const before = await proxy.metrics();
  const beganAtMs = performance.now();
  const result = await stage.load({
    ...jobOf(point, proxy),
    seed: repeat + 1,
    firstFresh: nextFresh,
    warmSeconds: seconds * warmShare,
    warmReplies: isFirst && !quick ? firstReplies : 0,
    closedSeconds: seconds,
    rateSeconds: seconds,
  });
  const tookSeconds = (performance.now() - beganAtMs) / 1000;
  const after = await proxy.metrics();
  await stage.changes(0);
  nextFresh += result.fresh;
  const seen = (after.hits - before.hits) / (after.lookups - before.lookups);
  const name = `${point.factor} ${point.label}`;
  const failures = result.closed.failures + (result.rated?.failures ?? 0);
  if (failures > 0) faults.push(`${name}: ${failures} requests failed`);
  if (!(Math.abs(seen - hitShare) < hitShareSlack))
    faults.push(`${name}: the share of hits was ${seen.toFixed(3)}`);
  return {
    ...result,
    hitShare: seen,
    residentBytes: after.residentBytes,
    recordsPerSecond: (after.records - before.records) / tookSeconds,
  };
}

/** What a point's load is told of what it asks for. */
export function jobOf(
  { server, connections, hitShare }: Point,
  { url, pids }: FilledProxy,
): Pick<ScaleJob, "url" | "pids" | "table" | "entries" | "itemBytes" | "connections" | "hitShare"> {
  const { table, entries, itemBytes } = server;
  return { url, pids, table, entries, itemBytes, connections, hitShare };
}

/** Node.js raises its own limit as far as it may. */
function openFilesMax(): number {
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    return Number(/^Max open files +\d+ +(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
