/** What is measured of several nodes with a Redis, and what each of it gave. */

export const redisRowIds = ["fanout", "write-guard"] as const;
export type RedisRowId = (typeof redisRowIds)[number];

export interface RedisRow {
  readonly id: RedisRowId;
  readonly title: string;
  /** Undefined where the row is not about throughput. */
  readonly perSecond: number | undefined;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** What this row is compared with and how it stands to it, as text. */
  readonly note: string;
}

export interface RedisReport {
  readonly about: Readonly<Record<string, string | number | boolean>>;
  readonly rows: readonly RedisRow[];
  /** What was wrong; empty = all is well. */
  readonly faults: readonly string[];
}

/** @param values milliseconds in any order */
export function percentileMs(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
