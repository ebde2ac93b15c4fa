/** The streams simulation's own test: every part of the rule that is left out must be noticed. */

import { describe, expect, it } from "vitest";
import { runSeed } from "./run.ts";
import { streamMutants } from "./stream-mutants.ts";

const seeds = Number(process.env.SIM_MUTANT_SEEDS ?? 600);

describe("a mutant of following streams", () => {
  it.each(streamMutants)("is killed: $name", { timeout: 300_000 }, async (mutant) => {
    let killedBy: number | undefined;
    for (let seed = 1; seed <= seeds && killedBy === undefined; seed += 1) {
      const { violation } = await runSeed(seed, mutant, true);
      if (violation) killedBy = seed;
    }
    if (killedBy === undefined) return expect.fail(`it survived ${seeds} seeds`);
    const { name, focus, streamFocus } = mutant;
    const control = {
      name: `control for ${name}`,
      ...(focus && { focus }),
      ...(streamFocus && { streamFocus }),
    };
    const { violation } = await runSeed(killedBy, control, true);
    expect(violation?.message, "the real parts in the same run").toBeUndefined();
  });
});
