// What a caller can ask of the cache and see of it, and what a table's rule makes of both.

import { describe, expect, it } from "vitest";
import { cacheOf, useBench } from "../support/bench.ts";
import { WITH_INDEXES } from "../support/tables.ts";

const Key = { pk: { S: "1" } };
const item = (v: string) => ({ ...Key, v: { S: v } });
const asking = (wish: string) => ({ headers: { "x-dynatier-cache-control": wish } });
const query = (TableName: string, more: object = {}) => ({
  TableName,
  KeyConditionExpression: "pk = :pk",
  ExpressionAttributeValues: { ":pk": Key.pk },
  ...more,
});

/** The same read as GetItem, BatchGetItem, Query and Scan. */
const reads = (TableName: string) =>
  [
    ["GetItem", { TableName, Key }],
    ["BatchGetItem", { RequestItems: { [TableName]: { Keys: [Key] } } }],
    ["Query", query(TableName)],
    ["Scan", { TableName }],
  ] as const;

describe("x-dynatier-cache-control", () => {
  const bench = useBench();
  const { P, p, d } = bench;
  const head = (reply: Parameters<typeof cacheOf>[0]) => cacheOf(reply).split(";")[0];

  async function cached(): Promise<string> {
    const TableName = await bench.table();
    await d("PutItem", { TableName, Item: item("old") });
    for (const [operation, input] of reads(TableName)) await p(operation, input);
    await d("PutItem", { TableName, Item: item("new") });
    bench.upstream.reset();
    return TableName;
  }

  it("no-cache goes up, and its answer is stored", async () => {
    const TableName = await cached();
    for (const [operation, input] of reads(TableName)) {
      const old = await p(operation, input);
      if (operation !== "BatchGetItem") expect(JSON.stringify(old.body), operation).toContain('"old"');
      const fresh = await p(operation, input, asking("no-cache"));
      expect(JSON.stringify(fresh.body)).toContain('"new"');
      expect(head(fresh)).toBe("miss");
      const after = await p(operation, input);
      expect(JSON.stringify(after.body)).toContain('"new"');
      expect(head(after)).toBe("hit");
    }
    expect(cacheOf(await p("GetItem", { TableName, Key }, asking("no-cache")))).toBe("miss; reason=no-cache");
  });

  it("no-store answers from memory where it can, and stores nothing where it cannot", async () => {
    const TableName = await bench.table();
    await d("PutItem", { TableName, Item: item("a") });
    for (const [operation, input] of reads(TableName)) {
      for (let i = 1; i <= 2; i++) {
        expect(head(await p(operation, input, asking("no-store")))).toBe("miss");
        expect(bench.upstream.count(operation)).toBe(i);
      }
    }
    expect(cacheOf(await p("GetItem", { TableName, Key }, asking("No-Store")))).toBe("miss; reason=no-store");
    await p("GetItem", { TableName, Key });
    expect(head(await p("GetItem", { TableName, Key }, asking("no-store")))).toBe("hit");
  });

  it("only-if-cached never goes up", async () => {
    for (const operation of ["GetItem", "BatchGetItem", "Query", "Scan"]) {
      const TableName = await bench.table();
      await p("GetItem", { TableName, Key: { pk: { S: "other" } } });
      bench.upstream.reset();
      const [, input] = reads(TableName).find(([name]) => name === operation) ?? [];
      const refused = await P(operation, input ?? {}, asking("only-if-cached"));
      expect(refused.status).toBe(400);
      expect(refused.body.__type).toMatch(/#NotCachedException$/);
      expect(bench.upstream.count()).toBe(0);
      await p(operation, input ?? {});
      const hit = await P(operation, input ?? {}, asking("only-if-cached"));
      expect([hit.status, head(hit)]).toEqual([200, operation === "GetItem" ? "negative-hit" : "hit"]);
      expect(bench.upstream.count()).toBe(1);
    }
  });

  it("max-age takes no older answer", async () => {
    const TableName = await cached();
    const never = await p("GetItem", { TableName, Key }, asking("max-age=0"));
    expect(never.body).toEqual({ Item: item("new") });
    const lately = await p("GetItem", { TableName, Key }, asking('max-age="3600", unknown-word'));
    expect(cacheOf(lately)).toBe("hit; tier=memory");
    const old = await p("Query", query(TableName), asking("max-age=3600"));
    expect(old.body.Items).toEqual([item("old")]);
    expect((await p("Query", query(TableName), asking("max-age=0"))).body.Items).toEqual([item("new")]);
  });
});

describe("tables", () => {
  const modes = {
    off: useBench({ settings: { tables: [{ match: "*", cache: "off" }] } }),
    shadow: useBench({ settings: { tables: [{ match: "*", cache: "shadow" }] } }),
    brief: useBench({ settings: { tables: [{ match: "t-*", itemTtlMs: 0, queryTtlMs: 0 }] } }),
    bypass: useBench({ settings: { tables: [{ match: "*", bypassProjections: ["v, pk", "#odd name"] }] } }),
    bypassAll: useBench({ settings: { tables: [{ match: "*", bypassProjections: true }] } }),
    negative: useBench({ settings: { negativeTtlMs: 0 } }),
  };

  for (const [mode, reason] of [
    ["off", "table-off"],
    ["brief", "ttl-zero"],
  ] as const) {
    it(`${reason}: everything passes, and nothing is stored`, async () => {
      const { p, d, table, upstream } = modes[mode];
      const TableName = await table(WITH_INDEXES);
      const full = { ...Key, sk: { N: "1" }, kind: { S: "k" }, score: { N: "1" } };
      await d("PutItem", { TableName, Item: full });
      const withRange = { pk: full.pk, sk: full.sk };
      for (const [operation, input] of [
        ["GetItem", { TableName, Key: withRange }],
        ["GetItem", { TableName, Key: withRange, ConsistentRead: true }],
        ["BatchGetItem", { RequestItems: { [TableName]: { Keys: [withRange] } } }],
        ["Query", query(TableName)],
        ["Scan", { TableName }],
      ] as const) {
        for (let i = 0; i < 2; i++) {
          upstream.requests.length = 0;
          const [reply, own] = [await p(operation, input), await d(operation, input)];
          expect(upstream.count(operation)).toBe(1);
          expect(reply.body).toEqual(own.body);
          expect(cacheOf(reply).replace("; items=0/1", "")).toBe(`pass; reason=${reason}`);
        }
      }
      await p("UpdateItem", {
        TableName,
        Key: withRange,
        UpdateExpression: "SET v = :v",
        ExpressionAttributeValues: { ":v": { S: "x" } },
      });
      // Nothing is added to the writes of a table that is not cached.
      expect(upstream.requests.at(-1)?.input).not.toHaveProperty("ReturnValues");
      expect((await p("GetItem", { TableName, Key: withRange })).body.Item.v).toEqual({ S: "x" });
    });
  }

  it("shadow: looked up and counted, but always answered by upstream", async () => {
    const { p, d, table, upstream, proxy } = modes.shadow;
    const TableName = await table();
    await d("PutItem", { TableName, Item: item("old") });
    for (const [operation, input] of reads(TableName)) await p(operation, input);
    await d("PutItem", { TableName, Item: item("new") });
    upstream.requests.length = 0;
    for (const [operation, input] of reads(TableName)) {
      const reply = await p(operation, input);
      expect(JSON.stringify(reply.body), operation).toContain('"new"');
      expect(upstream.count(operation)).toBe(1);
      expect(cacheOf(reply), operation).not.toMatch(/^hit/);
    }
    expect(cacheOf(await p("GetItem", { TableName, Key }))).toBe("pass; reason=shadow");
    const metrics = await (await fetch(`${proxy.adminUrl}/metrics`)).text();
    expect(metrics).toMatch(/result="shadow_hit"[^}]*} [1-9]/);
  });

  it("bypassProjections: the projections that are named, and no other", async () => {
    const { p, d, table, upstream } = modes.bypass;
    const TableName = await table();
    await d("PutItem", { TableName, Item: item("a") });
    await p("GetItem", { TableName, Key });
    const names = { ExpressionAttributeNames: { "#v": "v" } };
    for (const [projection, passes] of [
      [{ ProjectionExpression: "pk, v" }, true],
      [{ ProjectionExpression: " #v ,pk", ...names }, true],
      [{ AttributesToGet: ["v", "pk"] }, true],
      [{ ProjectionExpression: "v" }, false],
      [{ ProjectionExpression: "pk, v, w" }, false],
      [{}, false],
    ] as const) {
      upstream.requests.length = 0;
      const input = { TableName, Key, ...projection };
      const reply = await p("GetItem", input);
      expect(reply.body).toEqual((await d("GetItem", input)).body);
      expect(cacheOf(reply), JSON.stringify(projection)).toBe(
        passes ? "pass; reason=bypass-rule" : "hit; tier=memory",
      );
      if (passes) expect(upstream.requests[0]?.input).toEqual(input);
    }
    const page = query(TableName, { ProjectionExpression: "v,pk" });
    expect(cacheOf(await p("Query", page))).toBe("pass; reason=bypass-rule");
    expect(cacheOf(await p("Query", query(TableName)))).toBe("miss");
  });

  it("bypassProjections: true is every projection", async () => {
    const { p, d, table } = modes.bypassAll;
    const TableName = await table();
    await d("PutItem", { TableName, Item: item("a") });
    const some = { ProjectionExpression: "v" };
    for (let i = 0; i < 2; i++) {
      expect(cacheOf(await p("GetItem", { TableName, Key, ...some }))).toBe("pass; reason=bypass-rule");
      expect(cacheOf(await p("Scan", { TableName, ...some }))).toBe("pass; reason=bypass-rule");
      const batch = { RequestItems: { [TableName]: { Keys: [Key], ...some } } };
      const reply = await p("BatchGetItem", batch);
      expect(reply.body.Responses[TableName]).toEqual([{ v: { S: "a" } }]);
      expect(cacheOf(reply)).toMatch(/^pass/);
    }
    await p("GetItem", { TableName, Key });
    expect(cacheOf(await p("GetItem", { TableName, Key }))).toBe("hit; tier=memory");
  });

  it("negativeTtlMs 0: that there is no such item is asked each time, items are not", async () => {
    const { p, d, table, upstream } = modes.negative;
    const TableName = await table();
    for (let i = 1; i <= 2; i++) {
      expect((await p("GetItem", { TableName, Key })).body).toEqual({});
      expect(upstream.count("GetItem")).toBe(i);
    }
    await d("PutItem", { TableName, Item: item("a") });
    expect((await p("GetItem", { TableName, Key })).body).toEqual({ Item: item("a") });
    expect(cacheOf(await p("GetItem", { TableName, Key }))).toBe("hit; tier=memory");
    await p("DeleteItem", { TableName, Key });
    expect((await p("GetItem", { TableName, Key })).body).toEqual({});
    await d("PutItem", { TableName, Item: item("b") });
    expect((await p("GetItem", { TableName, Key })).body).toEqual({ Item: item("b") });
  });
});
