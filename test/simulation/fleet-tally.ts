/** What a run of several nodes has counted. */

import type { Tally } from "./tally.ts";

export interface FleetTally extends Tally {
  /** Hits in the shared store. */
  far: number;
  crashes: number;
  faults: number;
  refused: number;
  /** Reads, and those whose node had a sign of the stream. */
  asked: number;
  followed: number;
}

export const noTally: FleetTally = {
  ...{ calls: 0, reads: 0, hits: 0, shared: 0, checked: 0, errors: 0, atRest: 0 },
  ...{ far: 0, crashes: 0, faults: 0, refused: 0, asked: 0, followed: 0 },
};
