/** Runs seeds, and says of a failure what a person needs to see it again. */

import type { StreamMutant } from "./stream-mutant.ts";
import type { StreamTally } from "./stream-side.ts";
import type { Tally } from "./tally.ts";
import { Violation } from "./violation.ts";
import { World } from "./world.ts";

export interface Outcome {
  readonly tally: Tally;
  readonly streams: StreamTally | undefined;
  readonly violation: Violation | undefined;
}

const operations = Number(process.env.SIM_OPERATIONS ?? 400);
const streamOperations = Number(process.env.SIM_OPERATIONS ?? 200);
const traceLinesMax = Number(process.env.SIM_LINES ?? 150);

/** One run. Anything thrown in it but a Violation is a bug of the simulation or of the code under test. */
export async function runSeed(seed: number, mutant?: StreamMutant, streamed = false): Promise<Outcome> {
  const world = new World(seed, streamed ? streamOperations : operations, mutant, false, streamed);
  const violation = await violationOf(world);
  // Between runs the event loop has its turn, which it does not get within one.
  await new Promise((resolve) => setImmediate(resolve));
  return { tally: world.tally, streams: world.streams?.tally, violation };
}

/** The same run once more, with every step on record. */
export async function trace(seed: number, streamed = false): Promise<string> {
  const world = new World(seed, streamed ? streamOperations : operations, undefined, true, streamed);
  const violation = await violationOf(world);
  const lines = world.trace.lines;
  const left = Math.max(0, lines.length - traceLinesMax);
  return [
    `seed ${seed}: ${violation?.message ?? "no violation"}`,
    `to repeat: SIM_SEED=${seed} npx vitest run test/simulation/${streamed ? "streams" : "coherence"}.test.ts`,
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
export function addUp<Sum extends { [Name in keyof Sum]: number }>(sum: Sum, one: Sum): Sum {
  // The codec edge: Object.keys forgets the names, and a number added is a number still.
  for (const name of Object.keys(sum) as (keyof Sum)[]) sum[name] = (sum[name] + one[name]) as Sum[keyof Sum];
  return sum;
}
