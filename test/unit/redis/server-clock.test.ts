/** Bounds of another server's clock: always around the truth, and a clock that was set is noticed. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ServerClock } from "../../../src/redis/server-clock.ts";

describe("the server's clock", () => {
  it("knows nothing before the first sample, and nothing of another server", () => {
    const clock = new ServerClock();
    expect([clock.earliestMs(5), clock.latestMs(5)]).toEqual([-Infinity, Infinity]);
    expect(clock.sample(1_000, 10, 20)).toBe(true);
    clock.forget();
    expect([clock.earliestMs(5), clock.latestMs(5)]).toEqual([-Infinity, Infinity]);
    expect(clock.sample(9_000_000, 30, 40)).toBe(true);
  });

  it("bounds the server's time however long its answers take and whichever way it drifts", () => {
    const step = fc.record({
      pauseMs: fc.integer({ min: 0, max: 5_000 }),
      thereMs: fc.integer({ min: 0, max: 500 }),
      backMs: fc.integer({ min: 0, max: 500 }),
    });
    const steps = fc.array(step, { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(steps, fc.integer({ min: -450, max: 450 }), (all, partsPerMillion) => {
        const clock = new ServerClock();
        let localMs = 1_000;
        const serverMs = (at: number) => 5_000_000 + at * (1 + partsPerMillion / 1e6);
        for (const { pauseMs, thereMs, backMs } of all) {
          localMs += pauseMs;
          const askedAtMs = localMs;
          localMs += thereMs;
          const answer = serverMs(localMs);
          localMs += backMs;
          if (!clock.sample(answer, askedAtMs, localMs)) return false;
          for (const at of [localMs, localMs + 700]) {
            if (clock.earliestMs(at) > serverMs(at) || clock.latestMs(at) < serverMs(at)) return false;
          }
        }
        return true;
      }),
    );
  });

  it("notices a clock that was set back or forward, and goes on from there", () => {
    for (const jumpMs of [-50, 50]) {
      const clock = new ServerClock();
      clock.sample(10_000, 100, 101);
      expect(clock.sample(11_000, 1_100, 1_101)).toBe(true);
      expect(clock.sample(12_000 + jumpMs, 2_100, 2_101)).toBe(false);
      expect(clock.latestMs(2_101)).toBeLessThan(12_002 + jumpMs);
      expect(clock.earliestMs(2_101)).toBeGreaterThan(11_999 + jumpMs);
      expect(clock.sample(13_000 + jumpMs, 3_100, 3_101)).toBe(true);
    }
  });
});
