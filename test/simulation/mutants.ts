/**
 * Each part of the coherence rule left out or done wrong, one at a time: the simulation must notice every
 * one.
 */

import { VersionClock } from "../../src/cache/coherence.ts";
import type { MemoryTier } from "../../src/cache/memory-tier.ts";
import { type Joined, SingleFlight, type Waiter } from "../../src/cache/single-flight.ts";
import type {
  CacheEntry,
  CacheKey,
  FillOutcome,
  ImageLease,
  Lookup,
  LookupOptions,
  Tag,
} from "../../src/cache/tier.ts";
import type { InvalidationSource } from "../../src/metrics/outcome.ts";
import type { Loaded } from "../../src/proxy/loaded.ts";
import { FaultyTier } from "./faulty-tier.ts";
import type { Mutant, Parts } from "./mutant.ts";
import { BumpBeforeOnly, ForgetOldImage, StoreTransactions } from "./mutants-writes.ts";

/** Serves what was stored until its TTL, whatever has changed since. */
class ServeUnchecked extends FaultyTier {
  readonly #stored = new Map<CacheKey, CacheEntry>();
  readonly #parts: Parts;

  constructor(real: MemoryTier, parts: Parts) {
    super(real);
    this.#parts = parts;
  }

  override lookup(key: CacheKey, tags: readonly Tag[], options: LookupOptions): Lookup {
    const found = super.lookup(key, tags, options);
    const entry = this.#stored.get(key);
    if (found.lease === undefined) return found;
    const ageMsMax = entry?.negative ? options.negativeAgeMsMax : options.ageMsMax;
    if (entry && this.#parts.clock.nowMs() - entry.readAtMs < ageMsMax) return { entry, tier: "memory" };
    const { lease } = found;
    const fill = (filled: CacheEntry, strong: boolean) => {
      const outcome = lease.fill(filled, strong);
      if (outcome === "stored") this.#stored.set(key, filled);
      return outcome;
    };
    return { lease: { ...lease, fill } };
  }
}

/** Replaces what happens to an answer that is offered under a lease. */
class Fill extends FaultyTier {
  override lookup(key: CacheKey, tags: readonly Tag[], options: LookupOptions): Lookup {
    const found = super.lookup(key, tags, options);
    if (found.lease === undefined) return found;
    const { lease } = found;
    const fill = (entry: CacheEntry, strong: boolean) =>
      this.fill(
        (always) => lease.fill(entry, always || strong),
        () => this.storeAnyway(key, tags, entry),
      );
    return { lease: { ...lease, fill } };
  }

  protected fill(
    real: (strong: boolean) => FillOutcome | Promise<FillOutcome>,
    _anyway: () => FillOutcome | Promise<FillOutcome>,
  ): FillOutcome | Promise<FillOutcome> {
    return real(false);
  }
}

class StoreUnchecked extends Fill {
  protected override fill(real: (strong: boolean) => FillOutcome, anyway: () => FillOutcome): FillOutcome {
    const outcome = real(false);
    return outcome === "stale_lease" ? anyway() : outcome;
  }
}

class StoreWeakReads extends Fill {
  protected override fill(real: (strong: boolean) => FillOutcome): FillOutcome {
    return real(true);
  }
}

class NoWindow extends FaultyTier {
  override lookup(key: CacheKey, tags: readonly Tag[], options: LookupOptions): Lookup {
    return super.lookup(key, tags, { ...options, settleMs: 0 });
  }
}

class WriteThroughUnchecked extends FaultyTier {
  override imageLease(key: CacheKey, tags: readonly Tag[]): ImageLease {
    return { store: (entry) => this.storeAnyway(key, tags, entry) };
  }
}

class IgnoreStrongReplies extends FaultyTier {
  override confirm(): boolean {
    return true;
  }
}

/** Strong replies invalidate, but what they confirm stays as if nothing were in flight. */
class ConfirmWithoutBump extends FaultyTier {
  override confirm(key: CacheKey, tags: readonly Tag[], shows: (entry: CacheEntry) => boolean): boolean {
    return super.confirm(key, tags, shows, []);
  }
}

/** Invalidates only those of the tags that `keeps` lets pass. */
class DropTags extends FaultyTier {
  readonly #parts: Parts;
  readonly #keeps: (tag: Tag, tags: readonly Tag[], source: InvalidationSource | undefined) => boolean;

  constructor(
    real: MemoryTier,
    parts: Parts,
    keeps: (tag: Tag, tags: readonly Tag[], source: InvalidationSource | undefined) => boolean,
  ) {
    super(real);
    this.#parts = parts;
    this.#keeps = keeps;
  }

  override invalidate(tags: readonly Tag[], pendingForMs?: number): void {
    super.invalidate(
      tags.filter((tag) => this.#keeps(tag, tags, this.#parts.source())),
      pendingForMs,
    );
  }
}

/** Unknown outcomes, of calls or of what a table's change leaves behind, are taken to be over at once. */
class NeverPending extends FaultyTier {
  readonly #parts: Parts;
  readonly #source: InvalidationSource;

  constructor(real: MemoryTier, parts: Parts, source: InvalidationSource) {
    super(real);
    this.#parts = parts;
    this.#source = source;
  }

