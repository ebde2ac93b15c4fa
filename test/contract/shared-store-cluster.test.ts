/** The store over a real Cluster of three masters keeps the contract. */

import { afterAll, beforeAll } from "vitest";
import { type RedisCluster, startRedisCluster } from "../support/redis-server.ts";
import { sharedStoreContract } from "./shared-store.ts";
import { storesOn } from "./shared-store-real.ts";

let redis: RedisCluster;
beforeAll(async () => {
  redis = await startRedisCluster({ masters: 3, replicasEach: 0 });
});
afterAll(() => redis?.stop());

sharedStoreContract(
  "a Redis Cluster",
  storesOn(() => redis.url),
);
