/**
 * The one interface behind which every cache tier stands. There is no `set`: a miss hands back a lease, and
 * `lease.fill` is the only way in, so forgetting the coherence rule cannot be written down.
 */

/** Names one cached answer. */
export type CacheKey = string & { readonly __brand: "CacheKey" };
/** Names one thing an answer may depend on (docs/CONSISTENCY.md lists the kinds). */
export type Tag = string & { readonly __brand: "Tag" };

/** A stored answer: bytes ready to send. `meta` is the filler's own note and is never looked into here. */
export interface CacheEntry {
  readonly body: Uint8Array;
  /** When the upstream read that gave this answer began, in milliseconds of the process' monotonic clock. */
  readonly readAtMs: number;
  /** Read units that this answer cost upstream, and so what a hit saves. */
  readonly units: number;
  /** True for an answer that says "there is no such item". */
  readonly negative: boolean;
}

/** How an upstream read is to be made so that its answer may be stored. */
export interface LookupOptions {
  /** An entry whose age reaches this is not served. */
  readonly ageMsMax: number;
  /** The same for negative entries. */
  readonly negativeAgeMsMax: number;
  /** How long after a change a lagging replica (or index) may still show the old state. */
  readonly settleMs: number;
}

export type FillOutcome = "stored" | "stale_lease" | "unsettled" | "too_large";

/** The right to store one answer, bound to the state of everything it depends on when it was handed out. */
export interface Lease {
  /** Equal stamps mean that nothing which the answer depends on has changed in between. */
  readonly stamp: number;
  /** A dependency changed so recently that a replica may lag: only a strongly consistent read may be stored. */
  readonly unsettled: boolean;
  /** A write with unknown outcome may still land: nothing may be stored, whatever the consistency of the read. */
  readonly pending: boolean;
  /** True while the lease still holds. */
  current(): boolean;
  fill(entry: CacheEntry, readConsistently: boolean): FillOutcome | Promise<FillOutcome>;
}

export type Lookup =
  | { readonly entry: CacheEntry; readonly lease?: undefined; readonly tier: string }
  | { readonly entry?: undefined; readonly lease: Lease };

export interface CacheTier {
  lookup(key: CacheKey, tags: readonly Tag[], options: LookupOptions): Lookup | Promise<Lookup>;
  close(): Promise<void>;
}
