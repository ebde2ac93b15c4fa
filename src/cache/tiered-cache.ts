/**
 * Memory over Redis, as one tier. Memory answers at once; what it does not have is looked for in Redis, in one round trip;
 * what neither has is read upstream under a lease of both. Changes go to Redis first, then to the other nodes, then to
 * this node's clock (redis-changes.ts says why).
 *
 * Redis' failures are nobody's errors: a look-up without an answer is a miss whose answer is kept for a short time only,
 * because nobody could say whether another node is changing it.
 */

import type { Look, SharedStore, TagState } from "../redis/shared-store.ts";
import type { Clock } from "../util/clock.ts";
import { Births } from "./births.ts";
import { GuardedWrites } from "./guarded-writes.ts";
import { storeImage, trustIn } from "./image-trust.ts";
import type { MemoryImageLease, MemoryLease, MemoryTier } from "./memory-tier.ts";
import type { RedisBarrier } from "./redis-barrier.ts";
import { isMarked, type Receipt, RedisChanges } from "./redis-changes.ts";
import { decodeEntry, type FarAnswer, hasTokens } from "./redis-entry.ts";
import { RedisFills } from "./redis-fills.ts";
import type {
  CacheEntry,
  CacheKey,
  CacheTier,
  ImageLease,
  KnownImage,
  Lease,
  Lookup,
  LookupOptions,
  Tag,
  TagRef,
  Write,
  WriteGuard,
  WriteLease,
} from "./tier.ts";

export interface TieredCacheOptions {
  readonly memory: MemoryTier;
  readonly store: SharedStore;
  readonly clock: Clock;
  readonly barrier: RedisBarrier;
  /** Names this process in the log. */
  readonly sender: string;
  /** This thread's number in the process. */
  readonly thread: number;
  /** The tag on which everything depends. */
  readonly everything: Tag;
  readonly guard: WriteGuard;
  readonly degradedMaxAgeMs: number;
  /**
   * The longest time from the announcement of a write to the last moment at which it may land, and what Redis may take to do
   * what it was asked: times are taken before.
   */
  readonly landsWithinMs: number;
  readonly lookupTimeoutMs: number;
  readonly queuedTagsMax: number;
  readonly entryBytesMax: number;
  readonly fillBytesMax: number;
  readonly compressBytesMin: number;
  readonly ttlJitter: number;
  readonly random: () => number;
  /** What peers call an item; "" = it is not one (proxy/image-hash.ts). */
  readonly imageHash: (key: CacheKey, entry: CacheEntry) => string;
}

/** How a look-up in Redis went. */
export type FarResult = "hit" | "miss" | "unavailable";

const retryMs = 100;
const markAgeMsMax = 1_000;

interface Looking {
  readonly stamp: number;
  readonly startedAtMs: number;
  readonly result: Promise<Found>;
}

/** What Redis says: how the tags stand, and an entry that is valid under them. Undefined = no answer. */
type Found = { readonly states: readonly TagState[]; readonly entry: CacheEntry | undefined } | undefined;

export class TieredCache implements CacheTier {
  readonly changes: RedisChanges;
  readonly fills: RedisFills;
  readonly writes: GuardedWrites;
  readonly lookups: Record<FarResult, number> = { hit: 0, miss: 0, unavailable: 0 };
  readonly #options: TieredCacheOptions;
  readonly #births: Births;
  /** Look-ups under way: as many as requests. */
  readonly #looking = new Map<CacheKey, Looking>();
  /** What became of an invalidation, for the images that are offered after it. */
  readonly #receipts = new WeakMap<readonly Tag[], Receipt>();

  constructor(options: TieredCacheOptions) {
    this.#options = options;
    const { store, clock, memory, guard, degradedMaxAgeMs, ttlJitter: jitter } = options;
    const births = new Births(options);
    this.#births = births;
    this.changes = new RedisChanges({ ...options, births, retryMs });
    this.fills = new RedisFills({ ...options, jitter });
    const { changes, fills } = this;
    const parts = { store, clock, memory, changes, fills, guard, births, degradedMaxAgeMs };
    const { barrier, everything, queuedTagsMax: openTagsMax } = options;
    this.writes = new GuardedWrites({ ...parts, barrier, everything, openTagsMax, markAgeMsMax });
  }

