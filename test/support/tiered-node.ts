/** One node's cache over a real Redis, without a proxy in front: for interleavings that need exact steps. */

import { setTimeout as sleep } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { VersionClock } from "../../src/cache/coherence.ts";
import { MemoryTier } from "../../src/cache/memory-tier.ts";
import { RedisBarrier } from "../../src/cache/redis-barrier.ts";
import type { CacheEntry, CacheKey, Lease, LookupOptions, Tag, WriteGuard } from "../../src/cache/tier.ts";
import { TieredCache } from "../../src/cache/tiered-cache.ts";
import { createRedisStore } from "../../src/redis/redis-store.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { createLogger } from "../../src/util/log.ts";

export const key = "i\0T\0k" as CacheKey;
export const itemTag = "item\0T\0k" as Tag;
export const anyWriteTag = "any\0T" as Tag;
export const everything = "all" as Tag;
export const tags: readonly Tag[] = [itemTag, "schema\0T" as Tag, everything];

export interface NodeWishes {
  readonly guard?: WriteGuard;
  readonly settleMs?: number;
  readonly queuedTagsMax?: number;
  readonly degradedMaxAgeMs?: number;
  readonly entryBytesMax?: number;
  readonly landsWithinMs?: number;
  /** Of a process with several threads. */
  readonly barrier?: RedisBarrier;
}

let nodes = 0;

export class TieredNode {
  readonly versions = new VersionClock({ clock, slots: 1024 });
  readonly memory = new MemoryTier({
    versions: this.versions,
    clock,
    bytesMax: 10_000_000,
    entryBytesMax: 1_000_000,
  });
  readonly barrier: RedisBarrier;
  readonly store;
  readonly cache: TieredCache;
  readonly options: LookupOptions;

  constructor(url: string, wishes: NodeWishes = {}) {
    nodes += 1;
    this.barrier = wishes.barrier ?? new RedisBarrier(1, 0);
    const timeouts = { lookupTimeoutMs: 2_000, invalidateTimeoutMs: 2_000 };
    this.store = createRedisStore({
      ...{ url, keyPrefix: "t", clock, log: createLogger("silent"), ...timeouts },
      ...{
        logMessagesMax: 1_000,
        tagKeepMs: 600_000,
        vouchWithinMs: 5_000,
        isEpoch: (tag: string) => tag === everything,
      },
    });
    this.cache = new TieredCache({
      ...{ memory: this.memory, store: this.store, clock, barrier: this.barrier, everything },
      ...{ sender: `node${nodes}`, thread: 0, guard: wishes.guard ?? "auto", ...timeouts },
      degradedMaxAgeMs: wishes.degradedMaxAgeMs ?? 2_000,
      landsWithinMs: wishes.landsWithinMs ?? 500,
      queuedTagsMax: wishes.queuedTagsMax ?? 100,
      ...{ entryBytesMax: wishes.entryBytesMax ?? 100_000, fillBytesMax: 1_000_000, compressBytesMin: 1_000 },
      ...{ ttlJitter: 0.1, random: Math.random, imageHash: hashOfBody },
    });
    const settleMs = wishes.settleMs ?? 0;
    this.options = { ageMsMax: 60_000, negativeAgeMsMax: 60_000, settleMs, keepMs: 60_000, guarded: true };
  }

  async start(): Promise<this> {
    this.store.start((renewed) => this.cache.contact(renewed));
    await until(() => this.store.isUp);
    return this;
  }

  async stop(): Promise<void> {
    await this.cache.close();
    await this.store.close();
  }

  entry(text: string): CacheEntry {
    const body = Buffer.from(text);
    return { body, crc32: crc32(body), readAtMs: clock.nowMs(), units: 0.5, negative: false };
  }

  async look(): Promise<{ text: string; tier: string } | undefined> {
    const { entry, tier } = { tier: "", ...(await this.cache.lookup(key, tags, this.options)) };
    return entry && { text: Buffer.from(entry.body).toString(), tier };
  }

  async miss(): Promise<Lease> {
    const { lease } = await this.cache.lookup(key, tags, this.options);
    if (lease === undefined) throw new Error("expected a miss");
    return lease;
  }

  /** Reads "upstream" and stores it; waits until Redis has it too. */
  async fill(text: string): Promise<void> {
    const lease = await this.miss();
    const outcome = await lease.fill(this.entry(text), true);
    if (outcome !== "stored") throw new Error(`expected it to be stored: ${outcome}`);
    await this.filled();
  }

  async filled(): Promise<void> {
    await until(() => this.cache.fills.bytes === 0);
  }

  /** Another item of the same table. */
  writeNearby() {
    const landsUntilMs = clock.nowMs() + 5_000;
    const nearby = { tags: ["item\0T\0other" as Tag, anyWriteTag], images: [] };
    return this.cache.writeLease({ ...nearby, keepMs: 60_000, guarded: true, landsUntilMs });
  }

  write(guarded: boolean, landsInMs = 5_000) {
    const landsUntilMs = clock.nowMs() + landsInMs;
    return this.cache.writeLease({
      tags: [itemTag, anyWriteTag],
      images: [{ key, tags }],
      keepMs: 60_000,
      guarded,
      landsUntilMs,
    });
  }

  /** As if every message of the others had been read. */
  forget(): void {
    this.versions.bump([everything]);
  }
}

/** Not the real one (proxy/image-hash.ts), but as long. */
export function hashOfBody(_key: CacheKey, { body }: CacheEntry): string {
  return String(crc32(body)).padStart(22, "h");
}

export async function until(condition: () => boolean, withinMs = 10_000): Promise<void> {
  const endMs = clock.nowMs() + withinMs;
  while (!condition()) {
    if (clock.nowMs() > endMs) throw new Error(`still not: ${condition}`);
    await sleep(5);
  }
}
