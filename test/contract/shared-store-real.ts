/** Stores on a real server, for the contract: each world has a key prefix of its own. */

import { setTimeout as sleep } from "node:timers/promises";
import { createRedisStore } from "../../src/redis/redis-store.ts";
import { systemClock } from "../../src/util/clock.ts";
import { createLogger } from "../../src/util/log.ts";
import type { StoresUnderTest } from "./shared-store-nodes.ts";

let worlds = 0;

/** @param url asked for each store: the server may not have been started yet */
export function storesOn(url: () => string): () => StoresUnderTest {
  return () => {
    worlds += 1;
    const keyPrefix = `world ${worlds}:`;
    const make = () =>
      createRedisStore({
        url: url(),
        keyPrefix,
        lookupTimeoutMs: 5_000,
        invalidateTimeoutMs: 5_000,
        clock: systemClock,
        log: createLogger("silent"),
        logMessagesMax: 500,
        tagKeepMs: 600_000,
        vouchWithinMs: 5_000,
        isEpoch: (tag) => tag.startsWith("epoch"),
      });
    return { make, nowMs: systemClock.nowMs, passMs: (ms) => sleep(ms) };
  };
}
