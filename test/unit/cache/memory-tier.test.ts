/**
 * The memory tier's own limits: bytes, entry size, and who leaves first. Its rules are in the tiers'
 * contract.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { VersionClock } from "../../../src/cache/coherence.ts";
import { entryOverheadBytes, MemoryTier } from "../../../src/cache/memory-tier.ts";
import type { CacheEntry, CacheKey, LookupOptions, Tag } from "../../../src/cache/tier.ts";
import { ownBytes } from "../../../src/util/own-bytes.ts";

const options: LookupOptions = { ageMsMax: 60_000, negativeAgeMsMax: 60_000, settleMs: 0, keepMs: 60_000 };
const tags = [`item\0t\0${"k".repeat(10)}` as Tag];
const name = (at: number) => `i\0t\0fingerprint\0S${String(at).padStart(20, "0")}` as CacheKey;

function start(bytesMax: number, entryBytesMax = bytesMax): MemoryTier {
  const clock = { nowMs: () => 1_000 };
  return new MemoryTier({ versions: new VersionClock({ clock, slots: 16 }), clock, bytesMax, entryBytesMax });
}

function entryOf(bytes: number): CacheEntry {
  return { body: ownBytes(Buffer.alloc(bytes)), crc32: 0, readAtMs: 1_000, units: 0.5, negative: false };
}

function fill(tier: MemoryTier, key: CacheKey, bytes: number) {
  return tier.lookup(key, tags, { ...options, ageMsMax: 0 }).lease?.fill(entryOf(bytes), false);
}

describe("MemoryTier", () => {
  it("never holds more than its bytes, and says what it has put out", () => {
    const tier = start(50_000);
    for (let at = 0; at < 500; at += 1) {
      expect(fill(tier, name(at), (at * 37) % 900)).toBe("stored");
      expect(tier.stats().bytes).toBeLessThanOrEqual(50_000);
    }
    const { bytes, entries, evictions, evictedBytes } = tier.stats();
    expect(entries + evictions).toBe(500);
    expect(bytes + evictedBytes).toBe(
      [...Array(500).keys()].reduce(
        (sum, at) => sum + ((at * 37) % 900) + name(at).length + entryOverheadBytes,
        0,
      ),
    );
  });

  it("puts out first what was asked for least recently", () => {
    const tier = start(3 * (100 + name(0).length + entryOverheadBytes));
    for (const at of [0, 1, 2]) fill(tier, name(at), 100);
    tier.lookup(name(0), tags, options);
    fill(tier, name(3), 100);
    expect([0, 1, 2, 3].map((at) => tier.lookup(name(at), tags, options).entry !== undefined)).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });

  it("stores no entry that is too large, nor keeps the one that it was to replace", () => {
    const tier = start(10_000, 1_000);
    expect(fill(tier, name(0), 1_000 - name(0).length - entryOverheadBytes)).toBe("stored");
    expect(fill(tier, name(0), 1_001 - name(0).length - entryOverheadBytes)).toBe("too_large");
    expect(tier.stats()).toMatchObject({ entries: 0, bytes: 0 });
  });

  it("counts an entry replaced by its new size, and nothing twice", () => {
    const tier = start(100_000);
    for (const bytes of [10, 5_000, 20]) fill(tier, name(0), bytes);
    expect(tier.stats()).toMatchObject({
      entries: 1,
      bytes: 20 + name(0).length + entryOverheadBytes,
      evictions: 0,
    });
  });

  it("drops an entry whose tags have changed when it is asked for", () => {
    const tier = start(100_000);
    fill(tier, name(0), 10);
    tier.invalidate(tags);
    expect(tier.stats().entries).toBe(1);
    tier.lookup(name(0), tags, options);
    expect(tier.stats().entries).toBe(0);
  });

  it.each([50, 400, 4_000])(
    "with bodies of %d bytes takes at most a twentieth more memory than it counts",
    async (bytes) => {
      setFlagsFromString("--expose-gc");
      const collect: () => void = runInNewContext("gc");
      // Freed buffers are swept beside the program: look until it has settled.
      const used = async () => {
        let least = Number.POSITIVE_INFINITY;
        for (let look = 0; look < 5; look += 1) {
          collect();
          await sleep(20);
          const { heapUsed, arrayBuffers } = process.memoryUsage();
          least = Math.min(least, heapUsed + arrayBuffers);
        }
        return least;
      };
      const bytesMax = 40_000_000;
      const before = await used();
      const tier = start(bytesMax);
      const count = Math.ceil((1.5 * bytesMax) / (bytes + entryOverheadBytes));
      for (let at = 0; at < count; at += 1) fill(tier, name(at), bytes);
      const grown = (await used()) - before;
      expect(tier.stats().evictions).toBeGreaterThan(0);
      expect(grown).toBeLessThan(1.05 * bytesMax);
    },
  );
});
