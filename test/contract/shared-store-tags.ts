/** The shared store's contract, part one: tags, marks and entries. Called by shared-store.ts. */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SharedStore, TagChange } from "../../src/redis/shared-store.ts";
import { entryName, Nodes, type StoresUnderTest } from "./shared-store-nodes.ts";

const HASH = "abcdefghijklmnopqrstuv";

/** An entry as the cache writes it: version 1, the item's token, the image's hash, whatever follows. */
function entryOf(token: string, imageHash: string, rest = "the item \0\xff"): Buffer {
  return Buffer.concat([Buffer.from([1]), Buffer.from(`${token}${imageHash}`), Buffer.from(rest, "latin1")]);
}

export function sharedTagContract(
  name: string,
  start: () => StoresUnderTest | Promise<StoresUnderTest>,
): void {
  describe(`${name}: tags and entries`, () => {
    let nodes: Nodes;
    let a: SharedStore;
    let b: SharedStore;
    beforeEach(async () => {
      nodes = new Nodes(await start());
      [a, b] = [await nodes.up(), await nodes.up()];
    });
    afterEach(() => nodes.close());

    const changeOf = (tags: readonly string[], more: Partial<TagChange> = {}): TagChange => {
      return {
        tags,
        changedAtMs: 1_000,
        writer: "w1",
        pendingUntilMs: 0,
        bornAtMs: 0,
        message: Buffer.from("m"),
        ...more,
      };
    };
    const seen = async (tag: string) => (await b.look(entryName, [tag])).tags[0] ?? expect.fail("absent");
    /** Surely over, or surely not, on every node. */
    const referenceMs = (inMs: number) => Math.ceil(a.clock.latestMs(nodes.world.nowMs())) + inMs;

    it("looks at an entry and its tags, absent ones included, in the order of the question", async () => {
      const names = ["none", "item a", "nobody", "__proto__"];
      expect(await a.look(entryName, names)).toEqual({ entry: undefined, tags: names.map(() => undefined) });
      await a.ensure(["__proto__", "item a"], 5);
      const { tags } = await b.look(entryName, names);
      expect(tags.map((tag) => tag?.changedAtMs)).toEqual([undefined, 5, undefined, 5]);
      expect((await b.look(entryName, [])).tags).toEqual([]);
    });

    it("creates absent tags only, each with a token of its own", async () => {
      const [first] = await a.ensure(["item a"], 10);
      const [same, other] = await b.ensure(["item a", "item b"], 20);
      expect(same).toEqual(first);
      expect(same).toEqual({ token: first?.token, changedAtMs: 10, bornAtMs: 10, marks: new Map() });
      expect(other?.changedAtMs).toBe(20);
      expect(other?.token).not.toBe(first?.token);
      expect(other?.token).toMatch(/^[A-Za-z0-9_-]{16}$/);
    });

    it("gives a tag that two nodes create at once one token", async () => {
      const tags = Array.from({ length: 50 }, (_, at) => `item ${at}`);
      const [one, two] = await Promise.all([a.ensure(tags, 1), b.ensure(tags, 1)]);
      expect(one).toEqual(two);
      expect(new Set(one.map(({ token }) => token)).size).toBe(tags.length);
    });

    it("keeps entries byte for byte until they expire, whatever their names", async () => {
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
      const names = ["", "{}", "{a}b", "é\0\r\n", "x".repeat(5_000)].map((key) => ({
        key,
        tag: `${key} tag`,
      }));
      for (const one of names) await a.put(one, Buffer.concat([bytes, Buffer.from(one.key)]), 60_000);
      for (const one of names) {
        const { entry = Buffer.alloc(0) } = await b.look(one, []);
        expect(Buffer.compare(entry, Buffer.concat([bytes, Buffer.from(one.key)]))).toBe(0);
      }
      // The same key under another tag is another entry.
      expect((await b.look({ key: "", tag: "other" }, [])).entry).toBeUndefined();
      await a.put({ key: "", tag: " tag" }, Buffer.from("short"), 50);
      await nodes.world.passMs(80);
      expect((await b.look({ key: "", tag: " tag" }, [])).entry).toBeUndefined();
    });

    it("changes tags: a new token each time, the old one told, the time never going back", async () => {
      const [first] = await a.ensure(["item a"], 0);
      const one = await a.change(changeOf(["item a", "fresh"], { changedAtMs: 5_000 }));
      expect(one.confirmed).toBe(false);
      expect(one.tags.map(({ before }) => before)).toEqual([first?.token, undefined]);
      expect(one.tags.map(({ markedByOthers }) => markedByOthers)).toEqual([false, false]);
      expect(await seen("item a")).toEqual({
        token: one.tags[0]?.token,
        changedAtMs: 5_000,
        bornAtMs: 0,
        marks: new Map(),
      });
      const two = await b.change(changeOf(["item a"], { changedAtMs: 4_000, writer: "w2" }));
      expect(two.tags[0]?.before).toBe(one.tags[0]?.token);
      expect(await seen("item a")).toMatchObject({ token: two.tags[0]?.token, changedAtMs: 5_000 });
      expect(new Set([first, ...one.tags, ...two.tags].map((tag) => tag?.token)).size).toBe(4);
    });

    it("lets no change of two nodes pass unseen by the other", async () => {
      const changes = Array.from({ length: 40 }, (_, at) => (at % 2 ? a : b).change(changeOf(["item a"])));
      const all = (await Promise.all(changes)).map(({ tags }) => tags[0]);
      // Every token was replaced by exactly one other: a chain.
      const replaced = all.map((tag) => tag?.before);
      expect(new Set(replaced).size).toBe(all.length);
      expect(replaced.filter((before) => before === undefined)).toHaveLength(1);
      const last = all.filter((tag) => !replaced.includes(tag?.token));
      expect(last.map((tag) => tag?.token)).toEqual([(await seen("item a")).token]);
    });

    it("marks tags with new tokens, and shows the marks of all writers", async () => {
      const [before] = await a.ensure(["item a", "looked at"], 3);
      const until = referenceMs(60_000);
      const one = await a.mark(["item a", "fresh"], "w1", until, ["looked at", "absent"], 0);
      expect(one.marked.map(({ marks }) => [...marks])).toEqual([[["w1", until]], [["w1", until]]]);
      expect(one.marked.map(({ changedAtMs }) => changedAtMs)).toEqual([3, 0]);
      expect(one.marked[0]?.token).not.toBe(before?.token);
      expect(one.also.map((tag) => tag?.changedAtMs)).toEqual([3, undefined]);
      expect(await seen("item a")).toEqual(one.marked[0]);
      const two = await b.mark(["item a"], "w2", until + 1, [], 0);
      const both = new Map([
        ["w1", until],
        ["w2", until + 1],
      ]);
      expect(two.marked[0]?.marks).toEqual(both);
      expect(two.marked[0]?.token).not.toBe(one.marked[0]?.token);
      // Renewing it moves the end only.
      expect((await a.mark(["item a"], "w1", until + 5, [], 0)).marked[0]?.marks.get("w1")).toBe(until + 5);
    });

    it("keeps when a tag was created, whoever did it, whatever changes it later", async () => {
      const until = referenceMs(60_000);
      await a.ensure(["looked for", "settled"], 0);
      await a.ensure(["looked for too"], 7);
      const { tags: changed } = await a.change(changeOf(["settled", "item a"], { bornAtMs: 8 }));
      expect(changed.map(({ bornAtMs }) => bornAtMs)).toEqual([0, 8]);
      const { marked } = await b.mark(["settled", "item b"], "w2", until, ["looked for too"], 9);
      expect(marked.map(({ bornAtMs, changedAtMs }) => [bornAtMs, changedAtMs])).toEqual([
        [0, 1_000],
        [9, 9],
      ]);
      const names = ["looked for", "looked for too", "settled", "item a", "item b"];
      await b.ensure(names, 10);
      await b.mark(names, "w3", until, [], 11);
      await a.unmark(names, "w3");
      const { tags: again } = await a.change(changeOf(names, { writer: "w2", bornAtMs: 12 }));
      expect(again.map(({ bornAtMs }) => bornAtMs)).toEqual([0, 7, 0, 8, 9]);
      const { tags } = await b.look(entryName, names);
      expect(tags.map((tag) => tag?.bornAtMs)).toEqual([0, 7, 0, 8, 9]);
      expect(tags.map((tag) => tag?.changedAtMs)).toEqual(names.map(() => 1_000));
    });

    it("removes with the outcome only the writer's own mark", async () => {
      const until = referenceMs(60_000);
      await a.mark(["item a"], "w1", until, [], 0);
      await b.mark(["item a"], "w2", until, [], 0);
      const [mine] = (await a.change(changeOf(["item a"], { writer: "w1" }))).tags;
      expect(mine?.markedByOthers).toBe(true);
      expect([...(await seen("item a")).marks.keys()]).toEqual(["w2"]);
      const [last] = (await b.change(changeOf(["item a"], { writer: "w2" }))).tags;
      expect(last?.markedByOthers).toBe(false);
      expect((await seen("item a")).marks.size).toBe(0);
    });

    it("marks with a change whose outcome is unknown", async () => {
      const until = referenceMs(60_000);
      const { tags } = await a.change(changeOf(["item a"], { pendingUntilMs: until }));
      expect(tags[0]?.markedByOthers).toBe(false);
      expect((await seen("item a")).marks).toEqual(new Map([["w1", until]]));
      expect((await b.change(changeOf(["item a"], { writer: "w2" }))).tags[0]?.markedByOthers).toBe(true);
    });

    it("takes a mark back without a change", async () => {
      const until = referenceMs(60_000);
      await b.mark(["item a"], "w2", until, [], 0);
      const { marked } = await a.mark(["item a"], "w1", until, [], 0);
      await a.unmark(["item a", "absent"], "w1");
      const after = await seen("item a");
      expect(after).toEqual({
        token: marked[0]?.token,
        changedAtMs: 0,
        bornAtMs: 0,
        marks: new Map([["w2", until]]),
      });
      expect((await b.look(entryName, ["absent"])).tags).toEqual([undefined]);
    });

    it("counts a mark that has ended as a change at its end, for ever", async () => {
      const soon = referenceMs(700);
      await a.mark(["item a"], "w1", soon, [], 0);
      await a.mark(["item a"], "w2", soon + 60_000, [], 0);
      expect((await seen("item a")).changedAtMs).toBe(0);
      await nodes.until(() => b.clock.earliestMs(nodes.world.nowMs()) > soon);
      const ended = { changedAtMs: soon, marks: new Map([["w2", soon + 60_000]]) };
      expect(await seen("item a")).toMatchObject(ended);
      expect((await b.ensure(["item a"], 0))[0]).toMatchObject(ended);
      // Neither a refused write's late unmark nor another change makes it undone.
      await a.unmark(["item a"], "w1");
      expect(await seen("item a")).toMatchObject(ended);
      const { tags } = await b.change(changeOf(["item a"], { writer: "w2", changedAtMs: 1 }));
      expect(tags[0]?.markedByOthers).toBe(false);
      expect(await seen("item a")).toMatchObject({ changedAtMs: soon, marks: new Map() });
    });

    describe("confirm or kill", () => {
      const confirm = { name: entryName, imageHash: HASH };
      const stored = async (imageHash = HASH, of?: string): Promise<string> => {
        const [tag] = await a.ensure(["item a"], 0);
        const token = tag?.token ?? expect.fail("no tag");
        await a.put(entryName, entryOf(of ?? token, imageHash), 60_000);
        return token;
      };
      const bytes = async () => Buffer.from((await b.look(entryName, [])).entry ?? []);

      it("gives the entry that shows the image the new token, and nothing else", async () => {
        await stored();
        const changed = await b.change(changeOf(["item a", "partition"], { confirm }));
        expect(changed.confirmed).toBe(true);
        expect((await bytes()).equals(entryOf(changed.tags[0]?.token ?? "", HASH))).toBe(true);
        // And once more, under the new one.
        const again = await a.change(changeOf(["item a"], { confirm }));
        expect(again.confirmed).toBe(true);
        expect((await bytes()).equals(entryOf(again.tags[0]?.token ?? "", HASH))).toBe(true);
      });

      it("confirms no other image, no older token, no other entry, and none that is absent", async () => {
        expect((await a.change(changeOf(["item a"], { confirm }))).confirmed).toBe(false);
        await stored("another-image-hash-abc");
        expect((await a.change(changeOf(["item a"], { confirm }))).confirmed).toBe(false);
        const token = await stored();
        await a.change(changeOf(["item a"]));
        const late = await a.change(changeOf(["item a"], { confirm }));
        expect(late.confirmed).toBe(false);
        expect((await bytes()).equals(entryOf(token, HASH))).toBe(true);
        await stored();
        const elsewhere = { name: { ...entryName, key: "entry b" }, imageHash: HASH };
        expect((await a.change(changeOf(["item a"], { confirm: elsewhere }))).confirmed).toBe(false);
        await a.put(entryName, Buffer.from("x"), 60_000);
        expect((await a.change(changeOf(["item a"], { confirm }))).confirmed).toBe(false);
        expect((await bytes()).toString()).toBe("x");
      });

      it("leaves the entry's end where it was", async () => {
        const [tag] = await a.ensure(["item a"], 0);
        await a.put(entryName, entryOf(tag?.token ?? "", HASH), 300);
        expect((await a.change(changeOf(["item a"], { confirm }))).confirmed).toBe(true);
        await nodes.world.passMs(400);
        expect(await bytes()).toHaveLength(0);
      });
    });
  });
}
