/** What every shared store has to do, whatever is behind it: run against each of them (shared-store-redis.test.ts). */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sharedLogContract } from "./shared-store-log.ts";
import { entryName, Nodes, refusalOf, type StoresUnderTest } from "./shared-store-nodes.ts";
import { sharedTagContract } from "./shared-store-tags.ts";

/** @param start makes a world in which nothing has ever been stored */
export function sharedStoreContract(
  name: string,
  start: () => StoresUnderTest | Promise<StoresUnderTest>,
): void {
  sharedTagContract(name, start);
  sharedLogContract(name, start);

  describe(`${name}: contact`, () => {
    let nodes: Nodes;
    beforeEach(async () => {
      nodes = new Nodes(await start());
    });
    afterEach(() => nodes.close());

    it("refuses everything before the first contact and after it is closed", async () => {
      const store = nodes.idle();
      const calls = [
        () => store.look(entryName, ["item a"]),
        () => store.ensure(["item a"], 0),
        () => store.put(entryName, Buffer.from("x"), 1_000),
        () =>
          store.change({
            tags: [],
            changedAtMs: 0,
            writer: "w",
            pendingUntilMs: 0,
            bornAtMs: 0,
            message: Buffer.from("m"),
          }),
        () => store.mark(["item a"], "w", 1, [], 0),
        () => store.unmark(["item a"], "w"),
        () => store.beat(Buffer.from("b")),
        () => store.readLog(0, 1, 0),
        () => store.logTail(),
        () => store.lease("l", "me", 1_000),
        () => store.release("l", "me"),
        () => store.saveCheckpoint("c", new Map(), 1_000),
        () => store.loadCheckpoint("c"),
        () => store.dropCheckpoint("c"),
      ];
      for (const call of calls) expect(await refusalOf(call())).toBe("down");
      expect(store.isUp).toBe(false);
      expect(store.mayEvict).toBe(true);
      expect(store.clock.earliestMs(nodes.world.nowMs())).toBe(Number.NEGATIVE_INFINITY);
      expect(store.clock.latestMs(nodes.world.nowMs())).toBe(Number.POSITIVE_INFINITY);
      store.start(async () => {});
      await nodes.until(() => store.isUp);
      expect(store.facts()).toMatchObject({ isUp: true, lastError: undefined });
      await store.close();
      expect(store.isUp).toBe(false);
      for (const call of calls) expect(await refusalOf(call())).toBe("down");
    });

    it("works for the callee of a contact while everybody else is refused", async () => {
      const store = nodes.idle();
      const inside = Promise.withResolvers<void>();
      const go = Promise.withResolvers<void>();
      store.start(async () => {
        await store.ensure(["item a"], 7);
        inside.resolve();
        await go.promise;
        // Still its own after waiting for something else, and for work that it started.
        await Promise.all([store.beat(Buffer.from("b")), store.look(entryName, ["item a"])]);
      });
      await inside.promise;
      expect(store.isUp).toBe(false);
      expect(await refusalOf(store.look(entryName, ["item a"]))).toBe("down");
      go.resolve();
      await nodes.until(() => store.isUp);
      expect((await store.look(entryName, ["item a"])).tags[0]?.changedAtMs).toBe(7);
    });

    it("stays down while the callee rejects, and tells it again what it was told", async () => {
      const told: boolean[] = [];
      const store = nodes.idle();
      store.start(async (renewed) => {
        told.push(renewed);
        expect(store.isUp).toBe(false);
        if (told.length < 3) throw new Error("not yet");
      });
      await nodes.until(() => store.isUp);
      // The server was empty, so nobody can know what it forgot.
      expect(told).toEqual([true, true, true]);
    });

    it("is renewed at the first contact with an empty server, and not for who comes next", async () => {
      const told: boolean[] = [];
      for (let node = 0; node < 3; node++) await nodes.up(async (renewed) => void told.push(renewed));
      expect(told).toEqual([true, false, false]);
    });

    it("knows the reference time within bounds that agree on all nodes", async () => {
      const [a, b] = [await nodes.up(), await nodes.up()];
      const now = nodes.world.nowMs();
      for (const { clock } of [a, b]) {
        expect(clock.earliestMs(now)).toBeLessThanOrEqual(clock.latestMs(now));
        expect(clock.latestMs(now + 1_000)).toBeGreaterThan(clock.latestMs(now));
        // Nobody knows better later on without asking again.
        const width = (at: number) => clock.latestMs(at) - clock.earliestMs(at);
        expect(width(now + 10_000_000)).toBeGreaterThan(width(now));
      }
      expect(a.clock.earliestMs(now)).toBeLessThanOrEqual(b.clock.latestMs(now));
      expect(b.clock.earliestMs(now)).toBeLessThanOrEqual(a.clock.latestMs(now));
    });
  });
}
