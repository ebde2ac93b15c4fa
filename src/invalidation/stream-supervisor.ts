/**
 * Which tables' streams are followed. Looks at the known tables often, so that a stream that is enabled, disabled or
 * replaced later is noticed as soon as the table's description is (within a minute), and keeps the freshness gate told.
 */

import type { TableSchema } from "../dynamodb/model.ts";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import type { ChangeSource, SourceState } from "./change-source.ts";
import type { Freshness } from "./freshness.ts";
import { type StreamPolicy, type StreamVerdict, streamVerdict } from "./stream-policy.ts";

export interface SupervisorOptions {
  readonly policy: StreamPolicy;
  /** The tables described so far. */
  readonly known: () => readonly TableSchema[];
  /** Has the table described again if its description is due, also while nobody uses it. */
  readonly refresh: (schema: TableSchema) => void;
  readonly isCached: (TableName: string) => boolean;
  readonly follow: (schema: TableSchema, streamArn: string) => ChangeSource;
  /** Called when a table stops being followed: what was stored while it was is not bounded by its stream any more. */
  readonly flush: (schema: TableSchema) => void;
  readonly freshness: Freshness;
  readonly log: Logger;
  readonly clock: Clock;
  /** Between two attempts to follow a stream that has stopped. */
  readonly retryMs: number;
  /** What following one shard costs, in words. */
  readonly cost: string;
  /** How often the tables are looked at. */
  readonly tickMs: number;
}

interface Followed {
  readonly schema: TableSchema;
  readonly streamArn: string;
  readonly source: ChangeSource;
  isFollowing: boolean;
}

/** One table, for people. */
export interface StreamReport {
  readonly verdict: StreamVerdict;
  /** Undefined = not followed. */
  readonly state: SourceState | undefined;
  /** What following costs, in words. */
  readonly cost: string;
}

export class StreamSupervisor {
  readonly #options: SupervisorOptions;
  readonly #followed = new Map<string, Followed>();
  readonly #stopping = new Set<Promise<void>>();
  /** Tables that the log has told about, and what. Bounded by the catalog's own bound: others are forgotten. */
  readonly #told = new Map<string, string>();
  /** When a stream that could not be followed, or ended, is tried again. */
  readonly #retryAtMs = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#options.policy.mode === "off") return;
    this.#timer = setInterval(() => this.tick(), this.#options.tickMs);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    for (const tableId of [...this.#followed.keys()]) this.#leave(tableId);
    await Promise.allSettled(this.#stopping);
  }

  /** How the table's stream is treated. */
  report(schema: TableSchema): StreamReport {
    const { policy, isCached } = this.#options;
    const followed = this.#followed.get(schema.tableId);
    return {
      verdict: streamVerdict(schema, isCached(schema.TableName), policy),
      state: followed?.source.state(),
      cost: this.#options.cost,
    };
  }

  /** Compares what is followed with what should be. */
  tick(): void {
    const { policy, known, refresh, isCached } = this.#options;
    const seen = new Set<string>();
    for (const schema of known()) {
      seen.add(schema.tableId);
      refresh(schema);
      const verdict = streamVerdict(schema, isCached(schema.TableName), policy);
      this.#tell(schema, verdict);
      const followed = this.#followed.get(schema.tableId);
      const arn = verdict.kind === "follow" ? verdict.streamArn : undefined;
      // Another incarnation or other indexes: the records must be read with the new schema.
      const isSame = followed?.streamArn === arn && followed?.schema.fingerprint === schema.fingerprint;
      if (followed !== undefined && !isSame) this.#leave(schema.tableId);
      else if (followed?.source.state().kind === "stopped") this.#pause(schema, followed);
      const isDue = this.#options.clock.nowMs() >= (this.#retryAtMs.get(schema.tableId) ?? 0);
      if (arn !== undefined && isDue && !this.#followed.has(schema.tableId)) this.#join(schema, arn);
    }
    for (const tableId of [...this.#followed.keys()]) if (!seen.has(tableId)) this.#leave(tableId);
    for (const tableId of [...this.#told.keys()]) if (!seen.has(tableId)) this.#told.delete(tableId);
    for (const tableId of [...this.#retryAtMs.keys()])
      if (!seen.has(tableId)) this.#retryAtMs.delete(tableId);
    for (const followed of this.#followed.values()) this.#sign(followed);
  }

  #join(schema: TableSchema, streamArn: string): void {
    const source = this.#options.follow(schema, streamArn);
    this.#followed.set(schema.tableId, { schema, streamArn, source, isFollowing: false });
    void source.start();
  }

  /** The source has stopped for good: the stream is gone or disabled, which the table's description may not say yet. */
  #pause(schema: TableSchema, followed: Followed): void {
    const { stopReason } = followed.source.state();
    this.#options.log.warn(
      { table: schema.TableName, stopReason },
      "the table's stream cannot be followed; trying again",
    );
    this.#retryAtMs.set(schema.tableId, this.#options.clock.nowMs() + this.#options.retryMs);
    this.#leave(schema.tableId);
  }

  #leave(tableId: string): void {
    const followed = this.#followed.get(tableId);
    if (followed === undefined) return;
    this.#followed.delete(tableId);
    this.#options.freshness.set(tableId, undefined);
    // What was stored while the stream was followed would now live for its whole TTL, whatever was missed at the end.
    if (followed.isFollowing) this.#options.flush(followed.schema);
    const stopped = followed.source.stop().finally(() => this.#stopping.delete(stopped));
    this.#stopping.add(stopped);
  }

  /** A table counts as followed once its iterators stand; a gap later only makes the last sign of life older. */
  #sign(followed: Followed): void {
    const { kind, caughtUpAtMs } = followed.source.state();
    if (kind === "following") followed.isFollowing = true;
    if (followed.isFollowing) this.#options.freshness.set(followed.schema.tableId, { caughtUpAtMs });
  }

  #tell(schema: TableSchema, verdict: StreamVerdict): void {
    const text = verdict.kind === "follow" ? "" : verdict.why;
    if (verdict.kind === "off" || this.#told.get(schema.tableId) === text) return;
    this.#told.set(schema.tableId, text);
    const { TableName: table } = schema;
    const { log } = this.#options;
    if (verdict.kind === "follow") log.info({ table }, "the table's stream is followed");
    else {
      // Having no stream is somebody's choice; having one that is not followed may be a surprise.
      const say = schema.streamArn === undefined ? log.info : log.warn;
      say({ table, hint: verdict.hint }, `writes around dynatier are seen when the TTL ends: ${text}`);
    }
  }
}
