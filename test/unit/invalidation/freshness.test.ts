// How old a hit may be, by what was last heard: of the table's stream, and of other nodes.

import { describe, expect, it } from "vitest";
import { Freshness } from "../../../src/invalidation/freshness.ts";

const unbounded = Number.POSITIVE_INFINITY;

function gate(options: { bus?: boolean; lagMsMax?: number; required?: boolean } = {}) {
  let nowMs = 100_000;
  const freshness = new Freshness({
    ...{ clock: { nowMs: () => nowMs }, freshWithinMs: 2_000, degradedMaxAgeMs: 700 },
    ...{ lagMsMax: 0, required: false, ...options },
  });
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { freshness, now: () => nowMs, pass };
}

describe("the gate of the bus", () => {
  it("is not there without other nodes", () => {
    const { freshness, pass } = gate();
    pass(1e9);
    expect(freshness.ageMsMax("t")).toBe(unbounded);
    expect(freshness.busLagMs()).toBeUndefined();
  });

  it("is closed before the first sign, for every table", () => {
    const { freshness, now } = gate({ bus: true });
    expect(freshness.ageMsMax("t")).toBe(700);
    expect(freshness.busLagMs()).toBe(unbounded);
    freshness.set("t", { caughtUpAtMs: now() });
    expect(freshness.ageMsMax("t")).toBe(700);
  });

  it("closes when the signs stop, and opens with the next", () => {
    const { freshness, now, pass } = gate({ bus: true });
    freshness.setBus(now());
    expect(freshness.ageMsMax("t")).toBe(unbounded);
    pass(2_000);
    expect(freshness.ageMsMax("t")).toBe(unbounded);
    pass(1);
    expect(freshness.ageMsMax("t")).toBe(700);
    expect(freshness.busLagMs()).toBe(2_001);
    freshness.setBus(now() - 5);
    expect(freshness.ageMsMax("t")).toBe(unbounded);
  });

  it("never goes back", () => {
    const { freshness, now } = gate({ bus: true });
    freshness.setBus(now());
    freshness.setBus(now() - 50_000);
    freshness.setBus(Number.NEGATIVE_INFINITY);
    expect(freshness.busLagMs()).toBe(0);
  });

  it("leaves what the table's own gate says standing, where that is less", () => {
    const { freshness, now, pass } = gate({ bus: true, lagMsMax: 10_000, required: true });
    freshness.setBus(now());
    expect(freshness.ageMsMax("t")).toBe(0);
    freshness.set("t", { caughtUpAtMs: now() });
    expect(freshness.ageMsMax("t")).toBe(unbounded);
    pass(5_000);
    freshness.setBus(now());
    expect(freshness.ageMsMax("t")).toBe(700);
    freshness.set("t", { caughtUpAtMs: now() });
    pass(5_000);
    freshness.set("t", { caughtUpAtMs: now() });
    expect(freshness.ageMsMax("t")).toBe(700);
    pass(10_001);
    freshness.setBus(now());
    expect(freshness.ageMsMax("t")).toBe(0);
  });
});
