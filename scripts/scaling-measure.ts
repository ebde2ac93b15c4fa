/**
 * `node scripts/scaling-measure.ts`: what Redis' commands cost a redis-server and the node that sends them, in CPU time:
 * the measured assumptions of scripts/scaling.ts. CPU time and not throughput, so that others on the machine do not
 * matter much.
 */

import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import { cpuSeconds } from "../bench/processes.ts";
import { VersionClock } from "../src/cache/coherence.ts";
import { MemoryTier } from "../src/cache/memory-tier.ts";
import { decodePeerMessage, encodePeerMessage } from "../src/cache/peer-message.ts";
import type { CacheKey, TagHash } from "../src/cache/tier.ts";
import { Keys } from "../src/redis/keys.ts";
import { CHANGE, ENSURE } from "../src/redis/scripts.ts";
import { systemClock } from "../src/util/clock.ts";
import { startRedis } from "../test/support/redis-server.ts";

const connections = 16;
const secondsEach = 3;
const keys = 20_000;
/** A GetItem's answer of 300 bytes with its tokens, and one tag's token. */
const entryBytes = 400;
const token = () => randomBytes(12).toString("base64url");
const names = new Keys("dynatier:");
const logMessagesMax = 100_000;
const day = 86_400_000;

const server = await startRedis();
const clients = Array.from({ length: connections }, () => new Redis(server.port, { protocol: 2 }));
const first = clients[0]!;
const entry = randomBytes(entryBytes);
/** A change of four tags whose image is known, as the leader of a stream tells it. */
const tagHashes = [0x1234_5678, 0x2345_6789, 0x3456_789a, 0x4567_89ab] as TagHash[];
const message = Buffer.from(
  encodePeerMessage({
    ...{ kind: "invalidation", sender: randomBytes(9).toString("base64url"), tagHashes, pendingForMs: 0 },
    image: { key: "i\0orders\0customer#000123\0order#01" as CacheKey, tagHashes, hash: token() },
  }),
);
const tagName = (tag: string | number): string => names.tag(String(tag)).name;
const entryName = (key: number): string => names.entry({ key: `entry ${key}`, tag: String(key) }).name;
const any = (): number => Math.floor(Math.random() * keys);

async function fill(): Promise<void> {
  for (let at = 0; at < keys; at += 1000) {
    const pipeline = first.pipeline();
    for (let key = at; key < at + 1000; key += 1) {
      pipeline.set(entryName(key), entry, "PX", day);
      pipeline.hset(tagName(key), "t", token(), "c", "1764000000000");
    }
    await pipeline.exec();
  }
  for (const tag of ["all", "schema"]) await first.hset(tagName(tag), "t", token(), "c", "1764000000000");
  for (const script of [CHANGE, ENSURE]) await first.script("LOAD", script.lua);
}

const [schemaTag, everythingTag] = [tagName("schema"), tagName("all")];

type Work = (redis: Redis) => Promise<unknown>;

const change = (redis: Redis, tag: string | number): Promise<unknown> =>
  redis.evalsha(
    CHANGE.sha,
    1,
    tagName(tag),
    "1764000000000",
    token(),
    "1764000000000",
    "writer",
    "0",
    String(day),
  );

const xread = (redis: Redis, from: string, count: number): Promise<unknown> =>
  redis.callBuffer("XREAD", "COUNT", count, "STREAMS", "log", from);

const works: readonly (readonly [name: string, work: Work])[] = [
  ["PING", (redis) => redis.ping()],
  ["GET of an entry", (redis) => redis.getBuffer(entryName(any()))],
  ["HGETALL of a tag", (redis) => redis.hgetallBuffer(tagName(any()))],
  [
    "look: GET + 3 HGETALL",
    (redis) => {
      const key = any();
      const pipeline = redis.pipeline().getBuffer(entryName(key)).hgetallBuffer(tagName(key));
      return pipeline.hgetallBuffer(schemaTag).hgetallBuffer(everythingTag).exec();
    },
  ],
  ["SET of an entry", (redis) => redis.set(entryName(any()), entry, "PX", day)],
  [
    "ENSURE of a tag",
    (redis) => redis.evalsha(ENSURE.sha, 1, tagName(`n${any()}`), token(), "0", String(day)),
  ],
  ["CHANGE of a tag", (redis) => change(redis, any())],
  ["4 CHANGE in one round trip", (redis) => Promise.all([1, 2, 3, 4].map(() => change(redis, any())))],
  [
    "XADD of a message",
    (redis) => redis.call("XADD", "log", "MAXLEN", "~", logMessagesMax, "0-*", "b", message),
  ],
  ["XREAD of 1 message", (redis) => xread(redis, "0-1", 1)],
  ["XREAD of 100 messages", (redis) => xread(redis, "0-1", 100)],
];

async function measure([name, work]: (typeof works)[number]): Promise<void> {
  const run = async (ms: number): Promise<number> => {
    let count = 0;
    const endsAtMs = performance.now() + ms;
    const loop = async (redis: Redis): Promise<void> => {
      while (performance.now() < endsAtMs) {
        await work(redis);
        count += 1;
      }
    };
    await Promise.all(clients.map(loop));
    return count;
  };
  await run(500);
  const [serverBefore, clientBefore] = [cpuSeconds([server.pid]) ?? Number.NaN, process.cpuUsage()];
  const began = performance.now();
  const count = await run(secondsEach * 1000);
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(clientBefore);
  const serverMicroseconds = (((cpuSeconds([server.pid]) ?? Number.NaN) - serverBefore) * 1e6) / count;
  const cells = [serverMicroseconds, (user + system) / count].map((value) => value.toFixed(1).padStart(8));
  console.log(`${name.padEnd(28)} ${cells.join("  ")}  ${String(Math.round(count / seconds)).padStart(8)}`);
}

/** Bytes that one key of each kind takes. */
async function sizes(): Promise<void> {
  for (const [name, key] of [
    ["entry", entryName(7)],
    ["tag", tagName(7)],
  ] as const)
    console.log(`${name}: ${await first.memory("USAGE", key)} bytes`);
  const [length, bytes] = [await first.xlen("log"), Number(await first.memory("USAGE", "log", "SAMPLES", 0))];
  console.log(`log: ${(bytes / length).toFixed(0)} bytes a message`);
}

/** What a node does with a message that it has read. */
function apply(): void {
  const versions = new VersionClock({ clock: systemClock, slots: 2 ** 20 });
  const memory = new MemoryTier({ versions, clock: systemClock, bytesMax: 1e8, entryBytesMax: 1e6 });
  const count = 300_000;
  for (const isWarm of [true, false]) {
    const before = process.cpuUsage();
    for (let at = 0; at < count; at += 1) {
      const decoded = decodePeerMessage(message);
      if (decoded?.kind !== "invalidation" || decoded.image === undefined) throw new Error("not decoded");
      const { key, tagHashes: own } = decoded.image;
      if (!memory.confirm(key, own, () => true, decoded.tagHashes)) memory.invalidate(decoded.tagHashes);
    }
    const { user, system } = process.cpuUsage(before);
    if (!isWarm) console.log(`a message decoded and applied: ${((user + system) / count).toFixed(1)} µs`);
  }
  console.log(`a message: ${message.length} bytes`);
}

try {
  await fill();
  console.log(`${"".padEnd(28)} ${["server µs", "client µs", "per s"].join("  ")}`);
  for (const work of works) await measure(work);
  await sizes();
  apply();
} finally {
  for (const client of clients) client.disconnect();
  await server.stop();
}
