/** The fleet simulation's own test: every part that is left out must be noticed. */

import { describe, expect, it } from "vitest";
import { fleetMutants } from "./fleet-mutants.ts";
import { runFleet } from "./fleet-run.ts";

const seeds = Number(process.env.SIM_MUTANT_SEEDS ?? 1000);

describe("a mutant of several nodes", () => {
  it.each(fleetMutants)("is killed: $name", { timeout: 300_000 }, async (mutant) => {
    const { name, regime, focus, fleetFocus, streamFocus } = mutant;
    let killedBy: number | undefined;
    for (let seed = 1; seed <= seeds && killedBy === undefined; seed += 1) {
      const { violation } = await runFleet(seed, regime, mutant);
      if (violation) killedBy = seed;
    }
    if (killedBy === undefined) return expect.fail(`it survived ${seeds} seeds`);
    const control = {
      name: `control for ${name}`,
      ...(focus && { focus }),
      ...(fleetFocus && { fleetFocus }),
      ...(streamFocus && { streamFocus }),
    };
    const { violation } = await runFleet(killedBy, regime, control);
    expect(violation?.message, "the real parts in the same run").toBeUndefined();
  });
});