  lookup(key: CacheKey, tags: readonly Tag[], options: LookupOptions): Lookup | Promise<Lookup> {
    const found = this.#options.memory.lookup(key, tags, options);
    if (found.lease === undefined) return found;
    return this.#lookFar(key, tags, options, found.lease);
  }

  imageLease(key: CacheKey, tags: readonly Tag[], guarded: boolean): ImageLease {
    const { degradedMaxAgeMs } = this.#options;
    const circumstances = { births: this.#births, guarded, others: [] };
    const lease: MemoryImageLease = this.#options.memory.imageLease(key, tags);
    return {
      store: (entry, invalidated) => {
        const receipt = this.#receipts.get(invalidated) ?? { tags: invalidated, changed: undefined };
        const trust = trustIn(tags, entry, receipt, circumstances);
        return storeImage(lease, entry, receipt, trust, degradedMaxAgeMs);
      },
    };
  }

  writeLease(write: Write): Promise<WriteLease> {
    return this.writes.lease(write);
  }

  async invalidate(tags: readonly Tag[], pendingForMs = 0): Promise<void> {
    const receipt = await this.changes.send({ tags, pendingForMs });
    this.#receipts.set(tags, receipt);
    // The same tags as often: an image is stored only if exactly this has happened.
    this.#options.memory.invalidate(receipt.tags, pendingForMs);
  }

  /** In this process only: what a strong read confirms is no news to others. */
  confirm(
    key: CacheKey,
    tags: readonly TagRef[],
    shows: (entry: CacheEntry) => boolean,
    changed: readonly TagRef[],
  ): boolean {
    return this.#options.memory.confirm(key, tags, shows, changed);
  }

  async changeTo(image: KnownImage, changed: readonly Tag[]): Promise<boolean> {
    await this.changes.send({ tags: changed, pendingForMs: 0, image });
    return this.#options.memory.changeTo(image, changed);
  }

  /**
   * To be called before Redis counts as up (OnContact). What it may have forgotten is made good before anybody reads it.
   * @param renewed it may have forgotten something: then nothing that stands there is trusted
   */
  async contact(renewed: boolean): Promise<void> {
    const { everything, memory, guard, landsWithinMs } = this.#options;
    this.meet();
    if (renewed) {
      // Marks may be lost whose writers are dead by now: what they announced may still land.
      const pendingForMs = guard === "require" ? landsWithinMs : 0;
      const { changed } = await this.changes.send({ tags: [everything], pendingForMs });
      memory.invalidate([everything], pendingForMs);
      if (changed === undefined) throw new Error("Redis does not take the new epoch");
      await this.writes.restore();
    }
    await this.changes.drain();
  }

  /** The servers that this thread is making contact with are the process' from now on. The first step of contact(). */
  meet(): void {
    this.#options.barrier.meet(this.#options.store.identity);
  }

  async close(): Promise<void> {
    this.changes.close();
    await this.#options.memory.close();
  }

  async #lookFar(
    key: CacheKey,
    tags: readonly Tag[],
    options: LookupOptions,
    own: MemoryLease,
  ): Promise<Lookup> {
    const { clock, memory } = this.#options;
    const found = await this.#lookTogether(key, tags, own.stamp);
    if (found === undefined) {
      this.lookups.unavailable += 1;
      return { lease: this.#shortLived(own) };
    }
    const { entry, states } = found;
    const ageMsMax = entry?.negative ? options.negativeAgeMsMax : options.ageMsMax;
    // 1 our write ends with an unknown outcome · 2 Redis evicts the tag with its mark · 3 another node reads, and stores it
    // under a new tag · 4 our write lands · 5 we read: to us it is still pending, and what the other has stored is no answer.
    if (entry !== undefined && !own.isPending && clock.nowMs() - entry.readAtMs < ageMsMax) {
      memory.adopt(key, tags, own.stamp, entry);
      this.lookups.hit += 1;
      return { entry, tier: "redis" };
    }
    this.lookups.miss += 1;
    return { lease: this.#lease(key, tags, options, own, states) };
  }

  /**
   * One look-up for all who miss the same at the same time. Joined only where nothing has changed since it began, and only
   * while it is young: 1 a look-up is answered · 2 this process is paused · 3 it wakes and would take that answer for a new one.
   */
  #lookTogether(key: CacheKey, tags: readonly Tag[], stamp: number): Promise<Found> {
    const { clock, lookupTimeoutMs } = this.#options;
    const startedAtMs = clock.nowMs();
    const current = this.#looking.get(key);
    if (current?.stamp === stamp && startedAtMs - current.startedAtMs < lookupTimeoutMs)
      return current.result;
    const result = this.#look(key, tags).then((found) => {
      if (this.#looking.get(key)?.result === result) this.#looking.delete(key);
      return found;
    });
    this.#looking.set(key, { stamp, startedAtMs, result });
    return result;
  }

