/** Faulty tiers around a node's cache: each leaves out one part of the rule. */

import { VersionClock } from "../../src/cache/coherence.ts";
import { type Joined, SingleFlight, type Waiter } from "../../src/cache/single-flight.ts";
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
import type { Loaded } from "../../src/proxy/loaded.ts";
import type { FleetParts } from "./fleet-mutant.ts";

/** How long ago nothing may be, so that no entry is found and there is always a lease. */
const nothing: LookupOptions = { ageMsMax: 0, negativeAgeMsMax: 0, settleMs: 0, keepMs: 0, guarded: true };

/** A tier that does what the real one does. */
export class TierAround implements CacheTier {
  protected readonly real: CacheTier;
  protected readonly parts: FleetParts;

  constructor(real: CacheTier, parts: FleetParts) {
    this.real = real;
    this.parts = parts;
  }

  lookup(key: CacheKey, tags: readonly Tag[], options: LookupOptions): Lookup | Promise<Lookup> {
    return this.real.lookup(key, tags, options);
  }

  imageLease(key: CacheKey, tags: readonly Tag[], guarded: boolean): ImageLease {
    return this.real.imageLease(key, tags, guarded);
  }

  writeLease(write: Write): WriteLease | Promise<WriteLease> {
    return this.real.writeLease(write);
  }

  invalidate(tags: readonly Tag[], pendingForMs?: number): void | Promise<void> {
    return this.real.invalidate(tags, pendingForMs);
  }

  confirm(
    key: CacheKey,
    tags: readonly TagRef[],
    shows: (entry: CacheEntry) => boolean,
    changed: readonly TagRef[],
  ): boolean {
    return this.real.confirm(key, tags, shows, changed);
  }

  changeTo(image: KnownImage, changed: readonly Tag[]): boolean | Promise<boolean> {
    return this.real.changeTo(image, changed);
  }

  close(): Promise<void> {
    return this.real.close();
  }

  /** Stores an entry in memory whatever has happened since its read began. */
  protected storeAnyway(key: CacheKey, tags: readonly Tag[], entry: CacheEntry): FillOutcome {
    return this.parts.memory.lookup(key, tags, nothing).lease?.fill(entry, true) ?? "stale_lease";
  }
}

/** Serves what was stored, whatever has changed since. */
export class ServeUnchecked extends TierAround {
  readonly #stored = new Map<CacheKey, CacheEntry>();

  override async lookup(key: CacheKey, tags: readonly Tag[], options: LookupOptions): Promise<Lookup> {
    const found = await super.lookup(key, tags, options);
    if (found.lease === undefined) return found;
    const entry = this.#stored.get(key);
    const ageMsMax = entry?.negative ? options.negativeAgeMsMax : options.ageMsMax;
    if (entry && this.parts.clock.nowMs() - entry.readAtMs < ageMsMax) return { entry, tier: "memory" };
    const { lease } = found;
    const fill = async (filled: CacheEntry, strong: boolean) => {
      const outcome = await lease.fill(filled, strong);
      if (outcome === "stored") this.#stored.set(key, filled);
      return outcome;
    };
    return { lease: { ...lease, fill } };
  }
}

export class StoreUnchecked extends TierAround {
  override async lookup(key: CacheKey, tags: readonly Tag[], options: LookupOptions): Promise<Lookup> {
    const found = await super.lookup(key, tags, options);
    if (found.lease === undefined) return found;
    const { lease } = found;
    const fill = async (entry: CacheEntry, strong: boolean) => {
      const outcome = await lease.fill(entry, strong);
      return outcome === "stale_lease" ? this.storeAnyway(key, tags, entry) : outcome;
    };
    return { lease: { ...lease, fill } };
  }
}

/** The image of a write is stored even if it was not the only change. */
export class WriteThroughUnchecked extends TierAround {
  override async writeLease(write: Write): Promise<WriteLease> {
    const lease = await super.writeLease(write);
    return {
      invalidate: (tags, pendingForMs) => lease.invalidate(tags, pendingForMs),
      release: () => lease.release(),
      store: (key, entry) => {
        const tags = write.images.find((image) => image.key === key)?.tags;
        return tags === undefined ? "stale_lease" : this.storeAnyway(key, tags, entry);
      },
    };
  }
}

/** Nothing is told of tags of this kind. */
export class WithoutTags extends TierAround {
  readonly #kind: string;

  constructor(real: CacheTier, parts: FleetParts, kind: string) {
    super(real, parts);
    this.#kind = `${kind}\0`;
  }

  override async writeLease(write: Write): Promise<WriteLease> {
    const lease = await super.writeLease({ ...write, tags: this.#rest(write.tags) });
    return {
      invalidate: (tags, pendingForMs) => lease.invalidate(this.#rest(tags), pendingForMs),
      release: () => lease.release(),
      store: (key, entry) => lease.store(key, entry),
    };
  }

  override invalidate(tags: readonly Tag[], pendingForMs?: number): void | Promise<void> {
    return super.invalidate(this.#rest(tags), pendingForMs);
  }

  override changeTo(image: KnownImage, changed: readonly Tag[]): boolean | Promise<boolean> {
    return super.changeTo(image, this.#rest(changed));
  }

  #rest(tags: readonly Tag[]): readonly Tag[] {
    return tags.filter((tag) => !tag.startsWith(this.#kind));
  }
}

export class IgnoreStrongReplies extends TierAround {
  override confirm(): boolean {
    return true;
  }
}

/** Writes of unknown outcome are taken to be over. */
export class NeverPending extends TierAround {
  override async writeLease(write: Write): Promise<WriteLease> {
    const lease = await super.writeLease(write);
    return {
      invalidate: (tags) => lease.invalidate(tags, 0),
      release: () => lease.release(),
      store: (key, entry) => lease.store(key, entry),
    };
  }
}

export class NeverUnsettled extends VersionClock {
  override unsettled(): boolean {
    return false;
  }
}

export class StoreWhilePending extends VersionClock {
  override pending(): boolean {
    return false;
  }
}

export class ShareUnchecked extends SingleFlight<Loaded> {
  override run(
    key: CacheKey,
    _stamp: number,
    waiter: Waiter,
    read: (signal: AbortSignal) => Promise<Loaded>,
  ): Promise<Joined<Loaded>> {
    return super.run(key, 0, waiter, read);
  }
}

export const gateAgeMs = 10.5;

/** Joins flights however old they are, where only the gate minds. */
export class ShareBeyondGate extends SingleFlight<Loaded> {
  override run(
    key: CacheKey,
    stamp: number,
    waiter: Waiter,
    read: (signal: AbortSignal) => Promise<Loaded>,
  ): Promise<Joined<Loaded>> {
    const ageMsMax = waiter.ageMsMax === gateAgeMs ? Number.POSITIVE_INFINITY : waiter.ageMsMax;
    return super.run(key, stamp, { ...waiter, ageMsMax }, read);
  }
}
