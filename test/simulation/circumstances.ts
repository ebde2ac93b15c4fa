/** Under what circumstances one run takes place; all of it follows from the seed. */

import type { ResolvedRule } from "../../src/config/table-rules.ts";
import type { Random } from "./random.ts";

export interface Circumstances {
  readonly operations: number;
  /** Replicas lag at most so long behind; the same for indexes. */
  readonly settleMs: number;
  readonly indexSettleMs: number;
  readonly unknownOutcomeMs: number;
  readonly deadlineMs: number;
  /** Mean time between two calls. */
  readonly pauseMs: number;
  readonly rule: ResolvedRule;
  readonly slots: number;
  readonly bytesMax: number;
  readonly tablesMax: number;
  readonly keys: number;
  /** Shares of calls that go wrong in one of these ways. */
  readonly faults: {
    readonly write: number;
    readonly read: number;
    readonly strong: number;
    readonly describe: number;
  };
  /** Share of calls that are slow, and how slow. */
  readonly slow: number;
  readonly slowMs: number;
  /** Share of calls that are writers who go around the proxy. */
  readonly foreign: number;
  /** Share of calls that change a table's schema. */
  readonly schema: number;
}

const forever = 1e9;

export function circumstances(random: Random, operations: number): Circumstances {
  const faulty = random.chance(0.6);
  const settleMs = random.pick([10, 25, 40]);
  return {
    operations,
    settleMs,
    indexSettleMs: random.pick([15, 40, 80]),
    unknownOutcomeMs: random.pick([40, 120, 300]),
    deadlineMs: random.pick([150, 400]),
    pauseMs: random.pick([1, 4, 10, 20]),
    rule: rule(random, settleMs),
    slots: random.pick([2, 16, 1024, 1024, 1024]),
    bytesMax: random.pick([2_000, 5_000, 1_000_000, 1_000_000]),
    tablesMax: random.pick([1, 10, 10, 10, 10, 10]),
    keys: random.pick([2, 4, 6]),
    faults: {
      write: faulty ? random.pick([0.03, 0.12, 0.3]) : 0,
      read: faulty ? random.pick([0, 0.05]) : 0,
      strong: faulty ? random.pick([0, 0, 0.3]) : 0,
      describe: faulty ? random.pick([0, 0.1]) : 0,
    },
    slow: random.pick([0.02, 0.1, 0.3]),
    slowMs: random.pick([40, 140, 180]),
    foreign: random.pick([0, 0, 0.03, 0.15]),
    schema: random.pick([0, 0, 0.005, 0.03]),
  };
}

function rule(random: Random, settleMs: number): ResolvedRule {
  return {
    cache: random.chance(0.04) ? "shadow" : "on",
    itemTtlMs: random.pick([forever, forever, forever, 200]),
    queryTtlMs: random.pick([forever, forever, forever, 150]),
    negativeTtlMs: random.pick([forever, forever, 60, 0]),
    queryCoherence: random.chance(0.05) ? "ttl" : "tags",
    settleMs,
    // Set by the world from the circumstances: a rule is what the proxy believes, they are what is so.
    indexSettleMs: 0,
    bypassProjections: false,
    match: undefined,
  };
}