  /** Never rejects. */
  async #look(key: CacheKey, tags: readonly Tag[]): Promise<Found> {
    if (!this.#isReadable) return undefined;
    try {
      const { entry: value, tags: seen } = await this.#options.store.look({ key, tag: tags[0] ?? key }, tags);
      const areAllThere = seen.every((state) => state !== undefined);
      const states = areAllThere ? seen : await this.#ensure(tags, seen);
      // Raised meanwhile: what was just read may be what an invalidation that got stuck was to end.
      if (!this.#isReadable || states.length !== tags.length) return undefined;
      const isValid = areAllThere && value !== undefined && hasTokens(value, states);
      return { states, entry: isValid ? this.#entry(await decodeEntry(value)) : undefined };
    } catch {
      return undefined;
    }
  }

  /** Creates the absent ones. */
  async #ensure(tags: readonly Tag[], seen: Look["tags"]): Promise<readonly TagState[]> {
    const absent = tags.filter((_tag, at) => seen[at] === undefined);
    // What is absent may have been changing when it was removed: then its next reader must not trust a replica.
    const born = await this.#options.store.ensure(absent, this.#births.nowMs());
    return tags.flatMap((tag, at) => seen[at] ?? born[absent.indexOf(tag)] ?? []);
  }

  /** Whether what Redis says can be trusted: it is there, has been told everything, and is the same for all threads. */
  get #isReadable(): boolean {
    const { store, barrier } = this.#options;
    return store.isUp && !barrier.isRaised && barrier.means(store.identity);
  }

  /** On our own clock, as old as it may be. */
  #entry(far: FarAnswer | undefined): CacheEntry | undefined {
    if (far === undefined) return undefined;
    const { store, clock } = this.#options;
    const nowMs = clock.nowMs();
    const ageMs = Math.max(0, store.clock.latestMs(nowMs) - far.readAtMs);
    return { ...far, readAtMs: nowMs - ageMs };
  }

  /** Bound to both tiers: what either holds to have changed is not stored in any. */
  #lease(
    key: CacheKey,
    tags: readonly Tag[],
    { settleMs, keepMs, guarded }: LookupOptions,
    own: MemoryLease,
    states: readonly TagState[],
  ): Lease {
    const { store, clock } = this.#options;
    const since = store.clock.earliestMs(clock.nowMs()) - settleMs;
    const brief = this.#shortLived(own);
    const marked = isMarked(states);
    const unsettled = marked || states.some(({ changedAtMs }) => changedAtMs !== 0 && changedAtMs > since);
    return {
      stamp: own.stamp,
      unsettled: own.unsettled || unsettled,
      fill: (entry, readConsistently) => {
        // While another node's write may land, even a strong read may be old before it is stored.
        if (marked || (unsettled && !readConsistently)) return "unsettled";
        const sending = { guarded, sentAtMs: entry.readAtMs, lagMs: settleMs };
        if (this.#births.mayHideWrites(states, sending)) return brief.fill(entry, readConsistently);
        const outcome = own.fill(entry, readConsistently);
        if (outcome === "stored" || outcome === "too_large") {
          const tokens = states.map(({ token }) => token);
          this.fills.offer(key, tags, tokens, entry, keepMs);
        }
        return outcome;
      },
    };
  }

  /** Redis did not say whether another node's write is under way, of which we would never hear if that node died. */
  #shortLived(own: MemoryLease): Lease {
    const { degradedMaxAgeMs } = this.#options;
    const fill: Lease["fill"] = (entry, readConsistently) =>
      degradedMaxAgeMs === 0 ? "unsettled" : own.fill(entry, readConsistently, degradedMaxAgeMs);
    return { stamp: own.stamp, unsettled: own.unsettled, fill };
  }
}
