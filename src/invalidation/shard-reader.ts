// One shard's position, and one step of reading it: a page is fetched, applied, and only then left behind.
//
//   LATEST or TRIM_HORIZON ─→ page … page ─→ ended (its children come next)
//        ↑ expired: after the last record applied ┘   └─→ gap (the position is lost, or records are)

import { fullJitterMs } from "../util/backoff.ts";
import type { GapReason } from "./change-source.ts";
import { type Position, type RecordPage, type StreamApi, StreamError } from "./stream-api.ts";
import type { StreamCounts } from "./stream-counts.ts";
import { recordChange, sequenceNumberOf } from "./stream-records.ts";
import type { StreamSettings } from "./stream-settings.ts";

export interface ReaderContext {
  readonly settings: StreamSettings;
  readonly api: StreamApi;
  readonly counts: StreamCounts;
  /** Aborted when this reading is over: then nothing more is applied. */
  readonly signal: AbortSignal;
}

export type Step =
  | { readonly kind: "again"; readonly delayMs: number }
  | { readonly kind: "ended" }
  | { readonly kind: "gap"; readonly reason: GapReason };

/** Where the reading of a shard begins. */
export interface ShardStart {
  readonly type: "LATEST" | "TRIM_HORIZON";
  /** After this record instead, which was applied by who read the stream before. */
  readonly sequenceNumber?: string | undefined;
  /** What came before this moment has been applied: by whoever read the parent, or the stream before. */
  readonly caughtUpAtMs?: number | undefined;
  /** When the shard, or what it continues, was last read. */
  readonly readAtMs?: number | undefined;
}

/** Record times are rounded down to the second. */
const roundingMs = 1_000;
/** Records applied before requests are answered in between: a page has up to 1,000, of 2 to 10 µs each. */
export const recordsInTurnMax = 100;

export class ShardReader {
  readonly shardId: string;
  readonly #context: ReaderContext;
  readonly #start: "LATEST" | "TRIM_HORIZON";
  #iterator: string | undefined;
  /** The last record that was applied. */
  #appliedSequenceNumber: string | undefined;
  #caughtUpAtMs: number;
  /** When the shard (or the parent whose end it continues) was last read. */
  #readAtMs: number;
  /** Records applied since the shard was last seen to be read up to the present. */
  #backlogRecords = 0;
  #emptyPages = 0;
  #failures = 0;
  /** Pause between two pages: pollMs, more while the service throttles. */
  #paceMs: number;

  constructor(shardId: string, start: ShardStart, context: ReaderContext) {
    this.shardId = shardId;
    this.#start = start.type;
    this.#context = context;
    this.#appliedSequenceNumber = start.sequenceNumber;
    this.#caughtUpAtMs = start.caughtUpAtMs ?? Number.NEGATIVE_INFINITY;
    this.#readAtMs = start.readAtMs ?? context.settings.clock.nowMs();
    this.#paceMs = context.settings.pollMs;
  }

  /** What happened to this shard's items before this moment has been applied, or was flushed. */
  get caughtUpAtMs(): number {
    return this.#caughtUpAtMs;
  }

  /** The last record that was applied, by whomever. */
  get appliedSequenceNumber(): string | undefined {
    return this.#appliedSequenceNumber;
  }

  get readAtMs(): number {
    return this.#readAtMs;
  }

  /** Fetches the first iterator, before the flush that makes it count. Undefined: it stands. */
  async stand(): Promise<Step | undefined> {
    const sentAtMs = this.#context.settings.clock.nowMs();
    try {
      await this.#fetchIterator();
    } catch (error) {
      return this.#afterError(error);
    }
    // Everything before is about to be flushed; of what is resumed, nothing is.
    if (this.#start === "LATEST") {
      this.#caughtUpAtMs = sentAtMs;
      this.#readAtMs = sentAtMs;
    }
    return undefined;
  }

  /** Fetches and applies one page. */
  async step(): Promise<Step> {
    const { settings, counts, signal } = this.#context;
    if (settings.clock.nowMs() - this.#readAtMs > settings.retentionMs) return gap("trimmed data");
    try {
      const iterator = this.#iterator ?? (await this.#fetchIterator());
      const sentAtMs = settings.clock.nowMs();
      counts.poll();
      const page = await this.#fetchPage(iterator);
      counts.succeeded();
      const createdAtMs = await this.#apply(page);
      // What was in flight when a gap was found says nothing of now.
      if (signal.aborted) return { kind: "again", delayMs: 0 };
      return this.#leave(page, sentAtMs, createdAtMs);
    } catch (error) {
      return this.#afterError(error);
    }
  }

  async #fetchPage(iterator: string): Promise<RecordPage> {
    const { api, settings, signal } = this.#context;
    try {
      return await api.records(iterator, signal);
    } catch (error) {
      const isThrottled = error instanceof StreamError && error.kind === "throttled";
      if (!signal.aborted) settings.recorder.poll?.(isThrottled ? "throttled" : "error");
      throw error;
    }
  }

  async #fetchIterator(): Promise<string> {
    const { api, counts, signal } = this.#context;
    const sequenceNumber = this.#appliedSequenceNumber;
    const position: Position =
      sequenceNumber === undefined
        ? { type: this.#start }
        : { type: "AFTER_SEQUENCE_NUMBER", sequenceNumber };
    this.#iterator = await api.iterator(this.shardId, position, signal);
    counts.succeeded();
    return this.#iterator;
  }

