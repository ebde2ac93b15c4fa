/** The store over one real Redis keeps the contract. */

import { afterAll, beforeAll } from "vitest";
import { type RedisServer, startRedis } from "../support/redis-server.ts";
import { sharedStoreContract } from "./shared-store.ts";
import { storesOn } from "./shared-store-real.ts";

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis({ password: "a password: with/all@that" });
});
afterAll(() => redis?.stop());

sharedStoreContract(
  "Redis",
  storesOn(() => redis.url),
);
