/**
 * The simulation's own test: every part of the rule that is left out must be noticed, by a broken promise.
 */

import { describe, expect, it } from "vitest";
import { mutants } from "./mutants.ts";
import { runSeed } from "./run.ts";

const seeds = Number(process.env.SIM_MUTANT_SEEDS ?? 600);

describe("a mutant of the coherence rule", () => {
  it.each(mutants)("is killed: $name", { timeout: 300_000 }, async (mutant) => {
    let killedBy: number | undefined;
    for (let seed = 1; seed <= seeds && killedBy === undefined; seed += 1) {
      const { violation } = await runSeed(seed, mutant);
      if (violation) killedBy = seed;
    }
    if (killedBy === undefined) return expect.fail(`it survived ${seeds} seeds`);
    const { name, focus } = mutant;
    const { violation } = await runSeed(killedBy, { name: `control for ${name}`, ...(focus && { focus }) });
    expect(violation?.message, "the real parts in the same run").toBeUndefined();
  });
});
