/** The part of the composition root that joins other nodes: what they share, memory over it, and the bus. */

import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { VersionClock } from "./cache/coherence.ts";
import type { MemoryTier } from "./cache/memory-tier.ts";
import { RedisBarrier } from "./cache/redis-barrier.ts";
import { TieredCache } from "./cache/tiered-cache.ts";
import type { StreamTurns } from "./compose-streams.ts";
import type { Settings } from "./config/settings.ts";
import { Bus } from "./invalidation/bus.ts";
import type { LocalCache } from "./invalidation/bus-settings.ts";
import type { Freshness } from "./invalidation/freshness.ts";
import { storedCheckpoint } from "./invalidation/stream-checkpoint.ts";
import { StreamLeader } from "./invalidation/stream-leader.ts";
import type { StreamSupervisor } from "./invalidation/stream-supervisor.ts";
import { everythingTag, isEpochTag } from "./invalidation/tags.ts";
import { currentGauges, type GaugeSources, growingGauges } from "./metrics/gauge-sources.ts";
import { entryHash } from "./proxy/image-hash.ts";
import { createRedisStore } from "./redis/redis-store.ts";
import type { SharedStore, StoreFacts } from "./redis/shared-store.ts";
import type { Clock } from "./util/clock.ts";
import type { Logger } from "./util/log.ts";

export { RedisBarrier };

/** What all threads of a process have in common towards the nodes that share Redis. */
export interface FarIdentity {
  /** Its name in the log; no other has it. */
  readonly sender: string;
  readonly barrier: RedisBarrier;
}

/** @param workers setting; the main thread counts as thread 0, and as the only one where there is one worker */
export function newIdentity(workers: number): FarIdentity {
  return { sender: randomBytes(9).toString("base64url"), barrier: new RedisBarrier(workers + 1, 0) };
}

export interface FarParts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Logger;
  /** This thread's own tier, over versions that all threads share. */
  readonly memory: MemoryTier;
  readonly barrier: RedisBarrier;
  readonly sender: string;
  /** This thread's number, from 0. */
  readonly thread: number;
}

/** A serving thread's connection to what nodes share, and its cache over it. Nothing is connected before start(). */
export interface Far {
  readonly store: SharedStore;
  readonly cache: TieredCache;
  /** @param onContact what else has to happen before Redis counts as up (Bus.reposition, in one thread of the process) */
  start(onContact?: (renewed: boolean) => Promise<void>): void;
  stop(): Promise<void>;
  /** What this thread has counted. */
  readonly gauges: GaugeSources;
}

export function createFar({ settings, clock, log, memory, barrier, sender, thread }: FarParts): Far {
  const store = createRedisStore({
    url: settings.redis ?? "",
    keyPrefix: `${settings.redisKeyPrefix}:`,
    lookupTimeoutMs: settings.redisLookupTimeoutMs,
    invalidateTimeoutMs: settings.redisInvalidateTimeoutMs,
    clock,
    log,
    logMessagesMax: settings.redisLogMessagesMax,
    vouchWithinMs: settings.freshWithinMs,
    tagKeepMs: tagKeepMs(settings),
    isEpoch: isEpochTag,
  });
  const cache = new TieredCache({
    ...{ memory, store, clock, barrier, sender, thread },
    everything: everythingTag,
    guard: settings.writeGuard,
    degradedMaxAgeMs: settings.degradedMaxAgeMs,
    landsWithinMs: settings.requestTimeoutMs + settings.unknownOutcomeMs + settings.redisInvalidateTimeoutMs,
    lookupTimeoutMs: settings.redisLookupTimeoutMs,
    queuedTagsMax: settings.redisQueuedTagsMax,
    entryBytesMax: settings.redisEntryBytesMax,
    fillBytesMax: settings.redisFillBytesMax,
    compressBytesMin: settings.redisCompressBytesMin,
    ttlJitter: settings.redisTtlJitter,
    random: Math.random,
    imageHash: entryHash,
  });
  let warned = false;
  return {
    ...{ store, cache },
    gauges: farGauges(cache),
    start: (onContact) =>
      store.start(async (renewed) => {
        await cache.contact(renewed);
        await onContact?.(renewed);
        const { evictionPolicy } = store.facts();
        if (thread !== 0 || warned || evictionPolicy !== "volatile-ttl") return;
        warned = true;
        log.warn(
          { evictionPolicy },
          "this eviction policy removes first what decides over hits: set maxmemory-policy to allkeys-lru or allkeys-lfu",
        );
      }),
    stop: async () => {
      await cache.close();
      await store.close();
    },
  };
}

function farGauges({ lookups, fills, changes, writes }: TieredCache): GaugeSources {
  return {
    redisHits: () => lookups.hit,
    redisMisses: () => lookups.miss,
    redisUnavailable: () => lookups.unavailable,
    redisFillsStored: () => fills.counts.stored,
    redisFillsFailed: () => fills.counts.failed,
    redisFillsDropped: () => fills.counts.dropped,
    redisFillsTooLarge: () => fills.counts.tooLarge,
    redisFillBytes: () => fills.bytes,
    redisChangesAcknowledged: () => changes.counts.acknowledged,
    redisChangesUnacknowledged: () => changes.counts.unacknowledged,
    redisQueuedTags: () => changes.queued.tags,
    redisMarksPlaced: () => writes.counts.placed,
    redisMarksFailed: () => writes.counts.failed,
  };
}

