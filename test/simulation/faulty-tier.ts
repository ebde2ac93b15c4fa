/** A tier that does what the real one does, apart from what a mutant does otherwise. */

import type { MemoryTier } from "../../src/cache/memory-tier.ts";
import type {
  CacheEntry,
  CacheKey,
  CacheTier,
  FillOutcome,
  ImageLease,
  Lookup,
  LookupOptions,
  Tag,
} from "../../src/cache/tier.ts";

/** How long ago nothing may be, so that no entry is found and there is always a lease. */
const nothing: LookupOptions = { ageMsMax: 0, negativeAgeMsMax: 0, settleMs: 0 };

export class FaultyTier implements CacheTier {
  protected readonly real: MemoryTier;

  constructor(real: MemoryTier) {
    this.real = real;
  }

  lookup(key: CacheKey, tags: readonly Tag[], options: LookupOptions): Lookup {
    return this.real.lookup(key, tags, options);
  }

  imageLease(key: CacheKey, tags: readonly Tag[]): ImageLease {
    return this.real.imageLease(key, tags);
  }

  invalidate(tags: readonly Tag[], pendingForMs?: number): void {
    this.real.invalidate(tags, pendingForMs);
  }

  confirm(
    key: CacheKey,
    tags: readonly Tag[],
    shows: (entry: CacheEntry) => boolean,
    changed: readonly Tag[],
  ): boolean {
    return this.real.confirm(key, tags, shows, changed);
  }

  close(): Promise<void> {
    return this.real.close();
  }

  /** Stores an entry whatever has happened since its read began. */
  protected storeAnyway(
    key: CacheKey,
    tags: readonly Tag[],
    entry: CacheEntry,
  ): FillOutcome | Promise<FillOutcome> {
    return this.real.lookup(key, tags, nothing).lease?.fill(entry, true) ?? "stale_lease";
  }
}
