/** What a store over real Redis does when Redis dies, hangs, forgets, is full, or is something else. */

import { createServer, type Socket } from "node:net";
import { afterEach, expect, it } from "vitest";
import { systemClock } from "../../src/util/clock.ts";
import { until } from "../support/redis-server.ts";
import { backAs, change, endAll, name, nodeOf, redisOf, upOn } from "./redis-node.ts";
import { refusalOf } from "./shared-store-nodes.ts";

afterEach(endAll);

it("is down at once when Redis is killed, and renewed when another one stands there, empty", async () => {
  const redis = await redisOf();
  const node = await upOn(redis.url);
  await node.store.ensure(["item"], 1);
  const tail = await node.store.logTail();
  const reading = refusalOf(node.store.readLog(tail, 1, 20_000));
  await redis.kill();
  expect(await reading).toBe("down");
  await until(() => !node.store.isUp);
  expect(await refusalOf(node.store.look(name, ["item"]))).toBe("down");
  expect(node.store.facts().lastError).toMatch(/closed|ECONN/);
  await redisOf({ port: redis.port });
  await backAs(node, true);
  expect((await node.store.look(name, ["item"])).tags).toEqual([undefined]);
  // Its numbers never begin anew: whoever read the old log sees a hole.
  expect(await node.store.logTail()).toBeGreaterThan(tail + 1);
});

it("waits for a hanging Redis three times, then refuses at once, and comes back as it was", async () => {
  const redis = await redisOf();
  const node = await upOn(redis.url, { lookupTimeoutMs: 50, checkEveryMs: 60_000 });
  redis.pause();
  const reasons: string[] = [];
  for (let call = 0; call < 6; call++) reasons.push(await refusalOf(node.store.look(name, [])));
  expect(reasons).toEqual(["timeout", "timeout", "timeout", "down", "down", "down"]);
  redis.resume();
  await backAs(node, false);
  expect(await node.store.look(name, [])).toEqual({ entry: undefined, tags: [] });
});

it("finds out by itself that Redis hangs", async () => {
  const redis = await redisOf();
  const node = await upOn(redis.url, { contactTimeoutMs: 200 });
  redis.pause();
  await until(() => !node.store.isUp);
  redis.resume();
  await backAs(node, false);
});

it("is renewed after FLUSHALL, and when the log alone is gone", async () => {
  const redis = await redisOf();
  const node = await upOn(redis.url);
  await redis.cli("FLUSHALL");
  await backAs(node, true, 1);
  const tail = await node.store.logTail();
  const contacts = node.told.length;
  await redis.cli("DEL", "test:log:{log}");
  await backAs(node, true, contacts);
  expect(await node.store.logTail()).toBeGreaterThan(tail);
});

it("never begins a log anew by itself", async () => {
  const redis = await redisOf();
  const node = await upOn(redis.url, { checkEveryMs: 60_000 });
  await redis.cli("DEL", "test:log:{log}");
  expect(await refusalOf(change(node.store))).toBe("refused");
  await backAs(node, true);
  expect((await change(node.store)).tags).toHaveLength(1);
});

it("brings its scripts again when they are gone", async () => {
  const redis = await redisOf();
  const node = await upOn(redis.url);
  await redis.cli("SCRIPT", "FLUSH");
  expect(await refusalOf(node.store.ensure(["item"], 0))).toBe("refused");
  await backAs(node, false);
  expect(await node.store.ensure(["item"], 0)).toHaveLength(1);
});

it("reads on while Redis is full, and refuses what cannot be written", async () => {
  const redis = await redisOf();
  const node = await upOn(redis.url);
  await node.store.ensure(["item"], 1);
  await redis.config("maxmemory", "1");
  expect(await refusalOf(change(node.store))).toBe("refused");
  expect(await refusalOf(node.store.put(name, Buffer.from("x"), 1_000))).toBe("refused");
  expect((await node.store.look(name, ["item"])).tags[0]?.changedAtMs).toBe(1);
  expect(node.store.isUp).toBe(true);
  expect(node.store.mayEvict).toBe(false);
  await redis.config("maxmemory", "0");
  await change(node.store);
  expect(node.told).toEqual([true]);
});

