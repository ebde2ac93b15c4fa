/** What became of one call: the words of the reply header, the metrics and the logs. */

export type CacheOutcome = "hit" | "negative-hit" | "coalesced" | "stale" | "miss" | "write" | "pass";

/** Why a call went past the cache, or why an answer was not stored. */
export type Reason =
  | "consistent-read"
  | "transactional-read"
  | "partiql"
  | "operation"
  | "table-off"
  | "shadow"
  | "ttl-zero"
  | "bypass-rule"
  | "not-fresh"
  | "no-schema"
  | "unproven-request"
  | "no-store"
  | "no-cache"
  | "expired"
  | "unsettled"
  | "stale-lease"
  | "too-large"
  | "not-guarded"
  | "upstream-error";

/** The caches that are counted apart, as DAX does. */
export type LookupKind = "item" | "query" | "scan";

/** What one look-up found. Every look-up has exactly one result. */
export type LookupResult = "hit" | "negative_hit" | "miss" | "coalesced" | "shadow_hit";

/** What happened when an upstream answer was offered to the cache. */
export type FillResult = "stored" | "stale_lease" | "unsettled" | "too_large";

/** What told us of a change. */
export type InvalidationSource =
  | "write"
  | "unknown_outcome"
  | "strong_read"
  | "schema"
  | "operator"
  | "stream"
  | "peer";

export type UpstreamResult = "ok" | "error" | "timeout" | "reset" | "refused";

/** One finished call, as the recorder takes it. Times in milliseconds. */
export interface CallRecord {
  readonly operation: string;
  /** TableName as the table's own description spells it; "" where the call names none or several. */
  readonly table: string;
  readonly outcome: CacheOutcome;
  readonly reason?: Reason | undefined;
  readonly tier?: string | undefined;
  /** HTTP status sent to the client; 0 if it had gone before there was one. */
  readonly status: number;
  readonly durationMs: number;
  /** The error's name (the part of __type after '#'), if it was one. */
  readonly error?: string | undefined;
  /** Who wrote the error; absent means upstream. */
  readonly errorOrigin?: "proxy" | "upstream" | undefined;
}

/**
 * The narrow recording functions the request path sees. Implemented in counters.ts, which keeps plain numbers
 * (prom-client sees them on a scrape only, registry.ts).
 */
export interface Recorder {
  call(record: CallRecord): void;
  /** Look-ups in one cache, per table. `count` of them had this result. */
  lookup(kind: LookupKind, table: string, result: LookupResult, count: number): void;
  fill(table: string, outcome: FillResult): void;
  invalidated(table: string, source: InvalidationSource): void;
  readUnits(table: string, used: number, saved: number): void;
  writeUnits(table: string, used: number): void;
  /** A read asked for as eventually consistent that we made strongly consistent (settle window). */
  strongReadForced(table: string): void;
  upstream(operation: string, result: UpstreamResult, durationMs: number): void;
  upstreamRetry(operation: string): void;
}

/** What a stream's record did to the cache. */
export type RecordResult = "confirmed" | "invalidated";

/** What became of one GetRecords call. */
export type PollResult = "records" | "empty" | "throttled" | "error";

/** The narrow recording functions of those who follow streams. Implemented in stream-counters.ts. */
export interface StreamRecorder {
  /** `delayMs`: from the record's own time (whole seconds) to its application; undefined if it has none. */
  streamRecord(table: string, result: RecordResult, delayMs: number | undefined): void;
  /** Everything of the table was dropped: a gap, or the start of following. */
  streamFlush(table: string, reason: string): void;
  streamPoll(table: string, result: PollResult): void;
}
