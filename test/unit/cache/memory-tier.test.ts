/**
 * The memory tier's own limits: bytes, entry size, and who leaves first. Its rules are in the tiers'
 * contract.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { VersionClock } from "../../../src/cache/coherence.ts";
import { MemoryTier } from "../../../src/cache/memory-tier.ts";
import { headBytes } from "../../../src/cache/record.ts";
import type { CacheEntry, CacheKey, LookupOptions, Tag } from "../../../src/cache/tier.ts";
import { ownBytes } from "../../../src/util/own-bytes.ts";

const options: LookupOptions = {
  ageMsMax: 60_000,
  negativeAgeMsMax: 60_000,
  settleMs: 0,
  keepMs: 60_000,
  guarded: false,
};
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
    const { bytesMax, entries, evictions, evictedBytes } = tier.stats();
    expect(bytesMax).toBe(50_000);
    expect(entries + evictions).toBe(500);
    expect(evictions).toBeGreaterThan(400);
    expect(evictedBytes / evictions).toBeGreaterThan(450);
  });

  it("keeps what is asked for again and again", () => {
    const tier = start(50_000);
    const isThere = (at: number) => tier.lookup(name(at), tags, options).entry !== undefined;
    for (let at = 0; at < 500; at += 1) {
      fill(tier, name(at), 200);
      if (at > 0) expect(isThere(0)).toBe(true);
    }
    expect(isThere(1)).toBe(false);
  });

  it("stores no entry that is too large, nor keeps the one that it was to replace", () => {
    const tier = start(10_000, 400);
    expect(fill(tier, name(0), 400 - name(0).length - headBytes)).toBe("stored");
    expect(fill(tier, name(0), 401 - name(0).length - headBytes)).toBe("too_large");
    expect(tier.stats().entries).toBe(0);
  });

  it("has room for nothing where its bound is less than any entry", () => {
    const tier = start(1);
    expect(fill(tier, name(0), 10)).toBe("too_large");
    expect(tier.stats().entries).toBe(0);
  });

  it("counts an entry that is replaced once", () => {
    const tier = start(100_000);
    for (const bytes of [10, 5_000, 20]) fill(tier, name(0), bytes);
    expect(tier.stats()).toMatchObject({ entries: 1, evictions: 0 });
  });

  it("hands out bytes that stay as they are, whatever becomes of the entry", () => {
    const tier = start(50_000);
    const body = Buffer.alloc(300, "first");
    const entry = { body: ownBytes(body), crc32: 0, readAtMs: 1_000, units: 0.5, negative: false };
    expect(tier.lookup(name(0), tags, options).lease?.fill(entry, false)).toBe("stored");
    const found = tier.lookup(name(0), tags, options).entry;
    tier.invalidate(tags);
    for (let at = 0; at < 1_000; at += 1) fill(tier, name(at), 300);
    expect(found && Buffer.from(found.body)).toEqual(body);
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
      const count = Math.ceil((1.5 * bytesMax) / (bytes + headBytes));
      for (let at = 0; at < count; at += 1) fill(tier, name(at), bytes);
      const grown = (await used()) - before;
      expect(tier.stats().evictions).toBeGreaterThan(0);
      expect(grown).toBeLessThan(1.05 * bytesMax);
    },
  );
});
