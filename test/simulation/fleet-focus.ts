/** Circumstances under which faults of several nodes show soonest. */

import type { Circumstances } from "./circumstances.ts";
import { type FleetCircumstances, noEvents } from "./fleet-circumstances.ts";

export const noFaults = { write: 0, read: 0, strong: 0, describe: 0 };
export const busy: Partial<Circumstances> = {
  keys: 1,
  pauseMs: 2,
  slots: 1024,
  bytesMax: 1_000_000,
  slow: 0.3,
};
export const tiny: Partial<Circumstances> = { ...busy, bytesMax: 2_000 };
export const quick: Partial<FleetCircumstances> = { storeSlow: 0, timeoutsMax: 3 };
export const races = { ...quick, events: { ...noEvents, race: 0.3 } };
export const failovers = { ...quick, replicas: true, events: { ...noEvents, failover: 0.08, race: 0.15 } };
export const restarts = { ...quick, events: { ...noEvents, restart: 0.06, race: 0.15 } };
export const cuts = {
  ...quick,
  timeoutsMax: 1,
  events: { ...noEvents, cut: 0.06, cutBriefly: 0.06, race: 0.15 },
};
export const crashes = { ...quick, evicts: false, events: { ...noEvents, crash: 0.1 } };
export const forgetful = { ...quick, evicts: true, events: { ...noEvents, crash: 0.15, evict: 0.3 } };
export const dying = { ...crashes.events, race: 0.05 };
export const calm: Partial<Circumstances> = {
  ...busy,
  slow: 0.02,
  pauseMs: 4,
  settleMs: 10,
  indexSettleMs: 15,
  faults: noFaults,
};
export const rare = { ...calm, pauseMs: 20 };
export const watched = { ...noEvents, watch: 0.1 };
export const calmly: Partial<FleetCircumstances> = { ...quick, nodes: 3 };
export const quiet: Partial<Circumstances> = { ...busy, pauseMs: 8, settleMs: 25, faults: noFaults };
export const farAway = {
  ...races,
  storeDelayMs: 8,
  lookupTimeoutMs: 40,
  invalidateTimeoutMs: 60,
  freshWithinMs: 100,
};
export const lateNews = { ...races, logDelayMs: 25, freshWithinMs: 100 };
export const slowly: Partial<Circumstances> = {
  ...busy,
  pauseMs: 6,
  faults: noFaults,
  slow: 0.5,
  slowMs: 100,
  deadlineMs: 150,
};
export const lost = { write: 0.4, read: 0, strong: 0, describe: 0 };