it("says that Redis may evict before it does, and loses nothing unseen when it does", async () => {
  const settings = ["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-random"];
  const redis = await redisOf({ settings });
  const node = await upOn(redis.url);
  await until(() => node.store.mayEvict);
  let last = 0;
  for (let at = 0; at < 3_000; at++) {
    const entry = { key: `entry ${at}`, tag: "item" };
    await node.store.put(entry, Buffer.alloc(2_000), 60_000).catch(() => {});
    const beat = await node.store.beat(Buffer.from("b")).catch(() => undefined);
    expect(beat === undefined || beat.sequence > last).toBe(true);
    last = beat?.sequence ?? last;
  }
  await until(() => (node.store.facts().evictedKeys ?? 0) > 0);
  await until(() => node.store.isUp);
});

it("refuses keys that hold something else", async () => {
  const redis = await redisOf();
  const node = await upOn(redis.url);
  await node.store.put(name, Buffer.from("x"), 60_000);
  await node.store.ensure(["item"], 0);
  const keys = (await redis.cli("KEYS", "test:*")) as string[];
  const [tag = ""] = keys.filter((key) => key.startsWith("test:t:"));
  const [entry = ""] = keys.filter((key) => key.startsWith("test:e:"));
  for (const key of [tag, entry]) {
    await redis.cli("DEL", key);
    await redis.cli("LPUSH", key, "something else");
    expect(await refusalOf(node.store.look(name, ["item"]))).toBe("refused");
    await redis.cli("DEL", key);
  }
  await redis.cli("HSET", tag, "t", "short", "c", "0");
  expect(await refusalOf(node.store.look(name, ["item"]))).toBe("refused");
  expect(node.store.isUp).toBe(true);
});

it("keeps epochs, the log and its ids for ever, and everything else for a time", async () => {
  const redis = await redisOf();
  const { store } = await upOn(redis.url);
  await store.ensure(["epoch 1"], 0);
  await change(store, ["epoch 2"]);
  const kept = async () => {
    const keys = (await redis.cli("KEYS", "*")) as string[];
    const ttls = await Promise.all(keys.map((key) => redis.cli("PTTL", key)));
    return [ttls.filter((ttl) => ttl === -1).length, ttls.length];
  };
  expect(await kept()).toEqual([4, 4]);
  await store.ensure(["item 1"], 0);
  await change(store, ["item 2"]);
  await store.mark(["item 3"], "w", store.clock.latestMs(systemClock.nowMs()) + 900_000, [], 0);
  await store.put(name, Buffer.from("x"), 1_000);
  await store.lease("l", "me", 1_000);
  await store.saveCheckpoint("c", new Map([["a", "b"]]), 1_000);
  expect(await kept()).toEqual([4, 10]);
});

it("tells nobody its password, and says what is wrong with it", async () => {
  const redis = await redisOf({ password: "right" });
  const wrong = nodeOf(redis.url.replace("right", "wrong-secret"));
  const none = nodeOf(redis.url.replace(":right@", ""));
  await until(() => /WRONGPASS/.test(wrong.store.facts().lastError ?? ""));
  await until(() => /NOAUTH/.test(none.store.facts().lastError ?? ""));
  const error = await wrong.store.look(name, []).catch(String);
  expect([...wrong.printed, error].join()).not.toContain("wrong-secret");
  expect(wrong.told.length + none.told.length).toBe(0);
});

it("survives servers that are not Redis", async () => {
  const texts = [
    "HTTP/1.1 400 Bad Request\r\n\r\n",
    "$-1\r\n".repeat(9),
    "+OK\r\n".repeat(9),
    ":1\r\n",
    "*-1\r\n",
  ];
  texts.push("*1000000000\r\n", "$5\r\nab", "-\r\n-ERR\r\n-MOVED 1 x\r\n", "\0\xff\r\n\r\n", "");
  for (const text of texts) {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {}).on("data", () => void socket.write(Buffer.from(text, "latin1")));
      // At once, too: an answer before any question.
      if (text === "") socket.destroy();
      else socket.write(Buffer.from(text, "latin1"));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    const address = server.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    const node = nodeOf(`redis://127.0.0.1:${port}`, { contactTimeoutMs: 100 });
    await until(() => node.store.facts().lastError !== undefined && sockets.size > 2);
    expect(node.told).toEqual([]);
    await node.store.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
});
