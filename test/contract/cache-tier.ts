/**
 * What every cache tier has to do, whatever is behind it: run against each of them (cache-tier-
 * memory.test.ts).
 */

import { crc32 } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CacheEntry, CacheKey, CacheTier, Lease, LookupOptions, Tag } from "../../src/cache/tier.ts";

/** A tier at rest, and its time. */
export interface TierUnderTest {
  readonly tier: CacheTier;
  nowMs(): number;
  passMs(ms: number): void;
}

const key = (name: string) => name as CacheKey;
const tag = (name: string) => name as Tag;
const settleMs = 1_000;
const options: LookupOptions = {
  ageMsMax: 60_000,
  negativeAgeMsMax: 5_000,
  settleMs,
  keepMs: 60_000,
  guarded: true,
};
const tags = [tag("item a"), tag("schema"), tag("all")];
const itemTag = [tag("item a")];

/** @param start makes a tier in which nothing has ever changed */
export function cacheTierContract(name: string, start: () => TierUnderTest | Promise<TierUnderTest>): void {
  describe(`${name} as a cache tier`, () => {
    let world: TierUnderTest;
    beforeEach(async () => {
      world = await start();
    });
    afterEach(() => world.tier.close());

    const entryOf = (text: string, negative = false): CacheEntry => {
      const body = Buffer.from(text);
      return { body, crc32: crc32(body), readAtMs: world.nowMs(), units: 0.5, negative };
    };
    const look = (wish: Partial<LookupOptions> = {}, at = "a") =>
      world.tier.lookup(key(at), tags, { ...options, ...wish });
    const miss = async (wish?: Partial<LookupOptions>, at?: string): Promise<Lease> => {
      const { lease } = await look(wish, at);
      return lease ?? expect.fail("expected a miss");
    };
    const shown = async (wish?: Partial<LookupOptions>, at?: string) => {
      const { entry } = await look(wish, at);
      return entry && Buffer.from(entry.body).toString();
    };

    it("serves what was stored under a lease, byte for byte", async () => {
      const lease = await miss();
      expect(lease.unsettled).toBe(false);
      const entry = entryOf("old");
      expect(await lease.fill(entry, false)).toBe("stored");
      expect((await look()).entry).toMatchObject({ crc32: entry.crc32, units: 0.5, negative: false });
      expect(await shown()).toBe("old");
      expect(await shown({}, "b")).toBeUndefined();
    });

    it("serves nothing that was stored before a change", async () => {
      await (await miss()).fill(entryOf("old"), false);
      await world.tier.invalidate(itemTag);
      expect(await shown()).toBeUndefined();
      // Nor later, when its tags have settled.
      world.passMs(2 * settleMs);
      expect(await shown()).toBeUndefined();
    });

    it("stores nothing that was read before a change", async () => {
      // 1 a read takes its lease · 2 a write is acknowledged · 3 the read comes home with the old item
      const lease = await miss();
      await world.tier.invalidate(itemTag);
      expect(await lease.fill(entryOf("old"), true)).toBe("stale_lease");
      expect(await shown()).toBeUndefined();
    });

    it("gives equal stamps only as long as nothing has changed", async () => {
      const before = await miss();
      expect((await miss()).stamp).toBe(before.stamp);
      await world.tier.invalidate([tag("all")]);
      expect((await miss()).stamp).not.toBe(before.stamp);
    });

    it("stores only strong reads while a replica may lag", async () => {
      await world.tier.invalidate(itemTag);
      world.passMs(settleMs - 1);
      const lease = await miss();
      expect(lease.unsettled).toBe(true);
      expect(await lease.fill(entryOf("perhaps old"), false)).toBe("unsettled");
      expect(await lease.fill(entryOf("new"), true)).toBe("stored");
      expect(await shown()).toBe("new");
      world.passMs(1);
      expect((await miss({}, "b")).unsettled).toBe(false);
    });

    it("stores nothing while a write may land, and nothing that was read then", async () => {
      await world.tier.invalidate(itemTag, 500);
      const lease = await miss();
      expect(lease.unsettled).toBe(true);
      expect(await lease.fill(entryOf("perhaps old"), true)).toBe("unsettled");
      const image = world.tier.imageLease(key("a"), tags, true);
      await world.tier.invalidate(itemTag);
      expect(await image.store(entryOf("perhaps old"), itemTag)).toBe("unsettled");
      const late = await miss();
      // 1 a strong read sees the old item · 2 the write lands · 3 it can land no more · 4 the read comes home
      world.passMs(500);
      expect(await late.fill(entryOf("old"), true)).toBe("stale_lease");
      expect((await miss()).stamp).not.toBe(late.stamp);
      expect((await miss()).unsettled).toBe(true);
      world.passMs(settleMs);
      expect((await miss()).unsettled).toBe(false);
    });

    it("writes an image through if its own change was the only one", async () => {
      const image = world.tier.imageLease(key("a"), tags, true);
      await world.tier.invalidate(itemTag);
      expect(await image.store(entryOf("mine"), itemTag)).toBe("stored");
      expect(await shown()).toBe("mine");
    });

    it("writes no image through if another change came between", async () => {
      // 1 A and B are sent · 2 B commits · 3 A commits · 4 A is answered · 5 B is answered: the item is A
      const [a, b] = [
        world.tier.imageLease(key("a"), tags, true),
        world.tier.imageLease(key("a"), tags, true),
      ];
      await world.tier.invalidate(itemTag);
      expect(await a.store(entryOf("A"), itemTag)).toBe("stored");
      await world.tier.invalidate(itemTag);
      expect(await b.store(entryOf("B"), itemTag)).toBe("stale_lease");
      expect(await shown()).toBeUndefined();
    });

    it("keeps a confirmed entry, and lets what is in flight die", async () => {
      await (await miss()).fill(entryOf("same"), false);
      const flying = await miss({ ageMsMax: 0 });
      expect(world.tier.confirm(key("a"), tags, says("same"), itemTag)).toBe(true);
      expect(await shown()).toBe("same");
      expect(await flying.fill(entryOf("older"), true)).toBe("stale_lease");
      expect((await miss({ ageMsMax: 0 })).unsettled).toBe(true);
    });

    it("confirms neither other bytes nor what is no longer there", async () => {
      await (await miss()).fill(entryOf("same"), false);
      expect(world.tier.confirm(key("a"), tags, says("other"), itemTag)).toBe(false);
      expect(await shown()).toBe("same");
      await world.tier.invalidate(itemTag);
      expect(world.tier.confirm(key("a"), tags, says("same"), itemTag)).toBe(false);
      expect(world.tier.confirm(key("b"), tags, says("same"), itemTag)).toBe(false);
    });

    it("keeps to the ages that the caller allows, counted from the start of the read", async () => {
      const readAtMs = world.nowMs();
      const lease = await miss();
      world.passMs(300);
      await lease.fill({ ...entryOf("item"), readAtMs }, false);
      expect(await shown({ ageMsMax: 301 })).toBe("item");
      expect(await shown({ ageMsMax: 300 })).toBeUndefined();
      // Too old for one caller is not too old for the next.
      expect(await shown()).toBe("item");
      world.passMs(options.ageMsMax - 300);
      expect(await shown()).toBeUndefined();
    });

    it("has a lifetime of its own for entries that say 'there is none'", async () => {
      await (await miss()).fill(entryOf("{}", true), false);
      world.passMs(options.negativeAgeMsMax - 1);
      expect(await shown()).toBe("{}");
      world.passMs(1);
      expect(await shown()).toBeUndefined();
    });
  });
}

/** Whether an entry says this. */
function says(text: string): (entry: CacheEntry) => boolean {
  return ({ body }) => Buffer.from(body).toString() === text;
}
