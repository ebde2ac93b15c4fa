/** Stores over real Redis for the tests of contact: what they were told and what they printed. */

import { expect } from "vitest";
import { createRedisStore, type RedisStoreOptions } from "../../src/redis/redis-store.ts";
import type { SharedStore, TagChange } from "../../src/redis/shared-store.ts";
import { systemClock } from "../../src/util/clock.ts";
import type { Logger } from "../../src/util/log.ts";
import { type RedisOptions, startRedis, until } from "../support/redis-server.ts";

const endings: (() => Promise<unknown>)[] = [];
/** For afterEach: ends whatever was begun, the last one first. */
export async function endAll(): Promise<void> {
  for (const end of endings.splice(0).reverse()) await end();
}

/** Ended when the test is over. */
export function whenOver(end: () => Promise<unknown>): void {
  endings.push(end);
}

export const redisOf = async (options?: RedisOptions) => {
  const redis = await startRedis(options);
  endings.push(() => redis.stop());
  return redis;
};

export interface RedisNode {
  readonly store: SharedStore;
  /** What each contact was told. */
  readonly told: boolean[];
  readonly printed: string[];
}

/** A store that is started. */
export function nodeOf(url: string, more: Partial<RedisStoreOptions> = {}): RedisNode {
  const printed: string[] = [];
  const print = (fields: object, message: string) =>
    void printed.push(JSON.stringify({ ...fields, message }));
  const log: Logger = { error: print, warn: print, info: print, debug: print, isEnabled: () => true };
  const store = createRedisStore({
    url,
    keyPrefix: "test:",
    lookupTimeoutMs: 300,
    invalidateTimeoutMs: 500,
    clock: systemClock,
    log,
    logMessagesMax: 1_000,
    tagKeepMs: 600_000,
    vouchWithinMs: 5_000,
    isEpoch: (tag) => tag.startsWith("epoch"),
    checkEveryMs: 100,
    ...more,
  });
  endings.push(() => store.close());
  const told: boolean[] = [];
  store.start(async (renewed) => void told.push(renewed));
  return { store, told, printed };
}

/** A store that is up. */
export async function upOn(url: string, more?: Partial<RedisStoreOptions>): Promise<RedisNode> {
  const node = nodeOf(url, more);
  await until(() => node.store.isUp);
  return node;
}

export const name = { key: "entry", tag: "item" };
export const change = (store: SharedStore, tags = ["item"]) => {
  const all: TagChange = {
    tags,
    changedAtMs: 1,
    writer: "w",
    pendingUntilMs: 0,
    bornAtMs: 0,
    message: Buffer.from("m"),
  };
  return store.change(all);
};
/** Up again, after another contact that was told this. */
export const backAs = async ({ store, told }: RedisNode, renewed: boolean, after = 1) => {
  await until(() => store.isUp && told.length > after);
  expect(told.slice(after).includes(true)).toBe(renewed);
};
