/** Mutants of several nodes where every write is guarded by marks, and no stream is followed. */

import { everythingTag } from "../../src/invalidation/tags.ts";
import { noEvents } from "./fleet-circumstances.ts";
import {
  busy,
  crashes,
  dying,
  failovers,
  forgetful,
  lost,
  noFaults,
  quick,
  races,
  slowly,
} from "./fleet-focus.ts";
import type { Contacted, FleetMutant } from "./fleet-mutant.ts";
import { BirthsUntold, StatesTold } from "./fleet-mutant-stores.ts";
import { NeverPending, StoreWhilePending } from "./fleet-mutant-tiers.ts";

const withoutRestore = async ({ cache, bus, renewed }: Contacted) => {
  cache.meet();
  if (renewed) {
    await cache.changes.send({ tags: [everythingTag], pendingForMs: 0 });
    await bus?.reposition();
  }
  await cache.changes.drain();
};

export const guardedMutants: readonly FleetMutant[] = [
  { name: "no guard", fleetFocus: crashes, focus: { ...busy, faults: noFaults }, guard: "after" },
  {
    name: "no guard, and stored during unknown outcomes",
    focus: { ...busy, faults: lost },
    guard: "after",
    outer: (real, parts) => new NeverPending(real, parts),
  },
  {
    name: "written anyway when the mark fails",
    focus: { ...busy, pauseMs: 10, faults: noFaults },
    fleetFocus: { ...quick, timeoutsMax: 1, cutMsMax: 300, events: { ...dying, cut: 0.1 } },
    guard: "before",
  },
  {
    name: "mark without a new token",
    focus: { ...slowly, bytesMax: 2_000 },
    fleetFocus: { ...crashes, storeDelayMs: 3 },
    storeFaults: { markKeepsToken: true },
  },
  {
    name: "one owner instead of the set",
    focus: slowly,
    fleetFocus: { ...crashes, events: dying },
    storeFaults: { oneOwner: true },
  },
  {
    name: "stored during an unknown outcome",
    focus: { ...busy, faults: lost },
    fleetFocus: races,
    versions: (options) => new StoreWhilePending(options),
    store: (real) =>
      new StatesTold(real, (state) => ({
        ...state,
        marks: new Map(),
        changedAtMs: Math.max(state.changedAtMs, ...state.marks.values()),
      })),
  },
  {
    name: "stored for long without an answer of the shared store",
    focus: { ...slowly, settleMs: 10 },
    fleetFocus: {
      ...crashes,
      storeDelayMs: 3,
      lookupTimeoutMs: 2,
      timeoutsMax: 1_000,
      invalidateTimeoutMs: 60,
    },
    shortLivedMs: 1e9,
  },
  {
    name: "marks that no replica has",
    focus: slowly,
    fleetFocus: { ...failovers, replicaLagMs: 20, events: { ...dying, failover: 0.1 } },
    storeFaults: { noAcknowledgement: true },
    // With `require` nothing is stored for a while after a failover, whatever was lost.
    guard: "before",
  },
  {
    name: "marks not put back",
    focus: { ...slowly, settleMs: 10 },
    fleetFocus: { ...crashes, masters: 1, events: { ...noEvents, crash: 0.15, restart: 0.3 } },
    contact: withoutRestore,
  },
  {
    name: "a tag born where marks are evicted is trusted",
    focus: { ...slowly, keys: 3, settleMs: 10 },
    fleetFocus: forgetful,
    store: (real) => new StatesTold(real, (state) => ({ ...state, bornAtMs: 0 })),
  },
  {
    name: "an image under a tag born where marks are evicted is trusted",
    focus: { ...slowly, keys: 3, settleMs: 10 },
    fleetFocus: forgetful,
    store: (real) => new BirthsUntold(real),
  },
  { name: "threads with separate clocks", fleetFocus: { ...races, threads: 2 }, ownVersions: true },
];
