/**
 * Which tables' streams are followed, by whom, and how far. Looks at the known tables often, so that a stream that is
 * enabled, disabled or replaced later is noticed as soon as the table's description is (within a minute), and keeps the
 * freshness gate told.
 *
 * Where nodes share a store, one of them reads a table's stream for all (its *leader*), and tells of changes and of its
 * progress through the log. A table counts as followed on another node once a sign of it has come. From then on its gate
 * closes by itself when signs fail to come, so a change of leader, or none for a while, needs no flush; only the end of
 * following does: what was stored is then bounded by its TTL alone.
 */

import type { TableSchema } from "../dynamodb/model.ts";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import type { ChangeSource, SourceState } from "./change-source.ts";
import type { Freshness } from "./freshness.ts";
import type { Leadership } from "./stream-leader.ts";
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
  /** Which tables this node follows for all; undefined = each node follows all of them by itself. */
  readonly leadership?: Leadership | undefined;
}

interface Followed {
  readonly schema: TableSchema;
  readonly streamArn: string;
  /** Undefined while another node leads. */
  source: ChangeSource | undefined;
  /** Whether there has been a sign of it, of this node or another. */
  isFollowing: boolean;
  /** The youngest sign: it stays true whoever leads next. */
  caughtUpAtMs: number;
}

/** One table, for people. */
export interface StreamReport {
  readonly verdict: StreamVerdict;
  /** Undefined = not followed by this node. */
  readonly state: SourceState | undefined;
  /** Whether changes made around dynatier arrive: this node follows, or a sign of the one who does has come. */
  readonly isFollowed: boolean;
  /** Who reads the stream; undefined = nobody that we know of. */
  readonly leader: "this node" | "another node" | undefined;
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
    const { leadership } = this.#options;
    for (const [tableId, followed] of this.#followed) {
      // Where others go on, theirs must not be dropped because one node stops.
      if (leadership === undefined) this.#leave(tableId);
      else this.#yield(followed);
    }
    await Promise.allSettled(this.#stopping);
    await leadership?.stop();
  }

  /** How the table's stream is treated. */
  report(schema: TableSchema): StreamReport {
    const { policy, isCached } = this.#options;
    const followed = this.#followed.get(schema.tableId);
    const state = followed?.source?.state();
    const isFollowed = followed?.isFollowing === true && state?.kind !== "stopped";
    return {
      verdict: streamVerdict(schema, isCached(schema.TableName), policy),
      state,
      isFollowed,
      leader: state !== undefined ? "this node" : isFollowed ? "another node" : undefined,
      cost: this.#options.cost,
    };
  }

  /**
   * How far the streams that this node leads have been applied, for other nodes: moments of the clock, by the names of the
   * tables as they are described now. (1 an index is created · 2 a node that knows it stores a query of it · 3 the
   * leader, which does not know it yet, applies a record without that index. Its signs are for another table then.)
   */
  signs(): Map<string, number> {
    const signs = new Map<string, number>();
    for (const { schema, source } of this.#followed.values()) {
      const { kind, caughtUpAtMs } = source?.state() ?? {};
      if (kind === "following" && caughtUpAtMs !== undefined) signs.set(signName(schema), caughtUpAtMs);
    }
    return signs;
  }

  /** A sign of another node's, by this process' clock. */
  hear(name: string, caughtUpAtMs: number): void {
    const followed = this.#followed.get(name.slice(0, name.indexOf(separator)));
    // Of what this node follows itself it knows more; of what it does not know, or otherwise, nothing.
    if (this.#options.leadership === undefined || followed === undefined) return;
    if (followed.source === undefined && signName(followed.schema) === name)
      this.#caughtUp(followed, caughtUpAtMs);
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
      else if (followed?.source?.state().kind === "stopped") this.#pause(schema, followed);
      const isDue = this.#options.clock.nowMs() >= (this.#retryAtMs.get(schema.tableId) ?? 0);
      if (arn !== undefined && isDue) this.#follow(schema, arn);
    }
    for (const tableId of [...this.#followed.keys()]) if (!seen.has(tableId)) this.#leave(tableId);
    for (const tableId of [...this.#told.keys()]) if (!seen.has(tableId)) this.#told.delete(tableId);
    for (const tableId of [...this.#retryAtMs.keys()])
      if (!seen.has(tableId)) this.#retryAtMs.delete(tableId);
    for (const followed of this.#followed.values()) this.#sign(followed);
  }

  #follow(schema: TableSchema, streamArn: string): void {
    const { leadership, follow } = this.#options;
    const leads = leadership?.tend(schema.tableId) ?? true;
    let followed = this.#followed.get(schema.tableId);
    if (followed === undefined) {
      const caughtUpAtMs = Number.NEGATIVE_INFINITY;
      followed = { schema, streamArn, source: undefined, isFollowing: false, caughtUpAtMs };
      this.#followed.set(schema.tableId, followed);
      // Others may follow already, and what this node stores be as old as their silence: 1 this node starts · 2 the leader
      // falls silent before it was heard here. Where following has failed here before, nobody may be able to.
      if (leadership !== undefined && !this.#retryAtMs.has(schema.tableId))
        this.#options.freshness.set(schema.tableId, { caughtUpAtMs });
    }
    if (leads && followed.source === undefined) {
      followed.source = follow(schema, streamArn);
      void followed.source.start();
    } else if (!leads) this.#yield(followed);
  }

  /** The source has stopped for good: the stream is gone or disabled, which the table's description may not say yet. */
  #pause(schema: TableSchema, followed: Followed): void {
    const stopReason = followed.source?.state().stopReason;
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
    this.#yield(followed);
    this.#options.leadership?.leave(tableId);
  }

  /** Another node goes on, or will: its signs, or the gate that closes without any, bound what is stored. */
  #yield(followed: Followed): void {
    const { source } = followed;
    if (source === undefined) return;
    followed.source = undefined;
    const stopped = source.stop().finally(() => this.#stopping.delete(stopped));
    this.#stopping.add(stopped);
  }

  /** A table counts as followed once its iterators stand; a gap later only makes the last sign of life older. */
  #sign(followed: Followed): void {
    if (followed.source === undefined) return;
    const { kind, caughtUpAtMs } = followed.source.state();
    if (kind === "following" || followed.isFollowing) this.#caughtUp(followed, caughtUpAtMs);
  }

  #caughtUp(followed: Followed, caughtUpAtMs: number): void {
    followed.isFollowing = true;
    followed.caughtUpAtMs = Math.max(followed.caughtUpAtMs, caughtUpAtMs);
    this.#options.freshness.set(followed.schema.tableId, { caughtUpAtMs: followed.caughtUpAtMs });
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

const separator = "\0";

function signName({ tableId, fingerprint }: TableSchema): string {
  return tableId + separator + fingerprint;
}
