// Redis removes what it likes, all the time: that costs hits, and never an answer older than the contract allows.

import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type FleetNode, startRedisFleet } from "../support/redis-fleet.ts";
import { HASH_ONLY } from "../support/tables.ts";

const forMs = 8_000;
/** Item 2 of the contract with the default settings, and half a second for a busy machine. */
const boundMs = 2_500;
const hotKeys = 30;
const fillerKeys = 1_500;
const filler = "x".repeat(6_000);
/** About 1 MB a second. */
const fillingPauseMs = 40;

describe.each(["allkeys-lru", "allkeys-random", "volatile-lru"])("maxmemory 4 MB, %s", (policy) => {
  it("nothing stale is shown by either node, although tags and entries vanish", {
    timeout: 90_000,
  }, async () => {
    const limits = ["--maxmemory", "4mb", "--maxmemory-policy", policy];
    // Tiny in memory too: most look-ups go to Redis.
    const memory = { settleMs: 100, cacheBytesMax: 65_536 };
    // What is read under a tag that is younger than a write may be late is not stored in Redis.
    const late = { requestTimeoutMs: 1_500, unknownOutcomeMs: 50 };
    const settings = { streams: "off", ...memory, ...late };
    const fleet = await startRedisFleet(2, HASH_ONLY, settings, limits);
    try {
      const acknowledged = new Map<string, { v: number; atMs: number }[]>();
      const stale: string[] = [];
      let [reads, far, written] = [0, 0, 0];
      const endAtMs = performance.now() + forMs;
      const isOver = () => performance.now() > endAtMs || stale.length > 0;

      const read = async (node: FleetNode, name: string, own: number): Promise<void> => {
        const startedAtMs = performance.now();
        const { body, how, status } = await node.ask("GetItem", { Key: { pk: { S: name } } });
        expect(status).toBe(200);
        reads += 1;
        if (how.includes("tier=redis")) far += 1;
        const shown = Number(Object(body.Item).v?.N ?? 0);
        const due = (acknowledged.get(name) ?? []).filter(({ atMs }) => atMs < startedAtMs - boundMs);
        const least = Math.max(own, 0, ...due.map(({ v }) => v));
        if (shown < least) stale.push(`${name}: ${shown}, not ${least} or later [${how}]`);
      };
      /** The only writer of its keys, through one node; it reads through both. */
      const writer = async (at: number): Promise<void> => {
        for (let v = 1; !isOver(); v += 1) {
          const name = `hot ${at} ${v % hotKeys}`;
          const node = fleet.nodes[at % 2] as FleetNode;
          const { status } = await node.ask("PutItem", { Item: { pk: { S: name }, v: { N: String(v) } } });
          expect(status).toBe(200);
          written += 1;
          const versions = acknowledged.get(name) ?? [];
          acknowledged.set(name, [...versions, { v, atMs: performance.now() }]);
          await read(node, name, v);
        }
      };
      const reader = async (at: number): Promise<void> => {
        for (let turn = at; !isOver(); turn += 7) {
          await read(fleet.nodes[turn % 2] as FleetNode, `hot ${turn % 3} ${turn % hotKeys}`, 0);
        }
      };
      const filling = async (at: number): Promise<void> => {
        for (let n = at; !isOver(); n += 2) {
          const Key = { pk: { S: `filler ${n % fillerKeys}` } };
          const node = fleet.nodes[at] as FleetNode;
          if (n < fillerKeys)
            await fleet.around("PutItem", { Item: { ...Key, v: { N: "0" }, filler: { S: filler } } });
          await node.ask("GetItem", { Key });
          // Nodes store it only where its tag has stood for a while; somebody else needs the memory at once, and no more of it
          // than lets tags grow that old.
          await fleet.redis.cli("SET", `else ${n % fillerKeys}`, filler.repeat(3), "PX", "60000");
          await sleep(fillingPauseMs);
        }
      };
      await Promise.all([writer(0), writer(1), writer(2), reader(0), reader(1), filling(0), filling(1)]);
      expect(stale).toEqual([]);
      // And there was something to lose, and something found.
      const info = String(await fleet.redis.cli("INFO", "stats"));
      expect(Number(/evicted_keys:(\d+)/.exec(info)?.[1])).toBeGreaterThan(100);
      expect(written).toBeGreaterThan(200);
      expect(reads).toBeGreaterThan(500);
      expect(far).toBeGreaterThan(50);
    } finally {
      await fleet.close();
    }
  });
});
