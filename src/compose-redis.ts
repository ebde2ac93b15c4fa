/** The part of the composition root that joins other nodes: what they share, memory over it, and the bus. */

import { randomBytes } from "node:crypto";
import type { VersionClock } from "./cache/coherence.ts";
import type { MemoryTier } from "./cache/memory-tier.ts";
import { RedisBarrier } from "./cache/redis-barrier.ts";
import type { RedisFillCounts } from "./cache/redis-fills.ts";
import { type FarResult, TieredCache } from "./cache/tiered-cache.ts";
import type { StreamTurns } from "./compose-streams.ts";
import type { Settings } from "./config/settings.ts";
import { Bus } from "./invalidation/bus.ts";
import type { LocalCache } from "./invalidation/bus-settings.ts";
import type { Freshness } from "./invalidation/freshness.ts";
import { storedCheckpoint } from "./invalidation/stream-checkpoint.ts";
import { StreamLeader } from "./invalidation/stream-leader.ts";
import type { StreamSupervisor } from "./invalidation/stream-supervisor.ts";
import { everythingTag, isEpochTag } from "./invalidation/tags.ts";
import { entryHash } from "./proxy/image-hash.ts";
import { createRedisStore } from "./redis/redis-store.ts";
import type { SharedStore, StoreFacts } from "./redis/shared-store.ts";
import type { Clock } from "./util/clock.ts";
import type { Logger } from "./util/log.ts";

export { RedisBarrier };

/** A name for this process in the log; no other has it. */
export function newSender(): string {
  return randomBytes(9).toString("base64url");
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
    tagKeepMs: tagKeepMs(settings),
    isEpoch: isEpochTag,
  });
  const cache = new TieredCache({
    ...{ memory, store, clock, barrier, sender, thread },
    everything: everythingTag,
    guard: settings.writeGuard,
    degradedMaxAgeMs: settings.degradedMaxAgeMs,
    lookupTimeoutMs: settings.redisLookupTimeoutMs,
    queuedTagsMax: settings.redisQueuedTagsMax,
    entryBytesMax: settings.redisEntryBytesMax,
    fillBytesMax: settings.redisFillBytesMax,
    compressBytesMin: settings.redisCompressBytesMin,
    ttlJitter: settings.redisTtlJitter,
    random: Math.random,
    imageHash: entryHash,
  });
  return {
    store,
    cache,
    start: (onContact) =>
      store.start(async (renewed) => {
        await cache.contact(renewed);
        await onContact?.(renewed);
      }),
    stop: async () => {
      await cache.close();
      await store.close();
    },
  };
}

export interface OthersParts extends FarParts {
  readonly versions: VersionClock;
  readonly freshness: Freshness;
  /** How far the streams that this node leads are, and what others say of those that they lead (StreamSupervisor). */
  readonly streams: () => Pick<StreamSupervisor, "signs" | "hear">;
}

/** All that one thread of the process does about other nodes: its own cache, and what is heard for the whole process. */
export interface Others {
  readonly far: Far;
  readonly bus: Bus;
  /** How nodes take turns in reading streams. */
  readonly turns: StreamTurns;
  start(): void;
  stop(): Promise<void>;
  /** For people. */
  report(): OthersReport;
}

export interface OthersReport extends StoreFacts {
  /** Whether the common log has been heard within freshWithinMs: else hits are capped. */
  readonly isHearing: boolean;
  /** Since when, in milliseconds, this node might have missed something; undefined = it has heard nothing yet. */
  readonly hearingLagMs: number | undefined;
  /** Times that it had to forget everything. */
  readonly gaps: number;
  readonly lookups: Readonly<Record<FarResult, number>>;
  readonly fills: Readonly<RedisFillCounts>;
  readonly changes: Readonly<Record<"acknowledged" | "unacknowledged", number>>;
  readonly marks: Readonly<Record<"placed" | "failed", number>>;
  readonly queuedTags: number;
}

export function joinOthers(parts: OthersParts): Others {
  const { versions, memory, freshness, streams, sender, clock, log } = parts;
  const far = createFar(parts);
  const bus = new Bus({
    ...{ store: far.store, sender, clock, log, freshness },
    local: localCache(versions, memory),
    readPauseMs: parts.settings.redisLogPauseMs,
    // A change that waits to be told is not vouched for.
    signs: () => (far.cache.changes.queued.tags > 0 ? new Map() : streams().signs()),
    hear: (name, caughtUpAtMs) => streams().hear(name, caughtUpAtMs),
  });
  return {
    far,
    bus,
    turns: {
      leadership: new StreamLeader({ store: far.store, holder: sender, clock, log }),
      checkpoint: (streamArn, fingerprint) =>
        storedCheckpoint({
          ...{ store: far.store, streamArn, fingerprint },
          isSettled: () => far.cache.changes.queued.tags === 0,
        }),
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
    report: () => {
      const lagMs = freshness.busLagMs() ?? Number.POSITIVE_INFINITY;
      const { lookups, fills, changes, writes } = far.cache;
      return {
        ...far.store.facts(),
        isHearing: lagMs <= parts.settings.freshWithinMs,
        hearingLagMs: Number.isFinite(lagMs) ? lagMs : undefined,
        gaps: bus.state().gaps,
        lookups,
        fills: fills.counts,
        changes: changes.counts,
        marks: writes.counts,
        queuedTags: changes.queued.tags,
      };
    },
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
    forgetEverything: (reason) => {
      // What changed before this node began is as settled as Redis says, which every look-up asks.
      if (reason === "start") versions.expire([everythingTag]);
      else versions.bump([everythingTag]);
    },
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
