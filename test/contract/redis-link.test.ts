/** One connection to a real Redis: whose answer is whose, and until when somebody waits for it. */

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { RedisCommand } from "../../src/redis/batch.ts";
import { Link } from "../../src/redis/link.ts";
import { type RedisServer, startRedis } from "../support/redis-server.ts";

const PATIENT_MS = 20_000;
let redis: RedisServer;
let link: Link;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis?.stop());
beforeEach(async () => {
  const options = { isTls: false, user: undefined, password: undefined, db: 0, timeoutsMax: 3 };
  link = await Link.open({ host: "127.0.0.1", port: redis.port }, options, PATIENT_MS);
});
afterEach(() => link.end("the test is over"));

const texts = (replies: readonly unknown[]): string[] => replies.map(String);
const echo = (...words: readonly string[]): RedisCommand[] => words.map((word) => ["ECHO", word]);

it("gives everybody his own answers, in the order of the questions, errors in between or not", async () => {
  const wrong: RedisCommand = ["HGET", "text", "field"];
  await link.send([["SET", "text", "a text"]], PATIENT_MS);
  const [first, spoilt, last] = await Promise.allSettled([
    link.send(echo("a", "b", "c"), PATIENT_MS),
    link.send([...echo("d"), wrong, ...echo("e"), wrong], PATIENT_MS),
    link.send(echo("f", "g"), PATIENT_MS),
  ]);
  expect(first.status === "fulfilled" && texts(first.value)).toEqual(["a", "b", "c"]);
  expect(spoilt).toMatchObject({ status: "rejected", reason: { reason: "refused" } });
  expect(last.status === "fulfilled" && texts(last.value)).toEqual(["f", "g"]);
  expect(texts(await link.send(echo("h"), PATIENT_MS))).toEqual(["h"]);
});

it("sends bytes, texts of any alphabet, nothing at all, and much at once", async () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  const words = [bytes, "", "ключ", Buffer.alloc(0), "\r\n$3\r\n", Buffer.alloc(100_000, "x")];
  const many = Array.from({ length: 2_000 }, (_, at) => `${at} ${"y".repeat(20)}`);
  const [mixed, all] = await Promise.all([
    link.send(
      words.map((word) => ["ECHO", word] as const),
      PATIENT_MS,
    ),
    link.send(echo(...many), PATIENT_MS),
  ]);
  expect(mixed).toEqual(words.map((word) => Buffer.from(word)));
  expect(texts(all)).toEqual(many);
  expect(await link.send([], PATIENT_MS)).toEqual([]);
});

it("lets each wait as long as it said, and keeps answers that came too late from the next", async () => {
  await redis.cli("CLIENT", "PAUSE", "600", "ALL");
  const [long, short] = [link.send(echo("long"), PATIENT_MS), link.send(echo("short"), 50)];
  await expect(short).rejects.toMatchObject({ reason: "timeout" });
  const after = link.send(echo("after"), 100);
  await expect(after).rejects.toMatchObject({ reason: "timeout" });
  expect(texts(await long)).toEqual(["long"]);
  expect(texts(await link.send(echo("next"), PATIENT_MS))).toEqual(["next"]);
  expect(link.ended).toBeUndefined();
});

it("is over after so many time-outs, and refuses all who still wait", async () => {
  redis.pause();
  try {
    const patient = link.send(echo("patient"), PATIENT_MS);
    const outcomes = await Promise.allSettled([50, 100, 150].map((ms) => link.send(echo("hasty"), ms)));
    const hasty = { status: "rejected", reason: { reason: "timeout" } };
    expect(outcomes).toMatchObject([hasty, hasty, hasty]);
    await expect(patient).rejects.toMatchObject({ reason: "down" });
    await expect(link.send(echo("later"), 50)).rejects.toMatchObject({ reason: "down" });
  } finally {
    redis.resume();
  }
});

it("takes an answer that is there for an answer, however late this process looks", async () => {
  const asked = link.send(echo("there"), 50);
  // Out it goes, and then this process stands still.
  await sleep(0);
  const endMs = performance.now() + 200;
  while (performance.now() < endMs);
  expect(texts(await asked)).toEqual(["there"]);
});
