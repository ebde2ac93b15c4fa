/**
 * How far a stream has been read, kept where the next leader finds it: whoever reads on from there need not make everybody
 * forget. A checkpoint is a statement that stays true whoever wrote it and however old it is: *what came before these
 * positions has been applied, or everything was forgotten after it came*. So a position is saved after its records were
 * applied, never before; and after a gap only once everything was forgotten. Two leaders who save at once, or a store
 * that falls back to an older state, cost repeated records, not lost ones. So does a part that is missing: of a shard
 * nobody knows anything of, all is read that there is.
 *
 * Fields: `version`; `at`, the reference time before which everything has been applied, of all shards; and for each shard
 * `s:<its id>`:
 *
 * | value | read on from |
 * |---|---|
 * | `@<sequence number>` | after this record |
 * | `<` | its beginning: it is a child nobody has read of yet, or was empty since it was first read from its end |
 * | `.` | nowhere: it was read to its end, and its children are in the checkpoint |
 *
 * A shard that is first read from its end (LATEST) has no position that could be named until its first record comes. Its
 * beginning is one that is surely not too late: of up to 24 hours of records too many, forgetting is all that comes, and
 * when they are too many, forgetting everything (the limit of the backlog). That TRIM_HORIZON says nothing of records that
 * were removed does no harm as long as `at` is younger than the stream's memory: what is not applied is younger still.
 */

import { type ReferenceClock, type SharedStore, StoreUnavailable } from "../redis/shared-store.ts";
import type { Clock } from "../util/clock.ts";

/** Where the checkpoint of one stream is kept. */
export interface CheckpointPort {
  readonly clock: ReferenceClock;
  load(): Promise<ReadonlyMap<string, string>>;
  /**
   * Sets these fields; an empty value removes one. Must reject while anything that was applied still waits to reach
   * the other nodes: nobody would tell them if this one died.
   */
  save(fields: ReadonlyMap<string, string>): Promise<void>;
  drop(): Promise<void>;
}

const KEEP_MS = 24 * 3_600_000;

export interface StoredCheckpointOptions {
  readonly store: Pick<SharedStore, "clock" | "saveCheckpoint" | "loadCheckpoint" | "dropCheckpoint">;
  readonly streamArn: string;
  /** Of the table as its records are read. */
  readonly fingerprint: string;
  /** Whether everything that this node has applied so far has reached the other nodes. */
  readonly isSettled: () => boolean;
}

/**
 * One for each stream and each state of the table's indexes. Nothing is known of the time between two streams; and who
 * read records without knowing of an index has not applied them to it (1 an index is created · 2 a node that knows it
 * stores a query of it · 3 the leader, which does not, applies a record and dies · 4 a leader that does would resume
 * after it).
 */
export function storedCheckpoint(options: StoredCheckpointOptions): CheckpointPort {
  const { store, streamArn, fingerprint, isSettled } = options;
  const name = `stream:${streamArn}:${fingerprint}`;
  return {
    clock: store.clock,
    load: () => store.loadCheckpoint(name),
    async save(fields) {
      if (!isSettled()) throw new StoreUnavailable("refused", "changes still wait to be told to other nodes");
      await store.saveCheckpoint(name, fields, KEEP_MS);
    },
    drop: () => store.dropCheckpoint(name),
  };
}

/** Where the reading of a shard goes on. */
export type ShardPosition =
  | { readonly kind: "after"; readonly sequenceNumber: string }
  | { readonly kind: "beginning" }
  | { readonly kind: "finished" };

/** A checkpoint that can be resumed from. */
export interface Resumption {
  /** Moment of the process' clock before which everything has been applied. */
  readonly caughtUpAtMs: number;
  readonly shards: ReadonlyMap<string, ShardPosition>;
}

export interface StreamCheckpointOptions {
  readonly port: CheckpointPort;
  readonly clock: Clock;
  /** A checkpoint that is older cannot be resumed from. */
  readonly retentionMs: number;
  /** Finished shards that are remembered; an older one would be read again. */
  readonly finishedMax: number;
}

const VERSION = "1";
const SHARD = "s:";
const BEGINNING = "<";
const FINISHED = ".";
const AFTER = "@";
/** How often `at` is saved where nothing else is new. */
const REFRESH_MS = 30_000;
/** Shards saved at a time: the store should not be held up. In parts is as good as at once, see above. */
const SAVED_MAX = 1_000;

export class StreamCheckpoint {
  readonly #options: StreamCheckpointOptions;
  /** What the checkpoint should say of each shard that it knows. */
  readonly #values = new Map<string, string>();
  readonly #finished = new Set<string>();
  #unsaved = new Map<string, string>();
  #savedAtMs = Number.NEGATIVE_INFINITY;
  /** The one in the store is of another following. */
  #isForeign = true;

