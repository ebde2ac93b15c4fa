// Redis slow, hanging, gone, flushed, full, read-only or talking nonsense: no client ever sees an error because of it.

import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startProxy } from "../support/proxy.ts";
import { call } from "../support/raw-client.ts";
import { eventually, type FleetNode, type RedisFleet, startRedisFleet, up } from "../support/redis-fleet.ts";
import { HASH_ONLY } from "../support/tables.ts";

const Key = (name: string) => ({ pk: { S: name } });
const put = (name: string, v: number) => ({ Item: { ...Key(name), v: { N: String(v) } } });

describe("while Redis fails", () => {
  let fleet: RedisFleet;
  beforeAll(async () => {
    fleet = await startRedisFleet(2, HASH_ONLY, {
      streams: "off",
      degradedMaxAgeMs: 500,
      freshWithinMs: 1000,
    });
  });
  afterAll(() => fleet?.close());
  afterEach(async () => {
    fleet.redis.resume();
    for (const { link } of fleet.nodes) link.heal();
    await fleet.redis.config("maxmemory", "0");
    await Promise.all(fleet.nodes.map(up));
  });

  /** Writes and reads through both nodes; every answer is a success, and a node's own writes are seen at once. */
  async function works(name: string, rounds = 20): Promise<void> {
    for (let round = 1; round <= rounds; round += 1) {
      for (const [at, node] of fleet.nodes.entries()) {
        const own = `${name} ${at}`;
        const written = await node.ask("PutItem", put(own, round));
        expect(written.status, JSON.stringify(written.body)).toBe(200);
        const read = await node.ask("GetItem", { Key: Key(own) });
        expect(read.status).toBe(200);
        expect(read.body.Item).toMatchObject({ v: { N: String(round) } });
      }
    }
  }

  /** What stands in DynamoDB is what both nodes show, once they have settled. */
  async function agrees(name: string): Promise<void> {
    for (const at of fleet.nodes.keys()) {
      const { Item } = await fleet.around("GetItem", { Key: Key(`${name} ${at}`), ConsistentRead: true });
      for (const node of fleet.nodes) {
        await eventually(async () => {
          const { Item: shown } = await node.call("GetItem", { Key: Key(`${name} ${at}`) });
          return Object(shown).v?.N === Object(Item).v?.N;
        });
      }
    }
  }

  it("slow beyond the bounds", async () => {
    for (const { link } of fleet.nodes) link.delay(200);
    await works("slow");
    for (const { link } of fleet.nodes) link.heal();
    await Promise.all(fleet.nodes.map(up));
    await agrees("slow");
  });

  it("hanging: the added wait is bounded, then there is none", async () => {
    fleet.redis.pause();
    await works("hanging");
    const { isUp } = Object(await fleet.nodes[0]?.redis());
    expect(isUp).toBe(false);
    fleet.redis.resume();
    await Promise.all(fleet.nodes.map(up));
    await agrees("hanging");
  });

  it("cut off in the middle of an answer, again and again", async () => {
    const tearing = setInterval(() => {
      for (const { link } of fleet.nodes) link.dropAfter(100);
    }, 50);
    await works("torn");
    clearInterval(tearing);
    for (const { link } of fleet.nodes) link.heal();
    await Promise.all(fleet.nodes.map(up));
    await agrees("torn");
  });

  it("flushed under way", async () => {
    const flushing = setInterval(() => void fleet.redis.cli("FLUSHALL"), 100);
    await works("flushed");
    clearInterval(flushing);
    await sleep(150);
    await Promise.all(fleet.nodes.map(up));
    await agrees("flushed");
  });

  it("out of memory, evicting nothing", async () => {
    await works("before");
    await fleet.redis.config("maxmemory-policy", "noeviction");
    await fleet.redis.config("maxmemory", "1");
    await works("full");
    await fleet.redis.config("maxmemory", "0");
    await Promise.all(fleet.nodes.map(up));
    await agrees("full");
    await agrees("before");
  });

  it("a read-only replica of another", async () => {
    await fleet.redis.cli("REPLICAOF", "127.0.0.1", "1");
    await works("read-only");
    await fleet.redis.cli("REPLICAOF", "NO", "ONE");
    await Promise.all(fleet.nodes.map(up));
    await agrees("read-only");
  });

  it("keys of the wrong type, and damaged ones", async () => {
    await works("wrong");
    for (const name of (await fleet.redis.cli("KEYS", "*")) as string[]) {
      if (name.includes("log") || name.includes("ids")) continue;
      await fleet.redis.cli("DEL", name);
      await fleet.redis.cli("RPUSH", name, "nonsense");
    }
    await works("wrong");
    for (const name of (await fleet.redis.cli("KEYS", "*")) as string[]) {
      if ((await fleet.redis.cli("TYPE", name)) === "list") await fleet.redis.cli("DEL", name);
    }
    await Promise.all(fleet.nodes.map(up));
    await agrees("wrong");
  });

  it("without it hits go on, for a short time each", async () => {
    const [node] = fleet.nodes;
    await node?.call("PutItem", put("short", 1));
    fleet.redis.pause();
    await eventually(async () => Object(await node?.redis()).isHearing === false);
    await node?.call("GetItem", { Key: Key("short") });
    expect((await node?.ask("GetItem", { Key: Key("short") }))?.how).toMatch(/hit; tier=memory/);
    await eventually(
      async () => (await node?.ask("GetItem", { Key: Key("short") }))?.how.startsWith("miss") === true,
    );
  });

  it("a node that was cut off sees what the others wrote, at the latest when its hits are too old", async () => {
    const [a, b] = fleet.nodes as [FleetNode, FleetNode];
    await a.call("PutItem", put("cut", 1));
    await eventually(async () => Object((await b.call("GetItem", { Key: Key("cut") })).Item).v?.N === "1");
    b.link.cut();
    await a.call("PutItem", put("cut", 2));
    await eventually(
      async () => Object((await b.call("GetItem", { Key: Key("cut") })).Item).v?.N === "2",
      5_000,
    );
  });
});

