/** Mutants of several nodes where neither streams nor marks make good what the other parts lose. */

import type { Tag } from "../../src/cache/tier.ts";
import { TieredCache } from "../../src/cache/tiered-cache.ts";
import { everythingTag, isEpochTag } from "../../src/invalidation/tags.ts";
import { noEvents } from "./fleet-circumstances.ts";
import {
  calm,
  calmly,
  cuts,
  farAway,
  lateNews,
  lost,
  quick,
  quiet,
  rare,
  tiny,
  watched,
} from "./fleet-focus.ts";
import type { Contacted, FleetMutant } from "./fleet-mutant.ts";
import {
  FillUnderNewTokens,
  NeverEvicts,
  OwnClock,
  StatesTold,
  TokensIgnored,
} from "./fleet-mutant-stores.ts";

const withoutEpoch = async ({ cache, bus, renewed }: Contacted) => {
  cache.meet();
  if (renewed) {
    await cache.changes.send({ tags: [everythingTag], pendingForMs: 0 });
    await cache.writes.restore();
    await bus?.reposition();
  }
  await cache.changes.drain();
};

export const plainMutants: readonly FleetMutant[] = [
  {
    name: "only memory's settle window",
    focus: quiet,
    fleetFocus: lateNews,
    store: (real) => new StatesTold(real, (state) => ({ ...state, changedAtMs: 0 })),
  },
  {
    name: "message before tokens",
    focus: rare,
    fleetFocus: { ...farAway, nodes: 2, events: watched },
    storeFaults: { messageFirst: true },
  },
  {
    name: "heartbeats of a demoted master",
    focus: { ...calm, pauseMs: 10 },
    fleetFocus: {
      ...calmly,
      replicas: true,
      masters: 1,
      cutMsMax: 600,
      freshWithinMs: 50,
      degradedMaxAgeMs: 0,
      events: { ...noEvents, failover: 0.05 },
    },
    storeFaults: { beatsAlone: true },
  },
  {
    name: "own ids not compared",
    focus: { ...calm, bytesMax: 2_000 },
    fleetFocus: {
      ...calmly,
      replicas: true,
      masters: 1,
      cutMsMax: 60,
      events: { ...noEvents, failover: 0.05 },
    },
    hello: { noOwnIds: true },
  },
  {
    name: "own clock before the shared store",
    focus: rare,
    fleetFocus: { ...farAway, nodes: 2, events: watched },
    tiered: (options) => {
      const { memory, store } = options;
      const bump = memory.invalidate.bind(memory);
      const change = store.change.bind(store);
      memory.invalidate = () => {};
      store.change = (wish) => {
        bump(wish.tags as readonly Tag[], 0);
        return change(wish);
      };
      return new TieredCache(options);
    },
  },
  {
    name: "clock skew ignored",
    focus: quiet,
    fleetFocus: { ...lateNews, skewMs: 5_000 },
    store: (real) => new OwnClock(real),
  },
  {
    name: "absent tags born settled where tags are evicted",
    focus: { ...rare, settleMs: 25 },
    fleetFocus: { ...lateNews, evicts: true, events: { ...noEvents, evict: 0.4 } },
    store: (real) => new NeverEvicts(real),
  },
  {
    name: "another's answer while a write of our own may still land",
    focus: { ...rare, faults: lost, slow: 0.3, unknownOutcomeMs: 60 },
    fleetFocus: {
      ...quick,
      evicts: true,
      nodes: 2,
      logMessagesMax: 20,
      events: { ...noEvents, evict: 0.2, trim: 0.05 },
    },
    tiered: (options) => {
      const { memory } = options;
      const lookup = memory.lookup.bind(memory);
      memory.lookup = (...asked) => {
        const found = lookup(...asked);
        return found.lease ? { lease: { ...found.lease, isPending: false } } : found;
      };
      return new TieredCache(options);
    },
  },
  {
    name: "one master's ids only",
    focus: { ...calm, bytesMax: 2_000 },
    fleetFocus: { ...calmly, masters: 3, events: { ...noEvents, restart: 0.1 } },
    hello: { oneMaster: true },
  },
  {
    name: "queue overflow without a new epoch",
    focus: { ...tiny, keys: 2, pauseMs: 5 },
    fleetFocus: { ...cuts, queuedTagsMax: 1, cutMsMax: 60 },
    tiered: (options) => new TieredCache({ ...options, everything: "nothing" as Tag }),
    contact: withoutEpoch,
  },
  {
    name: "one thread only barred from the shared store",
    focus: rare,
    fleetFocus: {
      ...calmly,
      threads: 2,
      nodes: 2,
      storeSlow: 0.03,
      storeSlowMs: 60,
      timeoutsMax: 1_000,
      events: watched,
    },
    ownBarriers: true,
  },
  {
    name: "no hello",
    focus: { ...calm, bytesMax: 2_000 },
    fleetFocus: { ...calmly, events: { ...noEvents, restart: 0.1 } },
    hello: { none: true },
  },
  {
    name: "epoch not in the entry",
    focus: { ...calm, bytesMax: 2_000 },
    fleetFocus: { ...calmly, events: { ...noEvents, restart: 0.1 } },
    store: (real) => new TokensIgnored(real, isEpochTag),
  },
  {
    name: "fill not bound to tokens",
    focus: { ...rare, bytesMax: 2_000, slow: 0.3 },
    fleetFocus: { ...lateNews, events: watched },
    store: (real) => new FillUnderNewTokens(real),
  },
];
