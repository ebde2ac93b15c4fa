/**
 * The one interface behind which every cache tier stands. There is no `set`: a miss hands back a lease, and
 * `lease.fill` is the only way in, so forgetting the coherence rule cannot be written down. What a write or a
 * strong read has just shown comes in through an ImageLease, taken before it was sent.
 */

/** Names one cached answer. */
export type CacheKey = string & { readonly __brand: "CacheKey" };
/** Names one thing an answer may depend on (docs/CONSISTENCY.md lists the kinds). */
export type Tag = string & { readonly __brand: "Tag" };
/** A tag as it travels between nodes: 32 bits, of which coherence.ts takes the slot. */
export type TagHash = number & { readonly __brand: "TagHash" };
export type TagRef = Tag | TagHash;

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
  /** Nobody will want the answer when it is older than this: for tiers that have to be told when to forget. */
  readonly keepMs: number;
  /** Whether other nodes warn of their writes to it before they send them, because nobody else would tell (Write.guarded). */
  readonly guarded: boolean;
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
 * The right to store what a strong read showed, taken before that read was sent and used after its own invalidation. It
 * holds only if that invalidation was the only change in between: with two writers, the order of the replies is not
 * the order of the commits.
 */
export interface ImageLease {
  store(entry: CacheEntry, invalidated: readonly Tag[]): FillOutcome | Promise<FillOutcome>;
}

/** An entry, by everything that a tier needs to know to store it. */
export interface EntryRef {
  readonly key: CacheKey;
  /** Everything that it depends on; an item's own tag stands first. */
  readonly tags: readonly Tag[];
}

/** A write that is about to be sent. */
export interface Write {
  /** Everything that it may change. */
  readonly tags: readonly Tag[];
  /** The items of which its reply may show what it has made of them. */
  readonly images: readonly EntryRef[];
  /** How long they are worth keeping. */
  readonly keepMs: number;
  /** Whether other nodes have to be warned before it is sent: nobody else would tell them if this one died. */
  readonly guarded: boolean;
  /** The last moment of the process' clock at which it may land, should its outcome never be learned. */
  readonly landsUntilMs: number;
}

/** What a write holds from before it is sent until its outcome is known. Exactly one of invalidate and release ends it. */
export interface WriteLease {
  /**
   * These tags have changed. To be called after DynamoDB answered and before the client hears.
   * @param pendingForMs the change may still land for so long (unknown outcome); 0 = it is over
   */
  invalidate(tags: readonly Tag[], pendingForMs: number): void | Promise<void>;
  /** It was refused: nothing has changed. */
  release(): void;
  /**
   * Offers what the write has made of one of its images, after invalidate. It holds only if that invalidation was the
   * only change since the lease was taken: with two writers, the order of the replies is not that of the commits.
   */
  store(key: CacheKey, entry: CacheEntry): FillOutcome | Promise<FillOutcome>;
}

/**
 * When other nodes are warned of a write (setting writeGuard): before it is sent (`auto`: only if it is guarded; `require`:
 * or it is not sent), or only after.
 */
export type WriteGuard = "auto" | "before" | "after" | "require";

/** Other nodes cannot be warned of a write, and `writeGuard: require` wants them to be: it must not be sent. */
export class WriteNotGuarded extends Error {}

/** What a change has made of an item, as a record tells it. */
export interface KnownImage extends EntryRef {
  /** Whether an entry is this very item. */
  shows(entry: CacheEntry): boolean;
  /** The same question for those who hear of it from afar: equal hashes mean equal items (image-hash.ts). */
  hash(): string;
}

export type Lookup =
  | { readonly entry: CacheEntry; readonly lease?: undefined; readonly tier: "memory" | "redis" }
  | { readonly entry?: undefined; readonly lease: Lease };

export interface CacheTier {
  lookup(key: CacheKey, tags: readonly Tag[], options: LookupOptions): Lookup | Promise<Lookup>;
  /** @param guarded as in LookupOptions */
  imageLease(key: CacheKey, tags: readonly Tag[], guarded: boolean): ImageLease;
  /**
   * To be awaited before a write is sent.
   * @throws WriteNotGuarded
   */
  writeLease(write: Write): WriteLease | Promise<WriteLease>;
  /**
   * These tags have changed. To be called after DynamoDB answered and before the client hears.
   * @param pendingForMs the change may still land for so long (unknown outcome); 0 = it is over
   */
  invalidate(tags: readonly Tag[], pendingForMs?: number): void | Promise<void>;
  /**
   * Confirm or kill, for what this process has just seen: a strong read has shown what the live entry under this key may
   * show already. If it does (`shows`), the tags in `changed` are invalidated here all the same (what is in flight
   * dies), the entry is kept under the new stamp, and the answer is true. Otherwise nothing is done and the answer is false.
   */
  confirm(
    key: CacheKey,
    tags: readonly TagRef[],
    shows: (entry: CacheEntry) => boolean,
    changed: readonly TagRef[],
  ): boolean;
  /**
   * Confirm or kill, for a change made by somebody else: the tags in `changed` are invalidated everywhere; an entry that
   * shows the image already is kept. True if one was.
   */
  changeTo(image: KnownImage, changed: readonly Tag[]): boolean | Promise<boolean>;
  close(): Promise<void>;
}
