/**
 * The coherence rule (docs/CONSISTENCY.md), simulated with the real cache and the real request path. The
 * number of seeds is SIM_SEEDS; SIM_SEED=n repeats one run and prints its steps.
 */

import { describe, expect, it } from "vitest";
import { addUp, runSeed, trace } from "./run.ts";
import type { Tally } from "./tally.ts";
import { World } from "./world.ts";

const seeds = Number(process.env.SIM_SEEDS ?? 1500);
const only = process.env.SIM_SEED;

describe("one node over a DynamoDB that lags, loses and refuses", () => {
  it.runIf(only)("repeats one seed", async () => {
    console.log(await trace(Number(only)));
    expect((await runSeed(Number(only))).violation?.message).toBeUndefined();
  });

  it.skipIf(only)(`never shows less than it promises (${seeds} seeds)`, { timeout: 1_200_000 }, async () => {
    const sum: Tally = { calls: 0, reads: 0, hits: 0, shared: 0, checked: 0, errors: 0, atRest: 0 };
    const from = Number(process.env.SIM_FROM ?? 1);
    for (let seed = from; seed < from + seeds; seed += 1) {
      const { tally, violation } = await runSeed(seed);
      if (violation) expect.fail(await trace(seed));
      addUp(sum, tally);
    }
    const share = (count: number) => `${((100 * count) / sum.reads).toFixed(1)} %`;
    console.log(`simulation: ${seeds} seeds, ${sum.calls} calls, ${sum.checked} answers checked,`);
    console.log(`of ${sum.reads} cacheable reads ${share(sum.hits)} hits and ${share(sum.shared)} shared`);
    // A cache that never answers is never wrong: it has to answer.
    expect(sum.hits / sum.reads).toBeGreaterThan(0.15);
    expect(sum.shared / sum.reads).toBeGreaterThan(0.1);
    expect(sum.errors / sum.calls).toBeLessThan(0.15);
  });

  it.skipIf(only)("does the same again for the same seed", async () => {
    const steps = async () => {
      const world = new World(7, 400, undefined, true);
      await world.run();
      return world.trace.lines;
    };
    const [first, second] = [await steps(), await steps()];
    expect(first.length).toBeGreaterThan(1000);
    expect(second).toEqual(first);
  });
});
