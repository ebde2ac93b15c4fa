// Conformance behaviours 1–8: the item cache. (conformance.md; P = through the proxy, D = direct)

import { describe, expect, it } from "vitest";
import { cacheOf, statusOf, until, useBench } from "../support/bench.ts";
import { DAX } from "../support/proxy.ts";

const TTL_MS = 1500;

const key = (pk: string) => ({ pk: { S: pk } });
const item = (pk: string, v: string) => ({ ...key(pk), v: { S: v } });

for (const mode of ["default", "dax"] as const) {
  describe(`item cache, ${mode} mode`, () => {
    const settings = mode === "dax" ? DAX : {};
    const bench = useBench({ settings });
    const brief = useBench({ settings: { ...settings, itemTtlMs: TTL_MS } });
    const { P, p, d } = bench;

    it("01 the second GetItem is a hit, and equal", async () => {
      const TableName = await bench.table();
      await d("PutItem", { TableName, Item: item("1", "a") });
      const first = await p("GetItem", { TableName, Key: key("1") });
      const second = await p("GetItem", { TableName, Key: key("1") });
      expect(bench.upstream.count("GetItem")).toBe(1);
      expect(second.bytes).toEqual(first.bytes);
      expect(first.body).toEqual({ Item: item("1", "a") });
      expect([cacheOf(first), cacheOf(second)]).toEqual(["miss", "hit; tier=memory"]);
    });

    it("02 an update around the proxy is seen when the TTL has passed", async () => {
      const TableName = await brief.table();
      await d("PutItem", { TableName, Item: item("1", "old") });
      const ask = async () => (await brief.p("GetItem", { TableName, Key: key("1") })).body.Item.v.S;
      const readAt = performance.now();
      expect(await ask()).toBe("old");
      await d("PutItem", { TableName, Item: item("1", "new") });
      const seen = await ask();
      if (performance.now() - readAt < TTL_MS) expect(seen).toBe("old");
      await until(ask, (v) => v === "new");
      // Never served beyond its TTL: the machine may be slow, the clock is not.
      expect(performance.now() - readAt).toBeGreaterThanOrEqual(TTL_MS);
    });

    it("06 a missing key is remembered as missing", async () => {
      const TableName = await bench.table();
      const first = await P("GetItem", { TableName, Key: key("none") });
      const second = await P("GetItem", { TableName, Key: key("none") });
      expect([first.status, second.status]).toEqual([200, 200]);
      expect([first.body, second.body]).toEqual([{}, {}]);
      expect(bench.upstream.count("GetItem")).toBe(1);
      expect(cacheOf(second)).toBe("negative-hit; tier=memory");
    });

    it("07 a PutItem ends a negative entry at once", async () => {
      const TableName = await bench.table();
      for (let i = 0; i < 2; i++) await p("GetItem", { TableName, Key: key("1") });
      await p("PutItem", { TableName, Item: item("1", "now") });
      const after = await p("GetItem", { TableName, Key: key("1") });
      expect(after.body).toEqual({ Item: item("1", "now") });
    });
  });
}

describe("strong reads, default mode", () => {
  const bench = useBench();
  const { p, d } = bench;

  it("04 a strong read goes up, and no later read is older than its reply", async () => {
    const TableName = await bench.table();
    await d("PutItem", { TableName, Item: item("1", "old") });
    await p("GetItem", { TableName, Key: key("1") });
    await d("PutItem", { TableName, Item: item("1", "new") });
    const strong = await p("GetItem", { TableName, Key: key("1"), ConsistentRead: true });
    expect(strong.body).toEqual({ Item: item("1", "new") });
    expect(cacheOf(strong)).toBe("pass; reason=consistent-read");
    expect(bench.upstream.requests.at(-1)?.input).toMatchObject({ ConsistentRead: true });
    const later = await p("GetItem", { TableName, Key: key("1") });
    expect(later.body).toEqual({ Item: item("1", "new") });
  });

  it("05 a strong read of an uncached item is learned: the next read is a hit", async () => {
    const TableName = await bench.table();
    await d("PutItem", { TableName, Item: item("1", "a") });
    await p("GetItem", { TableName, Key: key("1"), ConsistentRead: true });
    const next = await p("GetItem", { TableName, Key: key("1") });
    expect(next.body).toEqual({ Item: item("1", "a") });
    expect(cacheOf(next)).toBe("hit; tier=memory");
    expect(bench.upstream.count("GetItem")).toBe(1);
  });
});

