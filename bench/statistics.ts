/** The figures of a row out of its repeats. */

import type { LoadResult } from "./load-job.ts";
import type { Measured } from "./measure.ts";
import { counterpart, type ServerName } from "./rows.ts";

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface RowFigures {
  readonly id: string;
  readonly title: string;
  /** The README's name of a main row. */
  readonly short: string | undefined;
  readonly connections: number | undefined;
  readonly repliesPerSecond: Spread;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  /** The server's CPU time for one reply in microseconds. */
  readonly cpuMicroseconds: Spread | undefined;
  /** The share of a core that the server, those that answer it and the load used: who was the bottleneck. */
  readonly serverBusy: Spread | undefined;
  readonly behindBusy: Spread | undefined;
  readonly loadBusy: Spread;
  /** Of the proxy's look-ups those that were hits. */
  readonly hitShare: Spread | undefined;
  /** Throughput as a multiple of the upstream's own. */
  readonly versusDirect: Spread | undefined;
  /** Throughput as a multiple of the bare server's for the same request, repeat by repeat. */
  readonly versusFastify: Spread | undefined;
  readonly versusNodeHttp: Spread | undefined;
  /** The bare server's CPU time for a reply as a multiple of this one's. */
  readonly cpuVersusFastify: Spread | undefined;
  readonly cpuVersusNodeHttp: Spread | undefined;
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median: median ?? 0, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 };
}

/** @param measured with at least one repeat each */
export function figures(measured: readonly Measured[]): RowFigures[] {
  return measured.map((one) => {
    const { row, results } = one;
    const against = (server: ServerName, quantity: Quantity, inverse: boolean): Spread | undefined => {
      const base = measured.find((other) => other.row === counterpart(row, server));
      return base === undefined || base === one ? undefined : ratios(one, base, quantity, inverse);
    };
    return {
      id: row.id,
      title: row.title,
      short: row.short,
      connections: row.connections,
      repliesPerSecond: spread(results.map(throughput)),
      p50Ms: spread(results.map(({ p50Ms }) => p50Ms)),
      p99Ms: spread(results.map(({ p99Ms }) => p99Ms)),
      cpuMicroseconds: spreadOfKnown(results.map(cpu)),
      serverBusy: spreadOfKnown(results.map((r) => r.serverCpuSeconds && r.serverCpuSeconds / r.seconds)),
      behindBusy: spreadOfKnown(results.map((r) => r.behindCpuSeconds && r.behindCpuSeconds / r.seconds)),
      loadBusy: spread(results.map((r) => r.loadCpuSeconds / r.seconds)),
      hitShare: spreadOfKnown(one.hitShares),
      versusDirect: against("upstream", throughput, false),
      versusFastify: against("fastify", throughput, false),
      versusNodeHttp: against("node:http", throughput, false),
      cpuVersusFastify: against("fastify", cpu, true),
      cpuVersusNodeHttp: against("node:http", cpu, true),
    };
  });
}

export type Quantity = (result: LoadResult) => number | undefined;

/** Replies a second. */
export function throughput({ replies, seconds }: LoadResult): number {
  return replies / seconds;
}

/** Microseconds of the server's CPU time for one reply. */
export function cpu({ serverCpuSeconds, replies }: LoadResult): number | undefined {
  return serverCpuSeconds === undefined ? undefined : (serverCpuSeconds * 1e6) / replies;
}

/** Each repeat against the base's same repeat: both ran within seconds of each other. */
export function ratios(one: Measured, base: Measured, of: Quantity, inverse: boolean): Spread | undefined {
  return spreadOfKnown(
    one.results.map((result, repeat) => {
      const [own, other] = [of(result), of(base.results[repeat]!)];
      if (own === undefined || other === undefined) return undefined;
      return inverse ? other / own : own / other;
    }),
  );
}

export function spreadOfKnown(values: readonly (number | undefined)[]): Spread | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : spread(known);
}