  override invalidate(tags: readonly Tag[], pendingForMs = 0): void {
    super.invalidate(tags, this.#parts.source() === this.#source ? 0 : pendingForMs);
  }
}

/** Nothing counts as pending, so that what a strong read saw before a late landing is stored. */
class StoreWhilePending extends VersionClock {
  override pending(): boolean {
    return false;
  }
}

/** The end of a pending time is no change. */
class SilentEnd extends VersionClock {
  override stamp(tags: readonly Tag[]): number {
    return super.stamp(tags) - tags.filter((tag) => !this.pending([tag])).length;
  }
}

class ShareUnchecked extends SingleFlight<Loaded> {
  override run(
    key: CacheKey,
    _stamp: number,
    waiter: Waiter,
    read: (signal: AbortSignal) => Promise<Loaded>,
  ): Promise<Joined<Loaded>> {
    return super.run(key, 0, waiter, read);
  }
}

class ShareOld extends SingleFlight<Loaded> {
  override run(
    key: CacheKey,
    stamp: number,
    waiter: Waiter,
    read: (signal: AbortSignal) => Promise<Loaded>,
  ): Promise<Joined<Loaded>> {
    return super.run(key, stamp, { ...waiter, ageMsMax: Number.POSITIVE_INFINITY }, read);
  }
}

const isKind = (tag: Tag, kind: string) => tag.startsWith(`${kind}\0`);
const without = (kind: string) => (real: MemoryTier, parts: Parts) =>
  new DropTags(real, parts, (tag) => !isKind(tag, kind));

export const mutants: readonly Mutant[] = [
  { name: "no check on serve", cache: (real, parts) => new ServeUnchecked(real, parts) },
  { name: "no check on store", cache: (real) => new StoreUnchecked(real) },
  { name: "no check on share", flights: (options) => new ShareUnchecked(options) },
  { name: "flights of any age are shared", flights: (options) => new ShareOld(options) },
  { name: "no settle window", cache: (real) => new NoWindow(real) },
  { name: "eventually consistent reads in the window stored", cache: (real) => new StoreWeakReads(real) },
  { name: "write-through without 'exactly one'", cache: (real) => new WriteThroughUnchecked(real) },
  { name: "stored during an unknown outcome", versions: (options) => new StoreWhilePending(options) },
  {
    name: "unknown outcome never pending",
    cache: (real, parts) => new NeverPending(real, parts, "unknown_outcome"),
  },
  {
    name: "nothing pending after a table's change",
    focus: {
      ...{ schema: 0.05, unknownOutcomeMs: 300, indexSettleMs: 15, pauseMs: 4, tablesMax: 10, keys: 2 },
      faults: { write: 0.3, read: 0, strong: 0, describe: 0 },
    },
    cache: (real, parts) => new NeverPending(real, parts, "schema"),
  },
  {
    name: "end of a pending time is no change",
    focus: {
      ...{ unknownOutcomeMs: 40, slow: 0.4, slowMs: 140, deadlineMs: 400, keys: 2, slots: 1024, schema: 0 },
      faults: { write: 0.3, read: 0, strong: 0, describe: 0 },
    },
    versions: (options) => new SilentEnd(options),
  },
  {
    name: "unknown outcome ignored",
    cache: (real, parts) => new DropTags(real, parts, (_tag, _tags, source) => source !== "unknown_outcome"),
  },
  { name: "strong replies not treated as changes", cache: (real) => new IgnoreStrongReplies(real) },
  {
    name: "confirmed entries kept without a change",
    focus: { foreign: 0.15 },
    cache: (real) => new ConfirmWithoutBump(real),
  },
  { name: "item tag not bumped", cache: without("item") },
  { name: "partition tag not bumped", cache: without("part") },
  { name: "index partition tag not bumped", cache: without("ipart") },
  { name: "index tag not bumped", cache: without("index") },
  { name: "any-write tag not bumped", cache: without("any") },
  {
    name: "schema changes not noticed by writes under way",
    focus: {
      ...{ schema: 0.03, slow: 0.2, slowMs: 180, pauseMs: 40, foreign: 0 },
      ...{ unknownOutcomeMs: 10, indexSettleMs: 5, deadlineMs: 400, tablesMax: 10, keys: 2, slots: 1024 },
      faults: { write: 0, read: 0, strong: 0, describe: 0 },
    },
    // Where a write's plan itself names the schema, it names nothing else.
    cache: (real, parts) =>
      new DropTags(
        real,
        parts,
        (tag, tags, source) =>
          source === "schema" || !isKind(tag, "schema") || tags.every((other) => isKind(other, "schema")),
      ),
  },
  {
    name: "writes to tables not described yet not noticed",
    focus: { tablesMax: 1 },
    cache: (real, parts) =>
      new DropTags(
        real,
        parts,
        (_tag, tags, source) => source === "schema" || tags.some((other) => !isKind(other, "schema")),
      ),
  },
  {
    name: "schema operations not applied",
    // An index is dropped and made again as it was: what was stored of the first one must not come back.
    focus: {
      ...{ schema: 0.1, slow: 0.02, pauseMs: 40, foreign: 0, bytesMax: 1_000_000 },
      ...{ unknownOutcomeMs: 10, indexSettleMs: 5, tablesMax: 10, keys: 6, slots: 1024 },
      faults: { write: 0, read: 0, strong: 0, describe: 0 },
    },
    cache: (real, parts) => new DropTags(real, parts, (_tag, _tags, source) => source !== "schema"),
  },
  {
    name: "bump before the write only",
    cache: (real, parts) => new DropTags(real, parts, (_tag, _tags, source) => source !== "write"),
    upstream: (real, cache, parts) => new BumpBeforeOnly(real, cache, parts),
  },
  { name: "transactions written through", ...StoreTransactions.parts() },
  {
    name: "old image of an index ignored",
    upstream: (real, _cache, parts) => new ForgetOldImage(real, parts),
  },
];
