/** Mutants of several nodes where the tables' streams are followed. */

import type { ChangeSink } from "../../src/invalidation/change-source.ts";
import { noEvents } from "./fleet-circumstances.ts";
import { busy, calm, crashes, cuts, quick, races, tiny } from "./fleet-focus.ts";
import type { FleetMutant } from "./fleet-mutant.ts";
import { DenseLog, EnsureLate, StatesTold, TokensIgnored } from "./fleet-mutant-stores.ts";
import {
  gateAgeMs,
  IgnoreStrongReplies,
  NeverUnsettled,
  ServeUnchecked,
  ShareBeyondGate,
  ShareUnchecked,
  StoreUnchecked,
  WithoutTags,
  WriteThroughUnchecked,
} from "./fleet-mutant-tiers.ts";

const applyLater = (real: ChangeSink): ChangeSink => ({
  apply: async (record) => {
    setTimeout(() => void Promise.resolve(real.apply(record)).catch(() => {}), 30);
  },
  flush: (reason) => real.flush(reason),
});

export const streamedMutants: readonly FleetMutant[] = [
  { name: "no check on serve", outer: (real, parts) => new ServeUnchecked(real, parts) },
  { name: "no check of tokens on serve", store: (real) => new TokensIgnored(real, () => true) },
  { name: "partition tag not told", outer: (real, parts) => new WithoutTags(real, parts, "part") },
  { name: "no freshness gate", freshness: () => ({ ageMsMax: () => Number.POSITIVE_INFINITY }) },
  {
    name: "freshness gate not applied to flights",
    focus: {
      slow: 0.9,
      slowMs: 300,
      deadlineMs: 600,
      keys: 1,
      foreign: 0.3,
      settleMs: 10,
      indexSettleMs: 15,
      pauseMs: 8,
    },
    fleetFocus: {
      ...quick,
      nodes: 2,
      freshWithinMs: 40,
      degradedMaxAgeMs: gateAgeMs,
      events: { ...noEvents, cut: 0.05, stall: 0.05 },
    },
    streamFocus: { lagMs: 0 },
    flights: (options) => new ShareBeyondGate(options),
  },
  {
    name: "absent tags not created before the read",
    focus: tiny,
    fleetFocus: races,
    store: (real) => new EnsureLate(real),
  },
  { name: "no replay", fleetFocus: cuts, busStore: (real) => new DenseLog(real, true) },
  {
    name: "no gap or id detection",
    fleetFocus: {
      ...quick,
      events: { ...noEvents, trim: 0.1, cutBriefly: 0.05, evictLog: 0.05, restart: 0.03, pause: 0.05 },
    },
    hello: { none: true, noLog: true },
    busStore: (real) => new DenseLog(real, false),
  },
  { name: "no check on store", focus: busy, outer: (real, parts) => new StoreUnchecked(real, parts) },
  { name: "no check on share", focus: busy, flights: (options) => new ShareUnchecked(options) },
  {
    name: "write-through without 'exactly one'",
    fleetFocus: races,
    outer: (real, parts) => new WriteThroughUnchecked(real, parts),
  },
  {
    name: "no settle window",
    versions: (options) => new NeverUnsettled(options),
    store: (real) => new StatesTold(real, (state) => ({ ...state, changedAtMs: 0 })),
  },
  {
    name: "only the shared store's settle window",
    fleetFocus: cuts,
    versions: (options) => new NeverUnsettled(options),
  },
  {
    name: "strong replies not treated as changes",
    focus: busy,
    outer: (real, parts) => new IgnoreStrongReplies(real, parts),
  },
  {
    name: "position saved before application",
    focus: { ...calm, foreign: 0.3 },
    fleetFocus: { ...crashes, nodes: 2, leaseMs: 40, freshWithinMs: 100 },
    streamFocus: { faults: 0, sinkFaults: 0, lagMs: 0, retentionMs: 5_000, trimAfterMs: 6_000, calm: true },
    sink: applyLater,
  },
];
