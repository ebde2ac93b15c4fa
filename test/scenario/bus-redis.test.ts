// Two nodes' buses on a real Redis: what one tells the other applies; what may have been lost makes both forget.

import { afterEach, beforeEach, expect, it } from "vitest";
import { applied, type BusNode, degradedMaxAgeMs, startBusNode } from "../support/bus-node.ts";
import { until } from "../support/followed-stream.ts";
import { type RedisServer, startRedis } from "../support/redis-server.ts";

let redis: RedisServer;
let a: BusNode;
let b: BusNode;

const isFresh = ({ freshness }: BusNode) => freshness.ageMsMax("t") === Number.POSITIVE_INFINITY;
const diaries = () => ({ a: a.diary, b: b.diary, states: [a, b].map(({ bus }) => bus.state()) });

async function bothFresh(): Promise<void> {
  await until(() => isFresh(a) && isFresh(b), diaries, 20_000);
}

beforeEach(async () => {
  redis = await startRedis();
  [a, b] = [startBusNode(redis.url), startBusNode(redis.url)];
  await bothFresh();
});

afterEach(async () => {
  redis.resume();
  await Promise.all([a.close(), b.close()]);
  await redis.stop();
});

it("each applies what the other tells, once and in order, and not its own", async () => {
  const expected: string[] = [];
  for (let n = 0; n < 50; n++) {
    await a.change(`tag ${n}`, "tag");
    expected.push(applied(`tag ${n}`, "tag"));
  }
  await b.change("back");
  const of = ({ diary }: BusNode) => diary.filter((line) => line.startsWith("apply"));
  await until(() => of(b).length >= 50 && of(a).length >= 1, diaries);
  expect(of(b)).toEqual(expected);
  expect(of(a)).toEqual([applied("back")]);
});

it("the gates close while Redis hangs; afterwards nothing told is lost, and nothing is forgotten", async () => {
  const forgot = b.diary.filter((line) => line === "forget").length;
  redis.pause();
  await until(() => !isFresh(a) && !isFresh(b), diaries, 20_000);
  expect(b.freshness.ageMsMax("t")).toBe(degradedMaxAgeMs);
  redis.resume();
  await until(() => a.store.isUp, diaries, 20_000);
  await a.change("after");
  await until(() => b.diary.includes(applied("after")), diaries, 20_000);
  await bothFresh();
  expect(b.diary.filter((line) => line === "forget")).toHaveLength(forgot);
});

it("a Redis that comes back empty makes both forget everything", async () => {
  const { port } = redis;
  await redis.kill();
  a.diary.length = 0;
  b.diary.length = 0;
  redis = await startRedis({ port });
  await until(() => a.diary.includes("forget") && b.diary.includes("forget"), diaries, 20_000);
  await bothFresh();
  await a.change("new");
  await until(() => b.diary.includes(applied("new")), diaries, 20_000);
  expect(b.diary.indexOf("forget")).toBeLessThan(b.diary.indexOf(applied("new")));
});

it("a log that is emptied while nobody looks makes both forget everything", async () => {
  a.diary.length = 0;
  b.diary.length = 0;
  await redis.cli("FLUSHALL");
  await until(() => a.diary.includes("forget") && b.diary.includes("forget"), diaries, 20_000);
  await bothFresh();
});

it("what is not ours in the log makes both forget everything", async () => {
  const [name] = (await redis.cli("KEYS", "test:log*")) as string[];
  a.diary.length = 0;
  await redis.cli("XADD", String(name), "0-*", "b", "hello");
  await until(() => a.diary.includes("forget"), diaries, 20_000);
  await a.change("new");
  await until(() => b.diary.includes(applied("new")), diaries, 20_000);
});
