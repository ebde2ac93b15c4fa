/** The shared store's contract, part two: the log, leases and checkpoints. Called by shared-store.ts. */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SharedStore } from "../../src/redis/shared-store.ts";
import { entryName, Nodes, type StoresUnderTest } from "./shared-store-nodes.ts";

export function sharedLogContract(
  name: string,
  start: () => StoresUnderTest | Promise<StoresUnderTest>,
): void {
  describe(`${name}: log, leases and checkpoints`, () => {
    let nodes: Nodes;
    let a: SharedStore;
    let b: SharedStore;
    beforeEach(async () => {
      nodes = new Nodes(await start());
      [a, b] = [await nodes.up(), await nodes.up()];
    });
    afterEach(() => nodes.close());

    const change = (store: SharedStore, text: string, tags = ["item a"]) => {
      const message = Buffer.from(text);
      return store.change({ tags, changedAtMs: 1, writer: "w", pendingUntilMs: 0, bornAtMs: 0, message });
    };
    const texts = async (after: number, countMax = 100, waitMs = 0) =>
      (await b.readLog(after, countMax, waitMs)).map(({ sequence, body }) => [
        sequence - after,
        Buffer.from(body).toString("latin1"),
      ]);

    it("numbers messages densely, from whichever node they come", async () => {
      const tail = await a.logTail();
      await change(a, "one");
      const beat = await b.beat(Buffer.from("two\0\xff", "latin1"));
      expect(beat).toEqual({ sequence: tail + 2, acknowledged: true });
      await change(a, "three", []);
      expect(await b.logTail()).toBe(tail + 3);
      const all = [
        [1, "one"],
        [2, "two\0\xff"],
        [3, "three"],
      ];
      expect(await texts(tail)).toEqual(all);
      expect(await texts(tail, 2)).toEqual(all.slice(0, 2));
      expect(await texts(tail + 2)).toEqual([[1, "three"]]);
      expect(await texts(tail + 3)).toEqual([]);
    });

    it("gives every message of many at once a number of its own", async () => {
      const tail = await a.logTail();
      const names = Array.from({ length: 100 }, (_, at) => `message ${at}`);
      await Promise.all(names.map((text, at) => change(at % 2 ? a : b, text, [text])));
      const read = await b.readLog(tail, 1_000, 0);
      expect(read.map(({ sequence }) => sequence - tail)).toEqual(names.map((_, at) => at + 1));
      expect(read.map(({ body }) => Buffer.from(body).toString()).sort()).toEqual([...names].sort());
    });

    it("tells the log only of what has changed", async () => {
      const tail = await a.logTail();
      const tags = Array.from({ length: 20 }, (_, at) => `item ${at}`);
      const [old] = await a.ensure(["item 19"], 0);
      const reading = b.readLog(tail, 1, 5_000);
      const changing = change(a, "changed", tags);
      expect(await reading).toHaveLength(1);
      const { tags: now } = await b.look(entryName, tags);
      expect(now.every((tag) => tag !== undefined && tag.token !== old?.token)).toBe(true);
      expect((await changing).tags.map(({ token }) => token)).toEqual(now.map((tag) => tag?.token));
    });

    it("waits for the first message, and not for ever", async () => {
      const tail = await a.logTail();
      const reading = texts(tail, 100, 10_000);
      await nodes.world.passMs(50);
      await change(a, "late");
      expect(await reading).toEqual([[1, "late"]]);
      const nothing = b.readLog(tail + 1, 100, 60);
      await nodes.world.passMs(60);
      expect(await nothing).toEqual([]);
    });

    it("shows a hole to whoever comes too late", async () => {
      // 1 a reader is away · 2 the log outgrows its bound · 3 the reader comes back: the number next to his is gone
      const tail = await a.logTail();
      for (let round = 0; round < 20; round++) {
        await Promise.all(Array.from({ length: 100 }, () => a.beat(Buffer.from("x"))));
      }
      const read = await b.readLog(tail, 10_000, 0);
      expect(read[0]?.sequence).toBeGreaterThan(tail + 1);
      const [first = 0, last = 0] = [read[0]?.sequence, read.at(-1)?.sequence];
      expect(last).toBe(tail + 2_000);
      expect(read.map(({ sequence }) => sequence)).toEqual(read.map((_, at) => first + at));
    });

    it("leases a name to one holder at a time", async () => {
      expect(await a.lease("leader", "a", 200)).toBe(true);
      expect(await b.lease("leader", "b", 200)).toBe(false);
      expect(await b.lease("another", "b", 200)).toBe(true);
      await b.release("leader", "b");
      expect(await b.lease("leader", "b", 200)).toBe(false);
      expect(await a.lease("leader", "a", 60_000)).toBe(true);
      await nodes.world.passMs(250);
      // Renewed for a minute.
      expect(await b.lease("leader", "b", 200)).toBe(false);
      await a.release("leader", "a");
      expect(await b.lease("leader", "b", 100)).toBe(true);
      await nodes.world.passMs(150);
      expect(await a.lease("leader", "a", 100)).toBe(true);
    });

    it("gives a lease that two nodes want at once to one of them", async () => {
      for (let round = 0; round < 20; round++) {
        const got = await Promise.all([a.lease(`l${round}`, "a", 60_000), b.lease(`l${round}`, "b", 60_000)]);
        expect(got.filter((one) => one)).toHaveLength(1);
      }
    });

    it("keeps checkpoints field by field", async () => {
      expect(await a.loadCheckpoint("t")).toEqual(new Map());
      const fields = new Map([
        ["shard-1", "100"],
        ["__proto__", "é\0"],
      ]);
      await a.saveCheckpoint("t", fields, 60_000);
      await b.saveCheckpoint("t", new Map([["shard-2", "7"]]), 60_000);
      expect(await a.loadCheckpoint("t")).toEqual(new Map([...fields, ["shard-2", "7"]]));
      await a.saveCheckpoint(
        "t",
        new Map([
          ["shard-1", ""],
          ["shard-2", "8"],
          ["never there", ""],
        ]),
        60_000,
      );
      expect(await b.loadCheckpoint("t")).toEqual(
        new Map([
          ["__proto__", "é\0"],
          ["shard-2", "8"],
        ]),
      );
      expect(await b.loadCheckpoint("u")).toEqual(new Map());
      await b.dropCheckpoint("t");
      expect(await a.loadCheckpoint("t")).toEqual(new Map());
    });

    it("forgets a checkpoint when its time is over", async () => {
      await a.saveCheckpoint("t", new Map([["shard", "1"]]), 60_000);
      await a.saveCheckpoint("t", new Map([["shard", "2"]]), 50);
      await nodes.world.passMs(80);
      expect(await a.loadCheckpoint("t")).toEqual(new Map());
    });
  });
}