export interface OthersParts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Logger;
  readonly sender: string;
  readonly barrier: RedisBarrier;
  /** The main thread's. */
  readonly far: Far;
  readonly memory: MemoryTier;
  readonly versions: VersionClock;
  readonly freshness: Freshness;
  /** How far the streams that this node leads are, and what others say of those that they lead (StreamSupervisor). */
  readonly streams: () => Pick<StreamSupervisor, "signs" | "hear">;
}

/** What the main thread does about other nodes, for the whole process. */
export interface Others {
  /** How nodes take turns in reading streams. */
  readonly turns: StreamTurns;
  readonly gauges: GaugeSources;
  start(): void;
  stop(): Promise<void>;
  /** Tries to reach Redis, for a command that only wants to know: the log is not read. */
  reach(withinMs: number): Promise<StoreFacts>;
  /**
   * For people.
   * @param sums what all threads have counted
   */
  report(sums: GaugeSources): OthersReport;
}

export interface OthersReport extends StoreFacts {
  /** Whether the common log has been heard within freshWithinMs: else hits are capped. */
  readonly isHearing: boolean;
  /** Since when, in milliseconds, this node might have missed something; undefined = it has heard nothing yet. */
  readonly hearingLagMs: number | undefined;
  /** Times that it had to forget everything. */
  readonly gaps: number;
  /** Since the start, all threads together: the figures that /metrics has. */
  readonly counts: Readonly<Record<string, number>>;
}

export function joinOthers(parts: OthersParts): Others {
  const { settings, versions, memory, freshness, streams, sender, barrier, clock, log, far } = parts;
  const { store } = far;
  const isSettled = () => !barrier.isRaised;
  let messages = 0;
  const bus = new Bus({
    ...{ store, sender, clock, log, freshness },
    local: localCache(versions, memory),
    readPauseMs: settings.redisLogPauseMs,
    // A change that waits to be told is not vouched for.
    signs: () => (isSettled() ? streams().signs() : new Map()),
    hear: (name, caughtUpAtMs) => streams().hear(name, caughtUpAtMs),
    recorder: {
      applied: () => {
        messages += 1;
      },
    },
  });
  const lagMs = () => freshness.busLagMs() ?? Number.POSITIVE_INFINITY;
  return {
    turns: {
      leadership: new StreamLeader({ store, holder: sender, clock, log }),
      checkpoint: (streamArn, fingerprint) => storedCheckpoint({ store, streamArn, fingerprint, isSettled }),
    },
    gauges: {
      redisUp: () => (store.isUp ? 1 : 0),
      peerLagSeconds: () => lagMs() / 1000,
      peerMessages: () => messages,
      peerGaps: () => bus.state().gaps,
    },
    start: () => {
      far.start((renewed) => (renewed ? bus.reposition() : Promise.resolve()));
      bus.start();
    },
    stop: async () => {
      const stopped = bus.stop();
      await far.stop();
      await stopped;
    },
    reach: async (withinMs) => {
      far.start();
      const endMs = clock.nowMs() + withinMs;
      while (!store.isUp && clock.nowMs() < endMs) await sleep(20);
      return store.facts();
    },
    report: (sums) => ({
      ...store.facts(),
      isHearing: lagMs() <= settings.freshWithinMs,
      hearingLagMs: Number.isFinite(lagMs()) ? lagMs() : undefined,
      gaps: bus.state().gaps,
      counts: Object.fromEntries(
        [...currentGauges, ...growingGauges]
          .filter((name) => name.startsWith("redis") && name !== "redisUp")
          .map((name) => [name, sums[name]?.() ?? 0]),
      ),
    }),
  };
}

/** What the log's messages are applied to: this process' versions, and what this thread has in memory. */
export function localCache(versions: VersionClock, memory: MemoryTier): LocalCache {
  return {
    apply: ({ tagHashes, pendingForMs, image }) => {
      const isKept =
        image !== undefined &&
        memory.confirm(
          image.key,
          image.tagHashes,
          (entry) => entryHash(image.key, entry) === image.hash,
          tagHashes,
        );
      if (!isKept) versions.bump(tagHashes, pendingForMs);
    },
    forgetEverything: () => versions.bump([everythingTag]),
  };
}

/** A tag outlives what is stored under it, and the windows in which it is not settled. */
function tagKeepMs(settings: Settings): number {
  const rules = [settings, ...settings.tables];
  const lifetimes = rules.flatMap(({ itemTtlMs, queryTtlMs, negativeTtlMs }) => [
    itemTtlMs,
    queryTtlMs,
    negativeTtlMs,
  ]);
  const windows = rules.flatMap(({ settleMs, indexSettleMs }) => [settleMs, indexSettleMs]);
  const most = (values: readonly (number | undefined)[]) => Math.max(...values.map((value) => value ?? 0));
  return 2 * most(lifetimes) + most(windows) + settings.unknownOutcomeMs + settings.requestTimeoutMs + 60_000;
}
