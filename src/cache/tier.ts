/**
 * The one interface behind which every cache tier stands. There is no `set`: a miss hands back a lease, and
 * `lease.fill` is the only way in, so forgetting the coherence rule cannot be written down. What a write or a
 * strong read has just shown comes in through an ImageLease, taken before it was sent.
 */

/** Names one cached answer. */
export type CacheKey = string & { readonly __brand: "CacheKey" };
/** Names one thing an answer may depend on (docs/CONSISTENCY.md lists the kinds). */
export type Tag = string & { readonly __brand: "Tag" };

/** A stored answer: bytes ready to send. */
export interface CacheEntry {
  readonly body: Uint8Array;
  /** CRC-32 of body, as x-amz-crc32 states it. */
  readonly crc32: number;
  /** When the upstream read that gave this answer began, in milliseconds of the process' monotonic clock. */
  readonly readAtMs: number;
  /** Read units that this answer cost upstream, and so what a hit saves. */
  readonly units: number;
  /** True for an answer that says "there is no such item". */
  readonly negative: boolean;
}

export interface LookupOptions {
  /** An entry whose age reaches this is not served; 0 = nothing is. */
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
  /** Offers an answer whose upstream read began after the lease was handed out. */
  fill(entry: CacheEntry, readConsistently: boolean): FillOutcome | Promise<FillOutcome>;
}

/**
 * The right to store what a write has made of an item, or what a strong read showed, taken before that call was
 * sent and used after its own invalidation. It holds only if that invalidation was the only change in between:
 * with two writers, the order of the replies is not the order of the commits.
 */
export interface ImageLease {
  store(entry: CacheEntry, invalidated: readonly Tag[]): FillOutcome | Promise<FillOutcome>;
}

export type Lookup =
  | { readonly entry: CacheEntry; readonly lease?: undefined; readonly tier: "memory" | "redis" }
  | { readonly entry?: undefined; readonly lease: Lease };

export interface CacheTier {
  lookup(key: CacheKey, tags: readonly Tag[], options: LookupOptions): Lookup | Promise<Lookup>;
  imageLease(key: CacheKey, tags: readonly Tag[]): ImageLease;
  /**
   * These tags have changed. To be called after DynamoDB answered and before the client hears.
   * @param pendingForMs the change may still land for so long (unknown outcome); 0 = it is over
   */
  invalidate(tags: readonly Tag[], pendingForMs?: number): void | Promise<void>;
  /**
   * Confirm or kill: a change has been learned that the live entry under this key may show already. If it does
   * (`shows`), the tags in `changed` are invalidated all the same (what is in flight dies), the entry is kept under the
   * new stamp, and the answer is true. Otherwise nothing is done and the answer is false.
   */
  confirm(
    key: CacheKey,
    tags: readonly Tag[],
    shows: (entry: CacheEntry) => boolean,
    changed: readonly Tag[],
  ): boolean;
  close(): Promise<void>;
}