  /** Applies the page; returns the service's time of its newest record. */
  async #apply(page: RecordPage): Promise<number | undefined> {
    const { settings, counts, signal } = this.#context;
    const { recorder, sink, schema } = settings;
    recorder.poll?.(page.records.length > 0 ? "records" : "empty");
    let newestAtMs: number | undefined;
    let flushed = false;
    for (let at = 0; at < page.records.length; at += 1) {
      if (at > 0 && at % recordsInTurnMax === 0) await settings.sleep(0, signal);
      if (signal.aborted) break;
      const record = page.records.at(at);
      const change = recordChange(record, schema);
      if (change === undefined) {
        counts.unreadable += 1;
        recorder.unreadable?.();
        // Every record of this page was written before the page came: one flush covers all of them.
        if (!flushed) await sink.flush("unreadable record");
        flushed = true;
      } else {
        const applying = sink.apply(change);
        if (applying !== undefined) await applying;
        counts.records += 1;
        const { createdAtMs } = change;
        if (createdAtMs !== undefined) {
          recorder.lag?.(Math.max(0, settings.wallClockMs() - createdAtMs));
          newestAtMs = Math.max(newestAtMs ?? createdAtMs, createdAtMs);
        }
      }
      // Only now: an error before this point must find the record again.
      this.#appliedSequenceNumber = sequenceNumberOf(record) ?? this.#appliedSequenceNumber;
    }
    return newestAtMs;
  }

  /** The page is applied: moves on, and says when to come again. */
  #leave(page: RecordPage, sentAtMs: number, createdAtMs: number | undefined): Step {
    const { settings, counts } = this.#context;
    const ended = page.next === undefined;
    const empty = page.records.length === 0;
    const whole = empty || (settings.shortPageIsWhole && !page.full);
    const newestAtMs = createdAtMs === undefined ? undefined : this.#monotonic(createdAtMs, sentAtMs);
    // The end of a closed shard tells nothing of its children, and so nothing of now.
    const reachedAtMs = whole && !ended ? sentAtMs : (newestAtMs ?? this.#caughtUpAtMs);
    this.#caughtUpAtMs = Math.max(this.#caughtUpAtMs, reachedAtMs);
    // Older than that, it could have been read the last time.
    const lateMs = roundingMs + settings.pollMs + sentAtMs - this.#readAtMs;
    this.#readAtMs = sentAtMs;
    this.#iterator = page.next;
    this.#failures = 0;
    this.#paceMs = Math.max(settings.pollMs, this.#paceMs * paceRecovery);
    this.#emptyPages = empty ? this.#emptyPages + 1 : 0;
    const behind = !whole && (page.full || sentAtMs - (newestAtMs ?? sentAtMs) > lateMs);
    this.#countBacklog(behind && !ended ? page.records.length : undefined);
    if (counts.backlogRecords > settings.backlogRecordsMax) return gap("backlog");
    if (ended) return { kind: "ended" };
    return { kind: "again", delayMs: this.#pauseMs(behind) };
  }

  /** The service's time on the monotonic clock; never later than the request that told it. */
  #monotonic(wallMs: number, sentAtMs: number): number {
    const { clock, wallClockMs } = this.#context.settings;
    return Math.min(sentAtMs, wallMs + clock.nowMs() - wallClockMs());
  }

  /** Adds to what was read without coming up to the present; undefined: it came up. */
  #countBacklog(records: number | undefined): void {
    const before = this.#backlogRecords;
    this.#backlogRecords = records === undefined ? 0 : before + records;
    this.#context.counts.backlogRecords += this.#backlogRecords - before;
  }

  /** At once while behind; slower and slower while nothing comes; never faster than throttling allows. */
  #pauseMs(behind: boolean): number {
    const { pollMs, idlePollMs } = this.#context.settings;
    if (behind) return this.#paceMs > pollMs ? this.#paceMs : 0;
    const slower = Math.max(0, this.#emptyPages - 1);
    return Math.min(Math.max(idlePollMs, this.#paceMs), this.#paceMs * 2 ** Math.min(slower, 30));
  }

  #afterError(error: unknown): Step {
    const { counts, settings, signal } = this.#context;
    if (signal.aborted) return { kind: "again", delayMs: 0 };
    const failure = error instanceof StreamError ? error : sinkFailure(error);
    const lost = gapOf(failure, this.#iterator !== undefined);
    if (lost !== undefined && lost !== "renew") return gap(lost);
    this.#failures += 1;
    if (lost === "renew") {
      // What was read but not applied is read again: "after" is the last record that was applied.
      this.#iterator = undefined;
      if (this.#appliedSequenceNumber === undefined && this.#start === "LATEST") {
        return gap("expired iterator");
      }
      if (this.#failures === 1) return { kind: "again", delayMs: 0 };
    }
    counts.failed(failure);
    const { pollMs: baseMs, backoffMsMax: capMs, idlePollMs, random } = settings;
    if (failure.kind === "throttled") this.#paceMs = Math.min(Math.max(idlePollMs, baseMs), this.#paceMs * 2);
    return { kind: "again", delayMs: fullJitterMs(this.#failures, { baseMs, capMs, random }) };
  }
}

/** With each page that comes, the pace after throttling recovers so much. */
const paceRecovery = 0.9;

/**
 * What an error takes from us: the position in the shard, the iterator ("renew"), or only time (undefined).
 */
function gapOf(failure: StreamError, reading: boolean): GapReason | "renew" | undefined {
  if (failure.kind === "trimmed") return "trimmed data";
  if (failure.kind === "gone") return "shard gone";
  if (failure.kind === "expired") return reading ? "renew" : "lost position";
  if (failure.kind === "refused") return reading ? "renew" : "lost position";
  return undefined;
}

/** The sink could not do it: as if the page had not come. */
function sinkFailure(error: unknown): StreamError {
  return new StreamError("unavailable", error instanceof Error ? error.name : "Error", error);
}

function gap(reason: GapReason): Step {
  return { kind: "gap", reason };
}
