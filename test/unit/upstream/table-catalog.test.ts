// The table catalog under a clock and an upstream of the test's own: when it asks, keeps and tells.

import { expect, test } from "vitest";
import type { TableSchema } from "../../../src/dynamodb/model.ts";
import type { TableCatalogOptions } from "../../../src/upstream/catalog-options.ts";
import { TableCatalog } from "../../../src/upstream/table-catalog.ts";
import { UpstreamFailure, type UpstreamReply } from "../../../src/upstream/upstream.ts";

const arnOf = (name: string) => `arn:aws:dynamodb:eu-west-1:123456789012:table/${name}`;

function description(name: string, TableId = "1"): object {
  return {
    Table: {
      TableName: name,
      TableArn: arnOf(name),
      TableId,
      TableStatus: "ACTIVE",
      KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
      AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
    },
  };
}

function reply(status: number, body: object): UpstreamReply {
  const bytes = Buffer.from(JSON.stringify(body));
  return { status, body: bytes, requestId: undefined, crc32: undefined, contentType: undefined };
}
const error = (name: string, status = 400) =>
  reply(status, { __type: `com.amazonaws.dynamodb.v20120810#${name}` });
const down = new UpstreamFailure("refused", "none", "down");

/** A catalog whose describes the test answers: at once with `now.answer`, or by hand after `now.byHand`. */
function setUp(options: Partial<TableCatalogOptions> = {}) {
  const now = {
    ms: 1_000,
    answer: (name: string): UpstreamReply => reply(200, description(name)),
    byHand: false,
  };
  const asked: string[] = [];
  const waiting: PromiseWithResolvers<UpstreamReply>[] = [];
  const changes: string[] = [];
  const catalog = new TableCatalog({
    upstream: {
      async send({ body }) {
        const { TableName } = JSON.parse(Buffer.from(body).toString()) as { TableName: string };
        asked.push(TableName);
        if (!now.byHand) return now.answer(TableName.replace(/^.*\//, ""));
        const answer = Promise.withResolvers<UpstreamReply>();
        waiting.push(answer);
        return answer.promise;
      },
      close: async () => {},
    },
    clock: { nowMs: () => now.ms },
    onChange: (old, next) =>
      void changes.push(`${old.TableName} ${next === undefined ? "gone" : "changed"} (${asked.length})`),
    ...options,
  });
  const get = (reference: string) => catalog.schema(reference, now.ms + 60_000);
  return { now, asked, waiting, changes, catalog, get };
}
const settle = () => new Promise((resolve) => setImmediate(resolve));
const made = (schema: unknown) => (schema as TableSchema | undefined)?.fingerprint;

test("describes once for all who ask, then answers at once", async () => {
  const { asked, get, catalog } = setUp();
  const [one, two] = await Promise.all([get("t"), get("t")]);
  expect(one).toBe(two);
  expect(get("t")).toBe(one);
  expect(asked).toEqual(["t"]);
  expect(catalog.known()).toEqual([one]);
});

test("refreshes ahead in the background, and blocks only when older than refreshMs", async () => {
  const { now, asked, get, changes } = setUp();
  const first = await get("t");
  now.ms += 44_999;
  expect(get("t")).toBe(first);
  expect(asked).toHaveLength(1);
  now.ms += 1;
  expect(get("t")).toBe(first);
  expect(get("t")).toBe(first);
  expect(asked).toHaveLength(2);
  await settle();
  now.ms += 44_999;
  expect(get("t")).toBe(first);
  expect(asked).toHaveLength(2);
  now.ms += 15_001;
  expect(get("t")).toBeInstanceOf(Promise);
  expect(await get("t")).toBe(first);
  expect(asked).toHaveLength(3);
  expect(changes).toEqual([]);
});

test("tells of a change before anybody gets the new schema", async () => {
  const { now, get, changes, catalog } = setUp();
  const first = await get("t");
  now.answer = (name) => reply(200, description(name, "2"));
  now.ms += 50_000;
  expect(get("t")).toBe(first);
  const seen: unknown[] = [];
  for (let turn = 0; turn < 30 && changes.length === 0; turn++) {
    seen.push(get("t"));
    await null;
  }
  expect(changes).toEqual(["t changed (2)"]);
  expect(new Set(seen)).toEqual(new Set([first]));
  expect(made(get("t"))).not.toBe(made(first));
  expect(catalog.known()).toEqual([get("t")]);
});

test("a table that is gone: told once, remembered shortly, found when it is back", async () => {
  const { now, asked, get, changes } = setUp();
  await get("t");
  now.answer = () => error("ResourceNotFoundException");
  now.ms += 61_000;
  expect(await get("t")).toBeUndefined();
  expect(changes).toEqual(["t gone (2)"]);
  expect(get("t")).toBeUndefined();
  now.ms += 999;
  expect(get("t")).toBeUndefined();
  expect(asked).toHaveLength(2);
  now.answer = (name) => reply(200, description(name));
  now.ms += 1;
  expect(await get("t")).toBeDefined();
  expect(changes).toHaveLength(1);
});

test.each(["AccessDeniedException", "ValidationException"])("%s: not ours to cache", async (name) => {
  const { now, asked, get } = setUp();
  now.answer = () => error(name);
  expect(await get("t")).toBeUndefined();
  expect(get("t")).toBeUndefined();
  expect(asked).toHaveLength(1);
});

const outages: readonly [string, () => UpstreamReply][] = [
  [
    "refused",
    () => {
      throw down;
    },
  ],
  ["500", () => error("InternalServerError", 500)],
  ["throttled", () => error("ThrottlingException")],
  ["bad credentials", () => error("UnrecognizedClientException")],
];

test.each(outages)(
  "an outage (%s) takes no known schema away, and is noticed to end",
  async (_name, answer) => {
    const { now, asked, get, changes } = setUp();
    const first = await get("t");
    const fine = now.answer;
    now.answer = answer;
    now.ms += 61_000;
    expect(await get("t")).toBe(first);
    for (let second = 0; second < 30; second++) {
      expect(get("t")).toBe(first); // At once: nobody waits for an upstream that is away.
      await settle();
      now.ms += 1_000;
    }
    expect(asked.length).toBeLessThanOrEqual(2 + 30);
    expect(asked.length).toBeGreaterThan(25);
    now.answer = fine;
    get("t");
    await settle();
    const before = asked.length;
    now.ms += 20_000;
    expect(get("t")).toBe(first);
    expect(asked).toHaveLength(before);
    now.answer = answer;
    now.ms += 3_600_000; // Unused for an hour: no recent failure excuses an old schema.
    expect(get("t")).toBeInstanceOf(Promise);
    expect(changes).toEqual([]);
  },
);

test("an unknown table during an outage is undefined, and asked about again soon", async () => {
  const { now, asked, get } = setUp();
  now.answer = () => {
    throw down;
  };
  expect(await get("t")).toBeUndefined();
  expect(get("t")).toBeUndefined();
  now.ms += 1_000;
  expect(await get("t")).toBeUndefined();
  expect(asked).toHaveLength(2);
});

test("forget: described anew, the change told, and an outage does not bring the old one back", async () => {
  const { now, asked, get, changes, catalog } = setUp();
  const first = await get("t");
  await get(arnOf("t"));
  catalog.forget(arnOf("t"));
  expect(catalog.known()).toEqual([first]);
  now.answer = () => {
    throw down;
  };
  expect(await get("t")).toBeUndefined();
  expect(get("t")).toBeUndefined();
  now.ms += 1_000;
  now.answer = (name) => reply(200, description(name, "2"));
  expect(made(await get("t"))).not.toBe(made(first));
  expect(changes).toHaveLength(1);
  expect(made(get(arnOf("t")))).toBe(made(get("t")));
  expect(asked).toHaveLength(4);
});

test("forget while a describe is on its way: its answer is not kept", async () => {
  const { now, asked, waiting, get, catalog } = setUp();
  now.byHand = true;
  const early = get("t");
  await settle();
  catalog.forget(arnOf("t"));
  const late = get("t");
  waiting[0]?.resolve(reply(200, description("t", "old")));
  await settle();
  expect(asked).toHaveLength(2);
  waiting[1]?.resolve(reply(200, description("t", "new")));
  expect(await early).toBe(await late);
  now.byHand = false;
  now.answer = (name) => reply(200, description(name, "new"));
  expect(await catalog.refresh("t")).toBe(await early);
});

test("of two describes the later one wins, whichever answers first", async () => {
  const { now, waiting, get, changes } = setUp();
  now.byHand = true;
  const byName = get("t");
  await settle();
  const byArn = get(arnOf("t"));
  await settle();
  waiting[1]?.resolve(reply(200, description("t", "new")));
  const kept = await byArn;
  waiting[0]?.resolve(reply(200, description("t", "old")));
  expect(await byName).toBe(kept);
  expect(get("t")).toBe(kept);
  expect(changes).toEqual([]);
});

test("refresh asks at once, again if a describe is on its way, and not in a storm", async () => {
  const { now, asked, waiting, get, catalog, changes } = setUp({ retryMs: 40 });
  now.byHand = true;
  const early = get("t");
  const doubted = catalog.refresh("t");
  now.byHand = false;
  waiting[0]?.resolve(reply(200, description("t", "0")));
  const first = await early;
  expect([await doubted, asked.splice(0).length]).toEqual([first, 2]);
  expect(made(first)).toBe(made(get("t")));
  now.answer = (name) => reply(200, description(name, "2"));
  const next = catalog.refresh("t");
  expect(asked).toHaveLength(1);
  expect(made(await next)).not.toBe(made(first));
  const storm = Array.from({ length: 100 }, () => catalog.refresh(arnOf("t")));
  expect(asked).toHaveLength(1);
  now.ms += 40;
  await Promise.all(storm);
  expect(asked).toHaveLength(2);
  expect(changes).toHaveLength(1);
});

test("the caller's deadline ends its waiting, not the describe", async () => {
  const { now, waiting, get, catalog } = setUp();
  now.byHand = true;
  expect(await catalog.schema("t", now.ms + 20)).toBeUndefined();
  waiting[0]?.resolve(reply(200, description("t")));
  await settle();
  expect(get("t")).toMatchObject({ TableName: "t" });
});

test("bounded: the least used table leaves, and what was cached of it is told to go", async () => {
  const { get, changes, catalog } = setUp({ tablesMax: 2 });
  await get("a");
  await get("b");
  get("a");
  await get("c");
  expect(changes).toEqual(["b gone (3)"]);
  expect(catalog.known().map((schema) => schema.TableName)).toEqual(["a", "c"]);
});

test("a failing onChange gives nobody the new schema, and is called again", async () => {
  let failing = true;
  const { now, get } = setUp({
    onChange: () => {
      if (failing) throw new Error("bug");
    },
  });
  const first = await get("t");
  now.answer = (name) => reply(200, description(name, "2"));
  now.ms += 50_000;
  expect(get("t")).toBe(first); // Asks in the background, and meets the bug there.
  await settle();
  await expect(get("t")).rejects.toThrow("bug");
  failing = false;
  expect(await get("t")).toBeDefined();
});