describe("strong reads, dax mode", () => {
  const bench = useBench({ settings: DAX });
  const { p, d } = bench;

  it("04 a strong read goes up and gives the fresh value", async () => {
    const TableName = await bench.table();
    await d("PutItem", { TableName, Item: item("1", "old") });
    await p("GetItem", { TableName, Key: key("1") });
    await d("PutItem", { TableName, Item: item("1", "new") });
    const strong = await p("GetItem", { TableName, Key: key("1"), ConsistentRead: true });
    expect(strong.body).toEqual({ Item: item("1", "new") });
    expect(bench.upstream.count("GetItem")).toBe(2);
  });

  it("05 strong reads do not populate: the next read goes upstream", async () => {
    const TableName = await bench.table();
    await d("PutItem", { TableName, Item: item("1", "a") });
    await p("GetItem", { TableName, Key: key("1"), ConsistentRead: true });
    const next = await p("GetItem", { TableName, Key: key("1") });
    expect(cacheOf(next)).toBe("miss");
    expect(bench.upstream.count("GetItem")).toBe(2);
  });
});

describe("the negative TTL", () => {
  const bench = useBench({ settings: { negativeTtlMs: TTL_MS } });

  it("06 a missing key is remembered for negativeTtlMs, an item for its own TTL", async () => {
    const TableName = await bench.table();
    await bench.d("PutItem", { TableName, Item: item("there", "old") });
    const ask = (pk: string) => bench.p("GetItem", { TableName, Key: key(pk) });
    const readAt = performance.now();
    for (const pk of ["none", "there"]) await ask(pk);
    for (const pk of ["none", "there"]) await bench.d("PutItem", { TableName, Item: item(pk, "new") });
    await until(
      () => ask("none"),
      (reply) => "Item" in reply.body,
    );
    expect(performance.now() - readAt).toBeGreaterThanOrEqual(TTL_MS);
    expect((await ask("there")).body).toEqual({ Item: item("there", "old") });
  });
});

describe("TTL 0", () => {
  const bench = useBench({ settings: { itemTtlMs: 0 } });

  it("03 a record TTL of 0 means not cached (deliberately not DAX's for ever)", async () => {
    const TableName = await bench.table();
    await bench.d("PutItem", { TableName, Item: item("1", "a") });
    for (let i = 0; i < 3; i++) {
      const reply = await bench.p("GetItem", { TableName, Key: key("1") });
      expect(reply.body).toEqual({ Item: item("1", "a") });
      expect(cacheOf(reply)).toBe("pass; reason=ttl-zero");
    }
    await bench.p("PutItem", { TableName, Item: item("1", "b") });
    const after = await bench.p("GetItem", { TableName, Key: key("1") });
    expect(after.body).toEqual({ Item: item("1", "b") });
    expect(bench.upstream.count("GetItem")).toBe(4);
  });
});

describe("bounded memory", () => {
  const bench = useBench({ settings: { cacheBytesMax: 64 * 1024 } });
  const { p, d } = bench;

  it("08 the least recently used entry makes room, and memory stays under the limit", async () => {
    const TableName = await bench.table();
    const big = "x".repeat(9000);
    const get = (pk: string) => p("GetItem", { TableName, Key: key(pk) });
    for (let i = 0; i < 9; i++) await d("PutItem", { TableName, Item: item(`${i}`, big) });
    // Six entries of about 9.5 KB fit into 64 KiB.
    for (let i = 0; i < 6; i++) await get(`${i}`);
    expect(cacheOf(await get("0"))).toBe("hit; tier=memory");
    await get("6");
    expect(cacheOf(await get("0"))).toBe("hit; tier=memory");
    expect(cacheOf(await get("2"))).toBe("hit; tier=memory");
    expect(cacheOf(await get("1"))).toBe("miss");
    for (let i = 0; i < 9; i++) {
      await get(`${i}`);
      const { memory } = await statusOf(bench.proxy);
      expect(memory.bytes).toBeLessThanOrEqual(memory.bytesMax);
    }
    const { memory } = await statusOf(bench.proxy);
    expect(memory.bytesMax).toBe(64 * 1024);
    expect(memory.evictions).toBeGreaterThan(0);
  });
});
