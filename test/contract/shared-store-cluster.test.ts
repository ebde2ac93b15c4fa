/** The store over a real Cluster of three masters keeps the contract. */

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll } from "vitest";
import { createRedisStore } from "../../src/redis/redis-store.ts";
import { systemClock } from "../../src/util/clock.ts";
import { createLogger } from "../../src/util/log.ts";
import { type RedisCluster, startRedisCluster } from "../support/redis-server.ts";
import { sharedStoreContract } from "./shared-store.ts";

let redis: RedisCluster;
beforeAll(async () => {
  redis = await startRedisCluster({ masters: 3, replicasEach: 0 });
});
afterAll(() => redis?.stop());

let worlds = 0;
sharedStoreContract("a Redis Cluster", () => {
  worlds += 1;
  const keyPrefix = `world ${worlds}:`;
  const make = () =>
    createRedisStore({
      url: redis.url,
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
});
