/** Under what circumstances one run of several nodes takes place; all of it follows from the seed. */

import { type Circumstances, circumstances } from "./circumstances.ts";
import type { Random } from "./random.ts";

/**
 * What tells others of a write whose node dies: the tables' streams; marks, without which nothing is written; or nothing,
 * and then only what a client was told of has to be seen.
 */
export type Regime = "streamed" | "guarded" | "plain";

export interface FleetCircumstances {
  readonly nodes: number;
  /** Worker threads of each. */
  readonly threads: number;
  /** Whether threads of one node may stand on different sides of a failover. */
  readonly threadsApart: boolean;
  /** Whether a node may go on with a demoted master other than that of the log, whose heartbeats say nothing of it. */
  readonly shardsApart: boolean;
  readonly masters: number;
  readonly replicas: boolean;
  readonly replicaLagMs: number;
  readonly evicts: boolean;
  readonly logMessagesMax: number;
  /** One way between a node and a server; a share of requests is slow. */
  readonly storeDelayMs: number;
  readonly storeSlow: number;
  readonly storeSlowMs: number;
  /** How late the log answers at most. */
  readonly logDelayMs: number;
  /** Share of requests whose commands arrive one by one. */
  readonly splits: number;
  readonly lookupTimeoutMs: number;
  readonly invalidateTimeoutMs: number;
  readonly timeoutsMax: number;
  readonly freshWithinMs: number;
  readonly degradedMaxAgeMs: number;
  readonly heartbeatMs: number;
  /** Of the leader of a stream. */
  readonly leaseMs: number;
  readonly queuedTagsMax: number;
  /** By how much clocks differ at most, and how fast they part. */
  readonly skewMs: number;
  readonly drift: number;
  readonly pausedMsMax: number;
  readonly cutMsMax: number;
  /** What happens beside the clients' calls, as shares of these. */
  readonly events: Readonly<Record<FleetEvent, number>>;
}

export type FleetEvent =
  | "crash"
  | "pause"
  | "cut"
  | "cutBriefly"
  | "lag"
  | "failover"
  | "restart"
  | "flush"
  | "evict"
  | "evictLog"
  | "trim"
  | "full"
  | "cutReplica"
  | "setClock"
  | "race"
  | "watch"
  | "split"
  | "stall"
  | "none";

export const noEvents: Readonly<Record<FleetEvent, number>> = {
  ...{ crash: 0, pause: 0, cut: 0, cutBriefly: 0, lag: 0, failover: 0, restart: 0, flush: 0, evict: 0 },
  ...{
    evictLog: 0,
    trim: 0,
    full: 0,
    cutReplica: 0,
    setClock: 0,
    race: 0,
    watch: 0,
    split: 0,
    stall: 0,
    none: 1,
  },
};

/** What the nodes and DynamoDB are like. */
export function underFleet(random: Random, operations: number, regime: Regime): Circumstances {
  const base = circumstances(random, operations);
  const faulty = random.chance(regime === "streamed" ? 0.5 : 0.8);
  const forever = 1e9;
  return {
    ...base,
    ...{ schema: 0, tablesMax: 10, keys: random.pick([1, 2, 3]), pauseMs: random.pick([2, 5, 10]) },
    ...{ settleMs: random.pick([10, 25]), indexSettleMs: random.pick([15, 40]) },
    ...{ deadlineMs: random.pick([80, 150]), unknownOutcomeMs: random.pick([30, 60]) },
    ...{ slots: random.pick([16, 1024, 1024, 1024]), bytesMax: random.pick([3_000, 1_000_000, 1_000_000]) },
    ...{ slow: random.pick([0.02, 0.1, 0.3]), slowMs: random.pick([20, 60, 100]) },
    foreign: regime === "streamed" ? random.pick([0.03, 0.12]) : 0,
    faults: {
      write: faulty ? random.pick([0.1, 0.3]) : 0,
      ...{ read: faulty ? random.pick([0, 0.05]) : 0, strong: 0, describe: 0 },
    },
    rule: {
      ...base.rule,
      ...{ cache: "on", itemTtlMs: forever, queryTtlMs: forever, negativeTtlMs: forever },
      queryCoherence: "tags",
    },
  };
}

export function fleetCircumstances(random: Random, regime: Regime): FleetCircumstances {
  const rarely = (share: number) => (random.chance(0.4) ? share : 0);
  const replicas = random.chance(0.6);
  return {
    nodes: random.pick([2, 2, 3, 4]),
    threads: random.pick([1, 1, 2]),
    threadsApart: true,
    shardsApart: false,
    masters: random.pick([1, 1, 3]),
    ...{ replicas, replicaLagMs: random.pick([1, 5]) },
    evicts: random.chance(0.4),
    logMessagesMax: random.pick([20, 1_000]),
    storeDelayMs: random.pick([1, 3]),
    ...{ storeSlow: random.pick([0, 0, 0.02]), storeSlowMs: 60, splits: random.pick([0, 0.3]) },
    logDelayMs: random.pick([0, 0, 25]),
    ...{ lookupTimeoutMs: 15, invalidateTimeoutMs: 25, timeoutsMax: random.pick([1, 3]) },
    // Signs of a stream come less often than heartbeats.
    freshWithinMs: random.pick(regime === "streamed" ? [100, 200] : [50, 100]),
    leaseMs: random.pick([40, 80]),
    // A fraction, so that it is told from a caller's own wish.
    degradedMaxAgeMs: random.pick([0, 10.5, 20.5]),
    heartbeatMs: random.pick([10, 20]),
    queuedTagsMax: random.pick([3, 1_000]),
    ...{ skewMs: random.pick([0, 20, 5_000]), drift: random.pick([0, 1e-4]) },
    pausedMsMax: random.pick([50, 400]),
    cutMsMax: random.pick([40, 300]),
    events: {
      ...{ crash: rarely(0.02), pause: rarely(0.02), cut: rarely(0.02), cutBriefly: rarely(0.03) },
      ...{ lag: rarely(0.02), failover: rarely(0.015), restart: rarely(0.01), flush: rarely(0.005) },
      ...{ evict: rarely(0.1), evictLog: rarely(0.005), trim: rarely(0.01), full: rarely(0.01) },
      ...{
        cutReplica: rarely(0.01),
        setClock: rarely(0.003),
        race: rarely(0.05),
        watch: rarely(0.02),
        none: 1,
      },
      ...{ split: rarely(0.01), stall: rarely(0.01) },
    },
  };
}
