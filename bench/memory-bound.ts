/**
 * The memory tier in a process of its own, filled with three times what fits. Started by bench/memory.ts with the bound and
 * the bytes of a body; prints one line of JSON.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { VersionClock } from "../src/cache/coherence.ts";
import { MemoryTier } from "../src/cache/memory-tier.ts";
import type { CacheKey, Tag } from "../src/cache/tier.ts";
import { resident } from "./resident.ts";

export interface BoundFigures {
  readonly entries: number;
  /** What the tier says, and what the process has more than before: at its most while it was filled, and collected. */
  readonly countedBytes: number;
  readonly mostBytes: number;
  readonly settledBytes: number;
}

const [bytesMax = 0, bodyBytes = 0] = process.argv.slice(2).map(Number);
const options = { ageMsMax: 1e9, negativeAgeMsMax: 1e9, settleMs: 0, keepMs: 1e9, guarded: false };
const clock = { nowMs: () => 1_000 };
const tags = ["item", "schema", "all"].map((name) => name as Tag);
const body = Buffer.alloc(bodyBytes + 1, "0123456789abcdef").subarray(1);

function tierOf(bound: number): MemoryTier {
  const versions = new VersionClock({ clock, slots: 1_024 });
  return new MemoryTier({ versions, clock, bytesMax: bound, entryBytesMax: 2 ** 21 });
}

/** @returns the most resident memory seen */
async function fill(tier: MemoryTier, entries: number): Promise<number> {
  let most = 0;
  for (let at = 0; at < entries; at += 1) {
    const key = `i\0Zk3vQ0b8R1mXcT5yLw9aPg\0S${String(at).padStart(20, "0")}` as CacheKey;
    const entry = { body, crc32: at, readAtMs: 1_000, units: 0.5, negative: false };
    tier.lookup(key, tags, { ...options, ageMsMax: 0 }).lease?.fill(entry, false);
    if (at % 1_000 !== 0) continue;
    most = Math.max(most, process.memoryUsage().rss);
    await sleep(0);
  }
  return most;
}

// What the code itself takes, and the young generation at its full size, is not the cache's.
await fill(tierOf(4_000_000), Math.ceil(2e8 / (bodyBytes + 1_000)));
const before = await resident();
const tier = tierOf(bytesMax);
const most = await fill(tier, Math.ceil((3 * bytesMax) / (bodyBytes + 100)));
const figures: BoundFigures = {
  entries: tier.stats().entries,
  countedBytes: tier.stats().bytes,
  mostBytes: most - before,
  settledBytes: (await resident()) - before,
};
console.log(JSON.stringify(figures));
