/**
 * Fan-out: how long from the reply to a write through node A until nodes B and C show it, though both had the item in
 * memory; and what a write costs with and without the guard.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { call, mustCall } from "../test/support/raw-client.ts";
import { percentileMs, type RedisRow } from "./redis-rows.ts";

const askEveryMs = 1;
const giveUpMs = 10_000;
const cacheWithinMs = 20_000;
/** Items of which the caches are filled at one time. */
const aheadMax = 50;

export interface Place {
  readonly TableName: string;
  /** A, where is written; then those that have to hear of it. */
  readonly urls: readonly string[];
}

/** @param samples writes, each to an item of its own */
export async function measureFanout({ TableName, urls }: Place, samples: number): Promise<RedisRow> {
  const [writer = "", ...others] = urls;
  const delaysMs: number[] = [];
  let stale = 0;
  const turn = async (id: string): Promise<void> => {
    const Key = { pk: { S: id }, sk: { S: "fanout" } };
    await mustCall(writer, "PutItem", { TableName, Item: { ...Key, v: { N: "1" } } });
    await Promise.all(others.map((url) => untilInMemory(url, TableName, Key)));
    await mustCall(writer, "PutItem", { TableName, Item: { ...Key, v: { N: "2" } } });
    const writtenAtMs = performance.now();
    await Promise.all(
      others.map(async (url) => {
        for (;;) {
          const { Item } = await mustCall(url, "GetItem", { TableName, Key });
          const tookMs = performance.now() - writtenAtMs;
          if (Object(Item).v?.N === "2") return delaysMs.push(tookMs);
          stale += 1;
          if (tookMs > giveUpMs) throw new Error(`a node shows the old item after ${giveUpMs} ms`);
          await sleep(askEveryMs);
        }
      }),
    );
  };
  for (let at = 0; at < samples; at += 1) await turn(`fanout-${at}`);
  return {
    id: "fanout",
    title: `a write through A until ${others.length} others show it (reply to reply)`,
    perSecond: undefined,
    p50Ms: percentileMs(delaysMs, 0.5),
    p99Ms: percentileMs(delaysMs, 0.99),
    note: `${delaysMs.length} samples, ${stale} answers still old, the latest after ${percentileMs(delaysMs, 1).toFixed(1)} ms`,
  };
}

async function untilInMemory(url: string, TableName: string, Key: object): Promise<void> {
  const giveUpAtMs = performance.now() + cacheWithinMs;
  while (performance.now() < giveUpAtMs) {
    const reply = await call(url, "GetItem", { TableName, Key });
    if (String(reply.headers["x-dynatier-cache"]).startsWith("hit; tier=memory")) return;
    await sleep(askEveryMs);
  }
  throw new Error(`an item is not in a node's memory after ${cacheWithinMs} ms`);
}

export interface Way {
  readonly title: string;
  readonly url: string;
}

/** PutItem through each of these in turn, so that whatever else is going on hits all alike. The first is the base. */
export async function measureWrites(
  ways: readonly Way[],
  TableName: string,
  seconds: number,
): Promise<RedisRow[]> {
  const tookMs = new Map<Way, number[]>(ways.map((way) => [way, []]));
  const warmUntilMs = performance.now() + 500;
  const endsAtMs = warmUntilMs + seconds * 1000;
  for (let at = 0; performance.now() < endsAtMs; at += 1) {
    for (const way of ways) {
      const Item = { pk: { S: `write-${at % aheadMax}` }, sk: { S: "guard" }, v: { N: String(at) } };
      const beganAtMs = performance.now();
      await mustCall(way.url, "PutItem", { TableName, Item });
      if (beganAtMs > warmUntilMs) tookMs.get(way)?.push(performance.now() - beganAtMs);
    }
  }
  const median = (way: Way): number => percentileMs(tookMs.get(way) ?? [], 0.5);
  return ways.map((way, at) => ({
    id: "write-guard" as const,
    title: way.title,
    perSecond: undefined,
    p50Ms: median(way),
    p99Ms: percentileMs(tookMs.get(way) ?? [], 0.99),
    note: at === 0 ? "" : `× ${(median(way) / median(ways[0]!)).toFixed(2)} of the time without Redis`,
  }));
}
