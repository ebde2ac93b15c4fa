/** Runs seeds of a fleet, and says of a failure what a person needs to see it again. */

import type { Regime } from "./fleet-circumstances.ts";
import type { FleetMutant } from "./fleet-mutant.ts";
import type { FleetTally } from "./fleet-tally.ts";
import { FleetWorld } from "./fleet-world.ts";
import { Violation } from "./violation.ts";

export interface FleetOutcome {
  readonly tally: FleetTally;
  readonly violation: Violation | undefined;
}

const operations = Number(process.env.SIM_OPERATIONS ?? 60);
const traceLinesMax = Number(process.env.SIM_LINES ?? 150);

/** One run. Anything thrown in it but a Violation is a bug of the simulation or of the code under test. */
export async function runFleet(seed: number, regime: Regime, mutant?: FleetMutant): Promise<FleetOutcome> {
  const world = new FleetWorld(seed, operations, regime, mutant, false);
  const violation = await violationOf(world);
  // Between runs the event loop has its turn, which it does not get within one.
  await new Promise((resolve) => setImmediate(resolve));
  return { tally: world.tally, violation };
}

/** The same run once more, with every step on record. */
export async function traceFleet(seed: number, regime: Regime, mutant?: FleetMutant): Promise<string> {
  const world = new FleetWorld(seed, operations, regime, mutant, true);
  const violation = await violationOf(world);
  const { lines } = world.trace;
  const left = Math.max(0, lines.length - traceLinesMax);
  return [
    `seed ${seed} (${regime}): ${violation?.message ?? "no violation"}`,
    `to repeat: SIM_SEED=${seed} SIM_REGIME=${regime} npx vitest run test/simulation/fleet.test.ts`,
    ...lines.slice(0, 1),
    ...(left > 0 ? [`… ${left} steps …`] : []),
    ...lines.slice(Math.max(1, left)),
  ].join("\n");
}

async function violationOf(world: FleetWorld): Promise<Violation | undefined> {
  try {
    await world.run();
    return undefined;
  } catch (error) {
    if (error instanceof Violation) return error;
    throw error;
  }
}
