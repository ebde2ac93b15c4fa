/**
 * The contract between worker threads: a write answered by one is seen by the next read on any other. Connections are
 * pinned to workers; each round writes a higher number through one and reads it at once through another, by GetItem and
 * by Query, while others read the same items all the time.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type App, createApp } from "../../src/app.ts";
import { type FastUpstream, startFastUpstream, FAST_TABLE as TableName } from "../support/fast-upstream.ts";
import { Connection, pin } from "../support/pinned-client.ts";
import { type SettingValues, settingsFor } from "../support/proxy.ts";

const roundsMax = 100_000;
const keys = ["a", "b", "c", "d"];
/** Pairs of connections that write and read, and pairs that only read. */
const [writers, readers] = [4, 2];

let upstream: FastUpstream;
const apps: App[] = [];

beforeAll(async () => {
  upstream = await startFastUpstream();
});

afterAll(async () => {
  await Promise.all(apps.map((app) => app.stop()));
  await upstream.close();
});

async function start(settings: SettingValues): Promise<{ url: string; adminUrl: string }> {
  const common = { port: 0, adminPort: 0, logLevel: "silent", drainMs: 500, streams: "off", ...settings };
  const app = await createApp(await settingsFor({ upstream: upstream.url, ...common }));
  apps.push(app);
  return app.start();
}

interface Outcome {
  readonly rounds: number;
  readonly reads: number;
  readonly hits: number;
  readonly violations: readonly string[];
}

/** Both sides have `writers` + `readers` connections. Ends after so many rounds, or at the first violation. */
async function play(sides: readonly (readonly Connection[])[], rounds: number): Promise<Outcome> {
  const acknowledged = new Map<string, number>();
  const violations: string[] = [];
  let [reads, hits, played] = [0, 0, 0];
  const read = async (connection: Connection, key: string, way: number) => {
    const atLeast = acknowledged.get(key) ?? 0;
    const asked = way % 2 === 0 ? getItem(key) : query(key);
    const { status, cache, body } = await connection.call(...asked);
    const shown = Number(/"v":\{"N":"(\d+)"/.exec(body)?.[1] ?? 0);
    reads += 1;
    if (cache.startsWith("hit")) hits += 1;
    if (status !== 200 || shown < atLeast)
      violations.push(`${asked[0]} ${key}: ${shown} after ${atLeast} (${status}, ${cache})`);
  };
  const write = async (lane: number) => {
    const key = keys[lane % keys.length] ?? "";
    for (let n = 1; played < rounds && violations.length === 0; n += 1) {
      played += 1;
      const [writing, reading] = n % 2 === 0 ? [0, 1] : [1, 0];
      const Item = { pk: { S: key }, sk: { S: "-" }, v: { N: String(n) } };
      const { status, body } = await sides[writing]![lane]!.call("PutItem", { TableName, Item });
      if (status !== 200) violations.push(`PutItem: ${status} ${body}`);
      acknowledged.set(key, n);
      // Writing turns around every second round; the kind of read every fourth.
      await read(sides[reading]![lane]!, key, n >> 1);
    }
  };
  const watch = async (lane: number) => {
    for (let n = 0; played < rounds && violations.length === 0; n += 1)
      await read(sides[n % 2]![lane]!, keys[(n >> 1) % keys.length] ?? "", n >> 3);
  };
  const lanes = Array.from({ length: writers + readers }, (_, lane) => lane);
  await Promise.all(lanes.map((lane) => (lane < writers ? write(lane) : watch(lane))));
  return { rounds: played, reads, hits, violations };
}

function getItem(key: string): [string, object] {
  return ["GetItem", { TableName, Key: { pk: { S: key }, sk: { S: "-" } } }];
}

function query(key: string): [string, object] {
  const values = { ":p": { S: key } };
  return ["Query", { TableName, KeyConditionExpression: "pk = :p", ExpressionAttributeValues: values }];
}

describe("workers", () => {
  it(`a write through one is seen by the next read through another, ${roundsMax} times`, async () => {
    const { url, adminUrl } = await start({ workers: 2, settleMs: 0 });
    const sides = await pin(url, adminUrl, { workers: 2, each: writers + readers });
    const outcome = await play(sides, roundsMax);
    console.log(`${outcome.rounds} rounds, ${outcome.reads} reads, ${outcome.hits} of them hits`);
    expect(outcome.violations).toEqual([]);
    expect(outcome.rounds).toBe(roundsMax);
    // Otherwise nothing old could have been served.
    expect(outcome.hits).toBeGreaterThan(outcome.reads / 100);
    for (const connection of sides.flat()) connection.close();
  }, 300_000);

  it("inside the settle window as well", async () => {
    const { url, adminUrl } = await start({ workers: 3, settleMs: 2000 });
    const sides = await pin(url, adminUrl, { workers: 3, each: writers + readers });
    const outcome = await play(sides.slice(1), 5_000);
    expect(outcome.violations).toEqual([]);
    for (const connection of sides.flat()) connection.close();
  }, 120_000);

  it("the same check finds threads that share no versions: here two proxies", async () => {
    const sides: Connection[][] = [];
    for (let i = 0; i < 2; i += 1) {
      const { url } = await start({ settleMs: 0 });
      sides.push(await Promise.all(Array.from({ length: writers + readers }, () => Connection.open(url))));
    }
    const outcome = await play(sides, 10_000);
    expect(outcome.violations.length).toBeGreaterThan(0);
    for (const connection of sides.flat()) connection.close();
  }, 120_000);
});
