/** L1: answers in this process' memory, bounded by bytes, least recently used out first. All of it is synchronous. */

import { LRUCache } from "lru-cache";
import type { Clock } from "../util/clock.ts";
import type { VersionClock } from "./coherence.ts";
import type {
  CacheEntry,
  CacheKey,
  CacheTier,
  FillOutcome,
  ImageLease,
  Lease,
  Lookup,
  LookupOptions,
  Tag,
} from "./tier.ts";

export interface MemoryTierOptions {
  readonly versions: VersionClock;
  readonly clock: Clock;
  /** Bound of all entries together, keys and book-keeping included. */
  readonly bytesMax: number;
  /** A larger entry is not stored. */
  readonly entryBytesMax: number;
}

/** What an entry costs beyond its body and key: map slot, list links, objects, typed-array head (docs/decisions/0006). */
export const entryOverheadBytes = 900;

interface Stored {
  readonly entry: CacheEntry;
  readonly stamp: number;
}

export interface MemoryTierStats {
  readonly bytes: number;
  readonly bytesMax: number;
  readonly entries: number;
  readonly evictions: number;
  readonly evictedBytes: number;
}

export class MemoryTier implements CacheTier {
  readonly #versions: VersionClock;
  readonly #clock: Clock;
  readonly #bytesMax: number;
  readonly #entryBytesMax: number;
  readonly #entries: LRUCache<CacheKey, Stored>;
  #evictions = 0;
  #evictedBytes = 0;

  constructor(options: MemoryTierOptions) {
    this.#versions = options.versions;
    this.#clock = options.clock;
    this.#bytesMax = options.bytesMax;
    this.#entryBytesMax = Math.min(options.entryBytesMax, options.bytesMax);
    this.#entries = new LRUCache<CacheKey, Stored>({
      maxSize: options.bytesMax,
      sizeCalculation: sizeOf,
      dispose: (stored, key, reason) => {
        if (reason !== "evict") return;
        this.#evictions += 1;
        this.#evictedBytes += sizeOf(stored, key);
      },
    });
  }

  lookup(key: CacheKey, tags: readonly Tag[], options: LookupOptions): Lookup {
    // No await may ever stand between the stamp and the check.
    const stamp = this.#versions.stamp(tags);
    const stored = this.#entries.get(key);
    if (stored !== undefined) {
      if (stored.stamp !== stamp) this.#entries.delete(key);
      else if (this.#clock.nowMs() - stored.entry.readAtMs < ageMsMax(stored.entry, options)) {
        return { entry: stored.entry, tier: "memory" };
      }
    }
    return { lease: this.#lease(key, tags, stamp, options.settleMs) };
  }

  imageLease(key: CacheKey, tags: readonly Tag[]): ImageLease {
    const before = this.#versions.stamp(tags);
    return {
      store: (entry, invalidated) => {
        const expected = before + this.#versions.stepOf(invalidated, tags);
        if (this.#versions.stamp(tags) !== expected) return "stale_lease";
        if (this.#versions.pending(tags)) return "unsettled";
        return this.#put(key, entry, expected);
      },
    };
  }

  invalidate(tags: readonly Tag[], pendingForMs = 0): void {
    this.#versions.bump(tags, pendingForMs);
  }

  confirm(
    key: CacheKey,
    tags: readonly Tag[],
    shows: (entry: CacheEntry) => boolean,
    changed: readonly Tag[],
  ): boolean {
    const stamp = this.#versions.stamp(tags);
    const stored = this.#entries.peek(key);
    if (stored === undefined || stored.stamp !== stamp || !shows(stored.entry)) return false;
    this.#versions.bump(changed);
    const expected = stamp + this.#versions.stepOf(changed, tags);
    // Another thread may have bumped in between (shared versions): then the entry dies with the old stamp.
    if (this.#versions.stamp(tags) === expected) this.#put(key, stored.entry, expected);
    return true;
  }

  stats(): MemoryTierStats {
    return {
      bytes: this.#entries.calculatedSize,
      bytesMax: this.#bytesMax,
      entries: this.#entries.size,
      evictions: this.#evictions,
      evictedBytes: this.#evictedBytes,
    };
  }

  async close(): Promise<void> {
    this.#entries.clear();
  }

  #lease(key: CacheKey, tags: readonly Tag[], stamp: number, settleMs: number): Lease {
    const pending = this.#versions.pending(tags);
    const unsettled = pending || this.#versions.unsettled(tags, settleMs);
    return {
      stamp,
      unsettled,
      fill: (entry, readConsistently): FillOutcome => {
        if (this.#versions.stamp(tags) !== stamp) return "stale_lease";
        // A strong read is not enough while an unknown outcome is pending: what it saw may be old before it is stored.
        if (pending || (unsettled && !readConsistently)) return "unsettled";
        return this.#put(key, entry, stamp);
      },
    };
  }

  #put(key: CacheKey, entry: CacheEntry, stamp: number): FillOutcome {
    const stored = { entry, stamp };
    if (sizeOf(stored, key) > this.#entryBytesMax) {
      this.#entries.delete(key);
      return "too_large";
    }
    this.#entries.set(key, stored);
    return "stored";
  }
}

function ageMsMax(entry: CacheEntry, options: LookupOptions): number {
  return entry.negative ? options.negativeAgeMsMax : options.ageMsMax;
}

function sizeOf(stored: Stored, key: CacheKey): number {
  return stored.entry.body.byteLength + key.length + entryOverheadBytes;
}
