/** What a load process is told and what it answers: one line of JSON each way. */

import type { Load } from "./rows.ts";

export interface LoadJob {
  readonly url: string;
  readonly load: Load;
  readonly noCache: boolean;
  /** Of the replies that are compared; a regular expression as text, "none", or undefined. */
  readonly cache: string | undefined;
  readonly partitions: number;
  readonly connections: number;
  readonly warmSeconds: number;
  readonly seconds: number;
  /** Another one in every repeat, and the same for the rows that are compared in it. */
  readonly seed: number;
  /** The server's processes, and those that answer it; their CPU time is read. */
  readonly pids: readonly number[];
  readonly pidsBehind: readonly number[];
  /** Python's loop only: profiles itself while it is measured, which makes it slower. */
  readonly profile?: boolean;
}

export interface LoadResult {
  /** Replies within the measured time, and that time. */
  readonly replies: number;
  readonly seconds: number;
  /** Replies with the warm-up's, and those that came after the time was over. */
  readonly repliesInAll: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the server, of what answers it, and of this load process, while it was measured. */
  readonly serverCpuSeconds: number | undefined;
  readonly behindCpuSeconds: number | undefined;
  readonly loadCpuSeconds: number;
  /** Not 200, lost, of another length or wrong in another way; warm-up included. */
  readonly failures: number;
  /** What was wrong, at most a few of it. */
  readonly complaints: readonly string[];
  /** Of a loop that has profiled itself: seconds by module, and those of the costliest functions. */
  readonly ownSeconds?: Readonly<Record<"rooms" | "functions", Readonly<Record<string, number>>>>;
}
