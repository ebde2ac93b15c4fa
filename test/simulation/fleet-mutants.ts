/**
 * Each part of how several nodes keep the rule left out or done wrong, one at a time: the simulation must notice every
 * one. The rows are those of the two tables that a first model of the design gave, and what that model left out.
 */

import type { Regime } from "./fleet-circumstances.ts";
import type { FleetMutant } from "./fleet-mutant.ts";
import { guardedMutants } from "./fleet-mutants-guarded.ts";
import { plainMutants } from "./fleet-mutants-plain.ts";
import { streamedMutants } from "./fleet-mutants-streamed.ts";

export interface RegimeMutant extends FleetMutant {
  readonly regime: Regime;
}

export const fleetMutants: readonly RegimeMutant[] = [
  ...streamedMutants.map((mutant) => ({ ...mutant, regime: "streamed" as const })),
  ...plainMutants.map((mutant) => ({ ...mutant, regime: "plain" as const })),
  ...guardedMutants.map((mutant) => ({ ...mutant, regime: "guarded" as const })),
];
