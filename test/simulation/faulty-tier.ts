/** A tier that does what the real one does, apart from what a mutant does otherwise. */

import { type MemoryTier, ownWriteLease } from "../../src/cache/memory-tier.ts";
import type {
  CacheEntry,
  CacheKey,
  CacheTier,
  FillOutcome,
  ImageLease,
  KnownImage,
  Lookup,
  LookupOptions,
  Tag,
  TagRef,
  Write,
  WriteLease,
} from "../../src/cache/tier.ts";

/** How long ago nothing may be, so that no entry is found and there is always a lease. */
const nothing: LookupOptions = { ageMsMax: 0, negativeAgeMsMax: 0, settleMs: 0, keepMs: 0, guarded: true };

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
    tags: readonly TagRef[],
    shows: (entry: CacheEntry) => boolean,
    changed: readonly TagRef[],
  ): boolean {
    return this.real.confirm(key, tags, shows, changed);
  }

  /** By this tier's own leases and invalidations, faults included; so is changeTo. */
  writeLease(write: Write): WriteLease {
    return ownWriteLease(this, write);
  }

  changeTo({ key, tags, shows }: KnownImage, changed: readonly Tag[]): boolean {
    if (this.confirm(key, tags, shows, changed)) return true;
    this.invalidate(changed);
    return false;
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
