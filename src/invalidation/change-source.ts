/**
 * Where changes come from that did not pass through this proxy: the interface between a source (DynamoDB
 * Streams; Kinesis Data Streams could be another) and the cache that must hear of them.
 */

import type { RecordImage } from "./placed-records.ts";
import type { ItemChange } from "./tags.ts";

/** One change of one item, as the source tells it. Applying it twice, or late, does no harm. */
export interface RecordChange {
  readonly change: ItemChange;
  /** The item afterwards; "absent" if it was removed; undefined where the source does not say. */
  readonly image: RecordImage | "absent" | undefined;
  /**
   * When the change was made by the service's clock: UNIX milliseconds, rounded down; undefined if unknown.
   */
  readonly createdAtMs: number | undefined;
}

/** Why everything cached of the table must go. */
export type GapReason =
  /** The source has begun to follow: what was cached before is not covered by it. */
  | "start"
  /** Records were removed (24 hours) before they were read, or may have been. */
  | "trimmed data"
  /** An iterator expired before any record could fix its position. */
  | "expired iterator"
  /** The service does not take the position that we kept. */
  | "lost position"
  /** A shard stands there whose parents were never seen and can no longer be read. */
  | "unknown lineage"
  | "shard gone"
  | "stream gone"
  | "stream disabled"
  /** More shards than the source may keep track of. */
  | "too many shards"
  /** So many records wait that forgetting everything is cheaper than applying them. */
  | "backlog"
  | "unreadable record"
  /** A bug in the source itself. */
  | "internal error";

/** What a source drives. Both are awaited; an error makes the source try again. */
export interface ChangeSink {
  /** Forgets everything that this change makes stale. */
  apply(change: RecordChange): void | Promise<void>;
  /** Forgets everything cached of the table. */
  flush(reason: GapReason): void | Promise<void>;
}

export interface SourceState {
  /**
   * "starting": not (or, after a gap, not yet again) covered; "following": every change since caughtUpAtMs is
   * either applied or on its way; "stopped": by stop(), or for good for `stopReason`.
   */
  readonly kind: "starting" | "following" | "stopped";
  readonly stopReason: GapReason | "stopped" | undefined;
  /**
   * Moment of the monotonic clock: everything that the source has shown to have happened before it was
   * applied. −Infinity before the first start; never goes back.
   */
  readonly caughtUpAtMs: number;
  /** Now minus caughtUpAtMs. */
  readonly lagMs: number;
  /** Shards being read, or read to their end and waiting for their children to appear. */
  readonly shardsOpen: number;
  /** Records applied. */
  readonly records: number;
  readonly unreadable: number;
  /** Gaps since the first start, not counting it. */
  readonly gaps: number;
  /** GetRecords calls, failed ones included. */
  readonly polls: number;
  readonly throttled: number;
  /** Records applied since the shards they are from were last seen to be read up to the present. */
  readonly backlogRecords: number;
  /** GetRecords calls in 30 days at the pace of the last half minute. */
  readonly pollsPerMonth: number;
  /** The error of the latest failed call, by name, while it has not succeeded since. */
  readonly lastError: string | undefined;
}

export interface ChangeSource {
  /** Fulfilled when the source follows, or has stopped for good. Never rejects. */
  start(): Promise<void>;
  /** Fulfilled when nothing of it runs any more. */
  stop(): Promise<void>;
  /** Cheap enough to be asked on every read. */
  state(): SourceState;
}