  constructor(options: StreamCheckpointOptions) {
    this.#options = options;
  }

  /** What there is to resume from. Rejects if the store cannot say. Undefined: nothing that could be relied on. */
  async load(): Promise<Resumption | undefined> {
    const { port, clock, retentionMs } = this.#options;
    const fields = await port.load();
    const at = fields.get("at");
    if (fields.get("version") !== VERSION || at === undefined) return undefined;
    const nowMs = clock.nowMs();
    const oldestMs = port.clock.latestMs(nowMs) - Number(at);
    // From the future: a clock was set, and how old it is nobody knows. (What is not a number fails both.)
    if (!(oldestMs >= 0 && oldestMs < retentionMs)) return undefined;
    const shards = new Map<string, ShardPosition>();
    for (const [field, value] of fields) {
      if (!field.startsWith(SHARD)) continue;
      const position = positionOf(value);
      if (position === undefined) return undefined;
      shards.set(field.slice(SHARD.length), position);
    }
    if (shards.size === 0) return undefined;
    return { caughtUpAtMs: nowMs - oldestMs, shards };
  }

  /** Goes on with the checkpoint in the store, as it was loaded. */
  resume({ shards }: Resumption): void {
    this.#clear();
    this.#isForeign = false;
    for (const [shardId, position] of shards) {
      this.#values.set(shardId, valueFor(position));
      if (position.kind === "finished") this.#finished.add(shardId);
    }
  }

  /**
   * A new one begins: what is in the store is dropped, now or, if that fails, before anything is saved. To be called
   * before everything is forgotten.
   */
  async begin(): Promise<void> {
    this.#clear();
    this.#isForeign = true;
    await this.#dropForeign();
  }

  /** @param sequenceNumber of the last record applied; undefined = none yet */
  reached(shardId: string, sequenceNumber: string | undefined): void {
    this.#finished.delete(shardId);
    this.#note(shardId, sequenceNumber === undefined ? BEGINNING : AFTER + sequenceNumber);
  }

  /** It was read to its end, and its children are being read. */
  finished(shardId: string): void {
    this.#note(shardId, FINISHED);
    this.#finished.delete(shardId);
    this.#finished.add(shardId);
    if (this.#finished.size <= this.#options.finishedMax) return;
    const [oldest] = this.#finished;
    if (oldest !== undefined) this.forget(oldest);
  }

  /** The stream does not list it any more. */
  forget(shardId: string): void {
    this.#finished.delete(shardId);
    if (this.#values.delete(shardId)) this.#unsaved.set(shardId, "");
  }

  /**
   * Saves what is new. Never rejects: what could not be saved is saved the next time.
   * @param caughtUpAtMs moment of the process' clock before which everything has been applied, of all shards
   */
  async save(caughtUpAtMs: number): Promise<void> {
    const { port, clock } = this.#options;
    const nowMs = clock.nowMs();
    if (this.#unsaved.size === 0 && nowMs - this.#savedAtMs < REFRESH_MS) return;
    const all = [...this.#unsaved];
    const unsaved = all.slice(0, SAVED_MAX);
    const fields = new Map([
      ["version", VERSION],
      ["at", String(port.clock.earliestMs(caughtUpAtMs))],
    ]);
    for (const [shardId, value] of unsaved) fields.set(SHARD + shardId, value);
    this.#unsaved = new Map(all.slice(SAVED_MAX));
    try {
      if (!(await this.#dropForeign()))
        throw new StoreUnavailable("refused", "an old checkpoint is still there");
      await port.save(fields);
      this.#savedAtMs = nowMs;
    } catch {
      this.#unsaved = new Map([...unsaved, ...this.#unsaved]);
    }
  }

  #note(shardId: string, value: string): void {
    if (this.#values.get(shardId) === value) return;
    this.#values.set(shardId, value);
    this.#unsaved.set(shardId, value);
  }

  #clear(): void {
    this.#values.clear();
    this.#finished.clear();
    this.#unsaved = new Map();
    this.#savedAtMs = Number.NEGATIVE_INFINITY;
  }

  async #dropForeign(): Promise<boolean> {
    if (!this.#isForeign) return true;
    try {
      await this.#options.port.drop();
      this.#isForeign = false;
      return true;
    } catch {
      return false;
    }
  }
}

function positionOf(value: string): ShardPosition | undefined {
  if (value === BEGINNING) return { kind: "beginning" };
  if (value === FINISHED) return { kind: "finished" };
  const sequenceNumber = value.slice(AFTER.length);
  return value.startsWith(AFTER) && sequenceNumber !== "" ? { kind: "after", sequenceNumber } : undefined;
}

function valueFor(position: ShardPosition): string {
  if (position.kind === "after") return AFTER + position.sequenceNumber;
  return position.kind === "beginning" ? BEGINNING : FINISHED;
}
