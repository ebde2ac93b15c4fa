/** Keys: what shares a slot, and that the slot is Redis Cluster's. */

import { expect, it } from "vitest";
import { Keys, SLOTS, slotOf } from "../../../src/redis/keys.ts";

it("computes the slots of Redis Cluster's specification", () => {
  expect(slotOf("123456789")).toBe(0x31c3);
  expect(slotOf("foo")).toBe(12_182);
  expect(slotOf("user1000")).toBe(3_443);
});

it("keeps an entry in the slot of its tag, and names short", () => {
  const keys = new Keys("p:");
  const tag = "x".repeat(10_000);
  const [one, two] = [keys.entry({ key: "a", tag }), keys.entry({ key: "b", tag })];
  expect([one.slot, two.slot]).toEqual([keys.tag(tag).slot, keys.tag(tag).slot]);
  expect(one.name).not.toBe(two.name);
  expect(one.name.length).toBeLessThan(60);
  expect(keys.lease("a").name).not.toBe(keys.checkpoint("a").name);
});

it("finds a name in every slot, so that each master can keep its ids", () => {
  const keys = new Keys("");
  for (const slot of [0, 1, 77, 8_191, SLOTS - 1]) {
    expect(keys.ids((one) => one === slot).slot).toBe(slot);
  }
});

it("refuses a prefix that would decide about slots", () => {
  expect(() => new Keys("a{b}")).toThrow(/braces/);
});
