/** What the load process is told and what it answers: one line of JSON each way. */

import type { WorkloadName } from "./workloads.ts";

export interface LoadJob {
  readonly url: string;
  readonly workload: WorkloadName;
  readonly noCache: boolean;
  /** All requests in turn instead of zipfian ones. */
  readonly inTurn?: boolean;
  readonly partitions: number;
  readonly connections: number;
  readonly warmSeconds: number;
  readonly seconds: number;
  /** The server's processes, whose CPU time is read. */
  readonly pids: readonly number[];
  /** The length that every reply's body must have. */
  readonly replyBytes: number;
}

export interface LoadResult {
  /** Replies within the measured time, and that time. */
  readonly replies: number;
  readonly seconds: number;
  /** Replies with the warm-up's. */
  readonly repliesInAll: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the server, and of this load process, while it was measured. */
  readonly serverCpuSeconds: number | undefined;
  readonly loadCpuSeconds: number;
  /** Not 200, lost, late or of another length; warm-up included. */
  readonly failures: number;
}
