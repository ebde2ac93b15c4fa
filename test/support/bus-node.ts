// A node's store and bus on a real Redis, and a diary of what the bus did to its cache.

import { randomUUID } from "node:crypto";
import { hashOf } from "../../src/cache/coherence.ts";
import { encodePeerMessage } from "../../src/cache/peer-message.ts";
import type { Tag } from "../../src/cache/tier.ts";
import { Bus } from "../../src/invalidation/bus.ts";
import type { BusOptions } from "../../src/invalidation/bus-settings.ts";
import { Freshness } from "../../src/invalidation/freshness.ts";
import { createRedisStore } from "../../src/redis/redis-store.ts";
import type { SharedStore } from "../../src/redis/shared-store.ts";
import { systemClock } from "../../src/util/clock.ts";
import type { Logger } from "../../src/util/log.ts";

export const quiet: Logger = {
  ...{ error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, isEnabled: () => false },
};

export interface BusNode {
  readonly sender: string;
  readonly store: SharedStore;
  readonly bus: Bus;
  readonly freshness: Freshness;
  /** "apply" with the hashes, "forget", "contact" or "renewed", in order. */
  readonly diary: string[];
  /** Changes these tags, as a write would. */
  change(...tags: string[]): Promise<void>;
  close(): Promise<void>;
}

export const freshWithinMs = 2_000;
export const degradedMaxAgeMs = 77;

export function startBusNode(url: string, options: Partial<BusOptions> = {}): BusNode {
  const sender = randomUUID();
  const diary: string[] = [];
  const clock = systemClock;
  const store = createRedisStore({
    ...{ url, keyPrefix: "test:", lookupTimeoutMs: 200, invalidateTimeoutMs: 500, clock, log: quiet },
    ...{
      logMessagesMax: 10_000,
      tagKeepMs: 60_000,
      vouchWithinMs: 5_000,
      isEpoch: () => false,
      checkEveryMs: 100,
    },
  });
  const freshness = new Freshness({
    ...{ clock, freshWithinMs, degradedMaxAgeMs, lagMsMax: 0, required: false, bus: true },
  });
  const bus = new Bus({
    ...{ store, sender, clock, freshness, log: quiet },
    local: {
      apply: ({ tagHashes }) => void diary.push(`apply ${tagHashes.join()}`),
      forgetEverything: () => void diary.push("forget"),
    },
    signs: () => new Map(),
    hear: () => {},
    ...options,
  });
  store.start(async (renewed) => {
    diary.push(renewed ? "renewed" : "contact");
    if (renewed) await bus.reposition();
  });
  bus.start();
  return {
    ...{ sender, store, bus, freshness, diary },
    async change(...tags) {
      const tagHashes = tags.map((tag) => hashOf(tag as Tag));
      const changedAtMs = store.clock.latestMs(clock.nowMs());
      const message = encodePeerMessage({
        ...{ kind: "invalidation", sender, tagHashes, pendingForMs: 0, image: undefined },
      });
      await store.change({ tags, changedAtMs, writer: sender, pendingUntilMs: 0, bornAtMs: 0, message });
    },
    async close() {
      await Promise.all([bus.stop(), store.close()]);
    },
  };
}

/** As the diary has it. */
export function applied(...tags: string[]): string {
  return `apply ${tags.map((tag) => hashOf(tag as Tag)).join()}`;
}
