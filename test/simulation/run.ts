/** Runs seeds, and says of a failure what a person needs to see it again. */

import type { Mutant } from "./mutant.ts";
import { Violation } from "./violation.ts";
import { type Tally, World } from "./world.ts";

export interface Outcome {
  readonly tally: Tally;
  readonly violation: Violation | undefined;
}

const operations = Number(process.env.SIM_OPERATIONS ?? 400);
const traceLinesMax = 150;

/** One run. Anything thrown in it but a Violation is a bug of the simulation or of the code under test. */
export async function runSeed(seed: number, mutant?: Mutant): Promise<Outcome> {
  const world = new World(seed, operations, mutant, false);
  const violation = await violationOf(world);
  // Between runs the event loop has its turn, which it does not get within one.
  await new Promise((resolve) => setImmediate(resolve));
  return { tally: world.tally, violation };
}

/** The same run once more, with every step on record. */
export async function trace(seed: number): Promise<string> {
  const world = new World(seed, operations, undefined, true);
  const violation = await violationOf(world);
  const lines = world.trace.lines;
  const left = Math.max(0, lines.length - traceLinesMax);
  return [
    `seed ${seed}: ${violation?.message ?? "no violation"}`,
    `to repeat: SIM_SEED=${seed} npx vitest run test/simulation/coherence.test.ts`,
    ...lines.slice(0, 1),
    ...(left > 0 ? [`… ${left} steps …`] : []),
    ...lines.slice(Math.max(1, left)),
  ].join("\n");
}

async function violationOf(world: World): Promise<Violation | undefined> {
  try {
    await world.run();
    return undefined;
  } catch (error) {
    if (error instanceof Violation) return error;
    throw error;
  }
}

/** The sum of several runs' tallies. */
export function addUp(sum: Tally, one: Tally): Tally {
  const names = Object.keys(sum) as (keyof Tally)[];
  for (const name of names) sum[name] += one[name];
  return sum;
}
