// The figures of several threads: added up, and never less than was shown, whoever dies.

import { expect, test } from "vitest";
import type { CallRecord } from "../../../src/metrics/outcome.ts";
import { createMetrics, type Metrics } from "../../../src/metrics/registry.ts";
import type { ThreadFigures } from "../../../src/metrics/thread-figures.ts";
import { ThreadSum } from "../../../src/metrics/thread-sum.ts";
import { readExposition } from "./exposition.ts";

function counting(tables: readonly string[], tablesMax = 3): Metrics {
  const metrics = createMetrics({ tablesMax, version: "" });
  for (const table of tables) count(metrics, table);
  return metrics;
}

function count(metrics: Metrics, table: string): void {
  const call: CallRecord = { operation: "GetItem", table, outcome: "hit", status: 200, durationMs: 0.2 };
  metrics.call(call);
  metrics.call({
    ...call,
    outcome: "miss",
    status: 400,
    error: "ValidationException",
    reason: "upstream-error",
  });
  metrics.lookup("item", table, "hit", 2);
  metrics.fill(table, "stored");
  metrics.invalidated(table, "write");
  metrics.readUnits(table, 1, 0.5);
  metrics.writeUnits(table, 3);
  metrics.strongReadForced(table);
  metrics.upstream("GetItem", "ok", 2);
  metrics.upstreamRetry("GetItem");
}

/** As a message to another thread carries them. */
const posted = (metrics: Metrics): ThreadFigures => structuredClone(metrics.threadFigures());

/** All samples of a process whose main thread is `own`. */
async function scrape(own: Metrics, sum: ThreadSum, living: readonly Metrics[]) {
  const figures = living.map(posted);
  own.threads({
    gather: async () => {},
    total: (counters) => sum.counters(counters.figures(), figures),
    uses: () => sum.uses(figures),
  });
  return readExposition(await own.render());
}

test("two threads that counted the same show twice what one shows", async () => {
  const [own, a, b] = [counting([]), counting(["t"]), counting(["t"])];
  const sum = new ThreadSum(3);
  const one = await scrape(own, sum, [a]);
  const two = await scrape(own, sum, [a, b]);
  const doubled = one.series.filter(({ labels }) => "table" in labels || "operation" in labels);
  expect(doubled.length).toBeGreaterThan(30);
  for (const { name, labels, value } of doubled) {
    const other = two.series.find(
      (s) => s.name === name && JSON.stringify(s.labels) === JSON.stringify(labels),
    );
    expect(other?.value, `${name} ${JSON.stringify(labels)}`).toBeCloseTo(2 * value, 9);
  }
  for (const metrics of [own, a, b]) metrics.close();
});

test("no counter goes back when threads die and others come, with more tables than are counted by name", async () => {
  const own = counting(["x"]);
  const sum = new ThreadSum(3);
  let living = [counting(["a", "b", "c"]), counting(["c", "d", "e"])];
  const shown = new Map<string, number>();
  for (let round = 0; round < 12; round += 1) {
    const { series, types } = await scrape(own, sum, living);
    for (const { name, labels, value } of series) {
      const type = types.get(name) ?? types.get(name.replace(/_(bucket|sum|count)$/, ""));
      if (type === "gauge" || name.startsWith("dynatier_process")) continue;
      const series = `${name} ${JSON.stringify(labels)}`;
      expect(value, `${series}, round ${round}`).toBeGreaterThanOrEqual(shown.get(series) ?? 0);
      shown.set(series, value);
    }
    expect(
      [...shown.keys()].filter((one) => !series.some((s) => one === `${s.name} ${JSON.stringify(s.labels)}`)),
    ).toEqual([]);
    const [first, ...rest] = living;
    if (round % 3 === 2 && first !== undefined) {
      sum.end(posted(first));
      first.close();
      living = [...rest, counting([`new-${round}`, "a"])];
    }
    for (const metrics of living) count(metrics, "abcdefg"[round % 7]!);
  }
  const names = [...shown.keys()].flatMap((one) => /"table":"([^"]+)"/.exec(one)?.[1] ?? []);
  expect(new Set(names).size, "3 by name, and _other").toBe(4);
  for (const metrics of [own, ...living]) metrics.close();
});

test("gauges are those of the living; what only grows keeps what the dead had", () => {
  const sum = new ThreadSum(3);
  const figures = (connections: number): ThreadFigures => {
    const metrics = counting([]);
    const cache = { tier: "memory", bytes: 10, bytesMax: 100, entries: 1, evictions: 5, evictedBytes: 50 };
    metrics.gauges({ clientConnections: () => connections, clientSentBytes: () => 7, caches: () => [cache] });
    metrics.close();
    return posted(metrics);
  };
  sum.end(figures(4));
  const { caches, numbers } = sum.gauges([figures(2), figures(3)]);
  // Nobody has the others: they are not shown as 0.
  expect(numbers).toEqual({ clientConnections: 5, clientSentBytes: 21 });
  const summed = { bytes: 20, bytesMax: 200, entries: 2, evictions: 15, evictedBytes: 150 };
  expect(caches).toEqual([{ tier: "memory", ...summed }]);
});
