/** L1: answers in this process' memory, bounded by bytes: what makes them valid. All of it is synchronous. */

import type { Clock } from "../util/clock.ts";
import { hashOf, type VersionClock } from "./coherence.ts";
import { EntryStore } from "./entry-store.ts";
import type {
  CacheEntry,
  CacheKey,
  CacheTier,
  FillOutcome,
  ImageLease,
  KnownImage,
  Lease,
  Lookup,
  LookupOptions,
  Tag,
  TagHash,
  TagRef,
  Write,
  WriteLease,
} from "./tier.ts";

export interface MemoryTierOptions {
  readonly versions: VersionClock;
  readonly clock: Clock;
  /** Bound of all entries together, keys and book-keeping included. */
  readonly bytesMax: number;
  /** A larger entry is not stored. */
  readonly entryBytesMax: number;
}

/** The same promises as everywhere, kept at once. */
export interface MemoryLease extends Lease {
  /** A write of unknown outcome may still land on something that the answer depends on. */
  readonly isPending: boolean;
  /** @param ageMsMax the oldest that this entry may be served, where the reader's bound is not enough */
  fill(entry: CacheEntry, readConsistently: boolean, ageMsMax?: number): FillOutcome;
}
export interface MemoryImageLease extends ImageLease {
  store(entry: CacheEntry, invalidated: readonly Tag[], ageMsMax?: number): FillOutcome;
}
export type MemoryLookup =
  | Exclude<Lookup, { lease: Lease }>
  | { readonly entry?: undefined; readonly lease: MemoryLease };

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
  #store: EntryStore;

  constructor(options: MemoryTierOptions) {
    this.#versions = options.versions;
    this.#clock = options.clock;
    this.#bytesMax = options.bytesMax;
    this.#entryBytesMax = Math.min(options.entryBytesMax, options.bytesMax);
    this.#store = this.#emptyStore();
  }

  lookup(key: CacheKey, tags: readonly Tag[], options: LookupOptions): MemoryLookup {
    // No await may ever stand between the stamp and the check.
    const stamp = this.#versions.stamp(tags);
    const store = this.#store;
    const place = store.find(key);
    if (place !== 0) {
      if (store.stampOf(place) !== stamp) store.remove(place);
      else if (this.#clock.nowMs() - store.readAtMs(place) < this.#ageMsMax(place, options)) {
        store.visit(place);
        return { entry: store.entry(place), tier: "memory" };
      }
    }
    // Hashed once for all that the lease has to ask of them.
    return { lease: this.#lease(key, tags.map(hashOf), stamp, options.settleMs) };
  }

  imageLease(key: CacheKey, tags: readonly Tag[]): MemoryImageLease {
    const before = this.#versions.stamp(tags);
    return {
      store: (entry, invalidated, ageMsMax) => {
        const expected = before + this.#versions.stepOf(invalidated, tags);
        if (this.#versions.stamp(tags) !== expected) return "stale_lease";
        if (this.#versions.pending(tags)) return "unsettled";
        return this.#put(key, entry, expected, ageMsMax);
      },
    };
  }

  writeLease(write: Write): WriteLease {
    return ownWriteLease(this, write);
  }

  invalidate(tags: readonly TagRef[], pendingForMs = 0): void {
    this.#versions.bump(tags, pendingForMs);
  }

  confirm(
    key: CacheKey,
    tags: readonly TagRef[],
    shows: (entry: CacheEntry) => boolean,
    changed: readonly TagRef[],
  ): boolean {
    const store = this.#store;
    const place = store.find(key);
    // Most items that a stream tells of are not cached: then no stamp is taken.
    if (place === 0) return false;
    const stamp = this.#versions.stamp(tags);
    if (store.stampOf(place) !== stamp || !shows(store.entry(place))) return false;
    // It will be gone soon, and what another tier has in its place may be older than what was just seen.
    if (store.ageMsMax(place) !== undefined) return false;
    this.#versions.bump(changed);
    const expected = stamp + this.#versions.stepOf(changed, tags);
    // Another thread may have bumped in between (shared versions): then the entry dies with the old stamp.
    if (this.#versions.stamp(tags) === expected) store.restamp(place, expected);
    return true;
  }

  changeTo({ key, tags, shows }: KnownImage, changed: readonly Tag[]): boolean {
    if (this.confirm(key, tags, shows, changed)) return true;
    this.invalidate(changed);
    return false;
  }

  /**
   * Takes over an entry that another tier holds to be valid, under the stamp that was taken before that tier was asked.
   */
  adopt(key: CacheKey, tags: readonly Tag[], stamp: number, entry: CacheEntry): FillOutcome {
    if (this.#versions.stamp(tags) !== stamp) return "stale_lease";
    return this.#put(key, entry, stamp);
  }

  stats(): MemoryTierStats {
    return { ...this.#store.counts(), bytesMax: this.#bytesMax };
  }

  async close(): Promise<void> {
    this.#store = this.#emptyStore();
  }

  #emptyStore(): EntryStore {
    return new EntryStore(this.#bytesMax, this.#entryBytesMax);
  }

  #lease(key: CacheKey, tags: readonly TagHash[], stamp: number, settleMs: number): MemoryLease {
    const isPending = this.#versions.pending(tags);
    const unsettled = isPending || this.#versions.unsettled(tags, settleMs);
    return {
      stamp,
      unsettled,
      isPending,
      fill: (entry, readConsistently, ageMsMax) => {
        if (this.#versions.stamp(tags) !== stamp) return "stale_lease";
        // A strong read is not enough while an unknown outcome is pending: what it saw may be old before it is stored.
        if (isPending || (unsettled && !readConsistently)) return "unsettled";
        return this.#put(key, entry, stamp, ageMsMax);
      },
    };
  }

  #put(key: CacheKey, entry: CacheEntry, stamp: number, ageMsMax?: number): FillOutcome {
    return this.#store.put(key, entry, stamp, ageMsMax) ? "stored" : "too_large";
  }

  #ageMsMax(place: number, options: LookupOptions): number {
    const bound = this.#store.isNegative(place) ? options.negativeAgeMsMax : options.ageMsMax;
    const own = this.#store.ageMsMax(place);
    return own !== undefined && own < bound ? own : bound;
  }
}

/** A write lease where nobody else has to be told: nothing is held, and each image has a lease of its own. */
export function ownWriteLease(
  tier: Pick<CacheTier, "imageLease" | "invalidate">,
  { images, guarded }: Write,
): WriteLease {
  const leases = new Map(images.map(({ key, tags }) => [key, tier.imageLease(key, tags, guarded)]));
  let changed: readonly Tag[] = [];
  return {
    invalidate: (tags, pendingForMs) => {
      changed = tags;
      return tier.invalidate(tags, pendingForMs);
    },
    release: () => {},
    store: (key, entry) => leases.get(key)?.store(entry, changed) ?? "stale_lease",
  };
}
