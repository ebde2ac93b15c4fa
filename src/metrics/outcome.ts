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
  | "no-schema"
  | "unproven-request"
  | "no-store"
  | "no-cache"
  | "expired"
  | "unsettled"
  | "stale-lease"
  | "too-large"
  | "upstream-error";

/** One finished call, as the recorder takes it. Times in milliseconds. */
export interface CallRecord {
  readonly operation: string;
  /** TableName as the table's own description spells it; "" where the call names none or several. */
  readonly table: string;
  readonly outcome: CacheOutcome;
  readonly reason?: Reason | undefined;
  readonly tier?: string | undefined;
  /** HTTP status sent to the client. */
  readonly status: number;
  readonly durationMs: number;
  /** The error's name (the part of __type after '#'), if it was one. */
  readonly error?: string | undefined;
}

/**
 * The narrow recording functions the request path sees. Implemented over prom-client in registry.ts; the
 * simulation and unit tests use a plain counter.
 */
export interface Recorder {
  call(record: CallRecord): void;
  /** Look-ups in one cache, per table: kind is "item", "query" or "scan". */
  lookup(
    kind: "item" | "query" | "scan",
    table: string,
    result: "hit" | "negative_hit" | "miss" | "coalesced" | "shadow_hit",
    count: number,
  ): void;
  /** What happened when an upstream answer was offered to the cache. */
  fill(table: string, outcome: "stored" | "stale_lease" | "unsettled" | "too_large"): void;
  invalidated(
    table: string,
    source: "write" | "unknown_outcome" | "strong_read" | "schema" | "operator" | "stream" | "peer",
  ): void;
  readUnits(table: string, used: number, saved: number): void;
  writeUnits(table: string, used: number): void;
  /** A read that the client asked for eventually consistent and that we made strongly consistent (settle window). */
  strongReadForced(table: string): void;
  upstream(
    operation: string,
    result: "ok" | "error" | "timeout" | "reset" | "refused",
    durationMs: number,
  ): void;
  upstreamRetry(operation: string): void;
}
