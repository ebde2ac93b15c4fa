/** Stamps only grow, at every event; colliding tags cost misses and never hide a change. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashOf, VersionClock } from "../../../src/cache/coherence.ts";
import type { Tag } from "../../../src/cache/tier.ts";

const tag = (name: string) => name as Tag;
const [a, b, c] = [tag("a"), tag("b"), tag("c")];

function start(slots = 1024) {
  const time = { ms: 1_000 };
  return { time, clock: new VersionClock({ clock: { nowMs: () => time.ms }, slots }) };
}

describe("VersionClock", () => {
  it("moves a stamp at each change of one of its tags, and at no other", () => {
    const { clock } = start();
    const before = clock.stamp([a, b]);
    clock.bump([c]);
    expect(clock.stamp([a, b])).toBe(before);
    clock.bump([b]);
    expect(clock.stamp([a, b])).toBeGreaterThan(before);
  });

  it("counts the end of a pending time as one more change", () => {
    const { clock, time } = start();
    const stamps = [clock.stamp([a])];
    clock.bump([a], 100);
    stamps.push(clock.stamp([a]));
    time.ms += 99;
    expect(clock.stamp([a])).toBe(stamps[1]);
    expect(clock.pending([a])).toBe(true);
    time.ms += 1;
    stamps.push(clock.stamp([a]));
    expect(clock.pending([a])).toBe(false);
    expect(stamps).toEqual([...new Set(stamps)].sort((x, y) => x - y));
    expect(stamps).toHaveLength(3);
  });

  it("does not shorten a pending time by a later change that is over", () => {
    const { clock, time } = start();
    clock.bump([a], 100);
    clock.bump([a]);
    clock.bump([a], 10);
    time.ms += 99;
    expect(clock.pending([a])).toBe(true);
  });

  it("is unsettled for the settle time after a change, and after the end of a pending time", () => {
    const { clock, time } = start();
    expect(clock.unsettled([a], 50)).toBe(false);
    clock.bump([a], 100);
    time.ms += 149;
    expect(clock.unsettled([a], 50)).toBe(true);
    time.ms += 1;
    expect(clock.unsettled([a], 50)).toBe(false);
    expect(clock.unsettled([a], 51)).toBe(true);
  });

  it("says how much a bump moves a stamp, collisions and repetitions included", () => {
    for (const slots of [1, 2, 1024]) {
      const { clock } = start(slots);
      const before = clock.stamp([a, b]);
      const bumped = [a, c, a];
      clock.bump(bumped);
      expect(clock.stamp([a, b]) - before).toBe(clock.stepOf(bumped, [a, b]));
    }
  });

  it("never gives one stamp twice when anything happened to its tags in between", () => {
    const event = fc.record({
      waitMs: fc.nat(40),
      tag: fc.constantFrom(a, b, c),
      pendingForMs: fc.constantFrom(0, 0, 15, 60),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), fc.constantFrom(1, 2, 1024), (events, slots) => {
        const { clock, time } = start(slots);
        const watched = [a, b];
        let last = clock.stamp(watched);
        const ends = new Map<Tag, number>();
        for (const { waitMs, tag: changed, pendingForMs } of events) {
          const ended = watched.some(
            (one) => (ends.get(one) ?? 0) > time.ms && (ends.get(one) ?? 0) <= time.ms + waitMs,
          );
          time.ms += waitMs;
          clock.bump([changed], pendingForMs);
          ends.set(changed, Math.max(ends.get(changed) ?? 0, time.ms + pendingForMs));
          const stamp = clock.stamp(watched);
          if (ended || watched.includes(changed)) expect(stamp).toBeGreaterThan(last);
          else expect(stamp).toBeGreaterThanOrEqual(last);
          last = stamp;
        }
      }),
      { numRuns: 500 },
    );
  });

  it("wants a power of two", () => {
    for (const slots of [0, 3, 1000]) expect(() => start(slots)).toThrow(RangeError);
  });
});

describe("a tag's 32 bits", () => {
  it("are what nodes of this version of the messages understand", () => {
    // Another figure here means that nodes of two releases would not hear of each other's changes: VERSION in peer-message.ts.
    expect(["", "a", "ab", "abc", "item\0T\0Zoë", "everything"].map((tag) => hashOf(tag as Tag))).toEqual([
      3_375_458_575, 1_990_024_659, 1_536_610_379, 3_448_098_124, 861_739_372, 4_052_170_647,
    ]);
  });

  it("differ as chance has it, for tags that are alike but for a few characters, wherever these stand", () => {
    const table = "arn:aws:dynamodb:eu-central-1:123456789012:table/orders";
    const numbers = Array.from({ length: 20_000 }, (_, n) => n);
    for (const tags of [
      numbers.map((n) => `item\0${table}\0S:customer#${n}\0N:1`),
      numbers.map((n) => `item\0${table}\0N:${n}\0S:a long sort key that is always the same`),
      numbers.map((n) => `${n}\0${table}`),
    ]) {
      const slots = new Set(tags.map((tag) => hashOf(tag as Tag) & (2 ** 20 - 1)));
      // 20,000 in 2^20 slots: 191 collisions are expected, give or take 14.
      expect(tags.length - slots.size).toBeLessThan(191 + 6 * 14);
    }
  });
});
