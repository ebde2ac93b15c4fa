/** How old an answer of one node may be with regard to everybody's writes (docs/CONSISTENCY.md, items 2 and 3). */

import type { Around } from "./checker.ts";
import type { Circumstances } from "./circumstances.ts";
import type { FleetCircumstances, Regime } from "./fleet-circumstances.ts";
import type { FleetSlot } from "./fleet-slot.ts";
import type { FleetTally } from "./fleet-tally.ts";
import { globalIndex } from "./model-table.ts";
import type { StreamCircumstances } from "./stream-circumstances.ts";
import type { Ask } from "./workload.ts";

const names = ["t", "u"];

export interface BoundsParts {
  readonly regime: Regime;
  readonly circumstances: Circumstances;
  readonly fleet: FleetCircumstances;
  readonly streamed: StreamCircumstances;
  readonly tally: FleetTally;
}

export class FleetBounds {
  readonly #parts: BoundsParts;

  constructor(parts: BoundsParts) {
    this.#parts = parts;
  }

  /** What every node must show of everybody's writes (contract items 2 and 3), as this node stands now. */
  around(ask: Ask, slot: FleetSlot): Around {
    const { deadlineMs, unknownOutcomeMs, settleMs, indexSettleMs } = this.#parts.circumstances;
    const isIndex = ask.input.IndexName === globalIndex;
    if (this.#parts.regime === "plain") return new Map();
    if (this.#parts.regime === "guarded") {
      // Until then the writer may not know that its write has landed; its marks stand.
      const ms =
        this.spreadMs(isIndex) + deadlineMs + unknownOutcomeMs + this.#parts.fleet.invalidateTimeoutMs;
      return new Map(names.map((name) => [name, ms]));
    }
    const { freshWithinMs, degradedMaxAgeMs } = this.#parts.fleet;
    const lagMs = isIndex ? indexSettleMs : settleMs;
    const ms = Math.max(freshWithinMs + this.#parts.streamed.lagMs, degradedMaxAgeMs + lagMs) + 1;
    const isFollowed = (name: string) => slot.node.freshness.lagMs(tableId(name)) !== undefined;
    this.#parts.tally.asked += 1;
    if (isFollowed("t")) this.#parts.tally.followed += 1;
    return new Map(names.filter(isFollowed).map((name) => [name, ms]));
  }

  /** How long what was told may take to be seen everywhere. */
  spreadMs(isIndex: boolean): number {
    const { settleMs, indexSettleMs } = this.#parts.circumstances;
    const { freshWithinMs, degradedMaxAgeMs } = this.#parts.fleet;
    return Math.max(freshWithinMs, degradedMaxAgeMs + (isIndex ? indexSettleMs : settleMs)) + 1;
  }
}

function tableId(name: string): string {
  return `arn:aws:dynamodb:eu-central-1:000000000000:table/${name}`;
}