describe("writeGuard: require", () => {
  it("refuses a write that cannot be announced, with an error that SDKs repeat, and does not send it", async () => {
    const fleet = await startRedisFleet(1, HASH_ONLY, { streams: "off", writeGuard: "require" });
    try {
      const node = fleet.nodes[0] as FleetNode;
      expect((await node.ask("PutItem", put("a", 1))).status).toBe(200);
      const sent = fleet.upstream.count("PutItem");
      node.link.cut();
      await eventually(async () => Object(await node.redis()).isUp === false);
      const refused = await node.ask("PutItem", put("a", 2));
      expect(refused.status).toBe(400);
      expect(refused.body.__type).toMatch(/#ThrottlingException$/);
      expect(refused.how).toContain("not-guarded");
      expect(fleet.upstream.count("PutItem")).toBe(sent);
      expect((await node.ask("GetItem", { Key: Key("a") })).status).toBe(200);
      node.link.heal();
      await up(node);
      expect((await node.ask("PutItem", put("a", 3))).status).toBe(200);
      expect((await node.call("GetItem", { Key: Key("a") })).Item).toMatchObject({ v: { N: "3" } });
    } finally {
      await fleet.close();
    }
  });
});

describe("an address where there is no Redis", () => {
  it("is no hindrance: a port that nobody listens on, one that closes, one that talks nonsense", async () => {
    const nonsense = createServer((socket) => {
      socket.on("error", () => {});
      socket.write("HTTP/1.1 400 Bad Request\r\n\r\n*-3\r\n$9999999999\r\n");
    });
    const closing = createServer((socket) => socket.destroy());
    const ports = await Promise.all(
      [nonsense, closing].map(
        (server) =>
          new Promise<number>((resolve) => {
            server.listen(0, "127.0.0.1", () => resolve(Object(server.address()).port));
          }),
      ),
    );
    for (const port of [1, ...ports]) {
      const proxy = await startProxy({ settings: { redis: `redis://127.0.0.1:${port}`, streams: "off" } });
      try {
        for (let round = 0; round < 20; round += 1) {
          const reply = await call(proxy.url, "ListTables", {});
          expect(reply.status).toBe(200);
          const { status, body } = await call(proxy.url, "GetItem", {
            TableName: "nobody-has-it",
            Key: Key("a"),
          });
          expect([status, body.__type]).toEqual([400, expect.stringContaining("ResourceNotFound")]);
          await sleep(10);
        }
      } finally {
        await proxy.stop();
      }
    }
    nonsense.close();
    closing.close();
  });
});
