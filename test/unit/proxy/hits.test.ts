// Hits, from the call to the reply: nothing is awaited, and a batch is the stored items' own bytes.

import { crc32 } from "node:zlib";
import { beforeEach, expect, it } from "vitest";
import { VersionClock } from "../../../src/cache/coherence.ts";
import { MemoryTier } from "../../../src/cache/memory-tier.ts";
import { SingleFlight } from "../../../src/cache/single-flight.ts";
import type { ResolvedRule } from "../../../src/config/table-rules.ts";
import { parseObject } from "../../../src/dynamodb/json-codec.ts";
import { createMetrics } from "../../../src/metrics/registry.ts";
import { type Call, noWishes, type Reply } from "../../../src/proxy/call.ts";
import type { Deps } from "../../../src/proxy/deps.ts";
import { handle } from "../../../src/proxy/pipeline.ts";
import type { UpstreamRequest } from "../../../src/upstream/upstream.ts";
import { systemClock as clock } from "../../../src/util/clock.ts";
import { plainSchema as schema } from "../../support/followed-stream.ts";

const ttl = { itemTtlMs: 60_000, queryTtlMs: 60_000, negativeTtlMs: 60_000, settleMs: 0, indexSettleMs: 0 };
const rule: ResolvedRule = {
  ...{ cache: "on", queryCoherence: "tags", bypassProjections: false, match: undefined },
  ...ttl,
};
const { TableName } = schema;
const keyOf = (at: number) => ({ pk: { S: `item ${at}` } });
/** Every third item does not exist. */
const itemOf = (at: number) =>
  at % 3 === 0 ? undefined : { ...keyOf(at), text: { S: `é${"x".repeat(at)}` } };

let asked: string[];
let deps: Deps;
beforeEach(() => {
  asked = [];
  const cache = new MemoryTier({
    versions: new VersionClock({ clock, slots: 1024 }),
    ...{ clock, bytesMax: 1 << 24, entryBytesMax: 1 << 22 },
  });
  deps = {
    upstream: { send: async (request) => answer(request), close: async () => {} },
    schemas: { schema: () => schema, refresh: () => {}, forget: () => {}, known: () => [schema] },
    ...{ cache, clock, flights: new SingleFlight({ clock, waitersMax: 10 }) },
    recorder: createMetrics({ tablesMax: 1, version: "" }),
    freshness: { ageMsMax: () => Number.POSITIVE_INFINITY },
    ...{ ruleFor: () => rule, isGuarded: () => false, unknownOutcomeMs: 1000 },
  };
});

/** What a DynamoDB with these items answers. */
function answer({ target, body }: UpstreamRequest) {
  const text = Buffer.from(body).toString();
  asked.push(text);
  const at = (key: string) => itemOf(Number(/item (\d+)/.exec(key)?.[1]));
  const keys = text.match(/\{"pk":\{"S":"[^"]+"\}\}/g) ?? [];
  const items = keys.map(at).filter((item) => item !== undefined);
  const reply = target.endsWith("BatchGetItem")
    ? { Responses: { [TableName]: items }, UnprocessedKeys: {} }
    : target.endsWith("Query")
      ? { Items: [itemOf(1)], Count: 1, ScannedCount: 1 }
      : { Item: items[0] };
  const notes = { requestId: undefined, crc32: undefined, contentType: undefined };
  return { status: 200, body: Buffer.from(JSON.stringify(reply)), ...notes };
}

function send(operation: string, input: object): ReturnType<typeof handle> {
  const body = Buffer.from(JSON.stringify(input));
  const target = `DynamoDB_20120810.${operation}`;
  const rest = { deadlineAtMs: clock.nowMs() + 1000, signal: undefined, control: noWishes };
  const call: Call = { target, operation, body, input: parseObject(body), ...rest };
  return handle(call, deps);
}

function atOnce(reply: ReturnType<typeof handle>): Reply {
  if (reply instanceof Promise) throw new Error("the reply has to be waited for");
  return reply;
}

const textOf = ({ body }: Reply) => Buffer.from(body).toString();
const Keys = Array.from({ length: 100 }, (_, at) => keyOf(at));
const stored = Keys.map((_, at) => itemOf(at)).filter((item) => item !== undefined);

it("a batch of 100 hits, some of items that do not exist, is answered at once", async () => {
  const request = { RequestItems: { [TableName]: { Keys } } };
  const cold = await send("BatchGetItem", request);
  expect(cold.items).toEqual({ hits: 0, of: 100 });
  const warm = atOnce(send("BatchGetItem", request));
  expect(warm).toMatchObject({ outcome: "hit", tier: "memory", items: { hits: 100, of: 100 } });
  expect(textOf(warm)).toBe(JSON.stringify({ Responses: { [TableName]: stored }, UnprocessedKeys: {} }));
  expect(textOf(warm)).toBe(textOf(cold));
  expect(warm.crc32).toBe(crc32(warm.body));
  expect(asked).toHaveLength(1);
});

it("a batch of hits and misses sends up the misses alone and answers in the order of its keys", async () => {
  for (const at of [1, 4, 7, 98]) await send("GetItem", { TableName, Key: keyOf(at) });
  asked = [];
  const reply = await send("BatchGetItem", { RequestItems: { [TableName]: { Keys } } });
  expect(reply).toMatchObject({ outcome: "miss", items: { hits: 4, of: 100 } });
  expect(JSON.parse(textOf(reply)).Responses[TableName]).toEqual(stored);
  expect(asked).toHaveLength(1);
  expect(JSON.parse(asked[0]!).RequestItems[TableName].Keys).toHaveLength(96);
});

it("a batch of hits with a projection", async () => {
  await send("BatchGetItem", { RequestItems: { [TableName]: { Keys } } });
  const request = { Keys, ProjectionExpression: "#t", ExpressionAttributeNames: { "#t": "text" } };
  const reply = atOnce(send("BatchGetItem", { RequestItems: { [TableName]: request } }));
  expect(JSON.parse(textOf(reply)).Responses[TableName]).toEqual(stored.map(({ text }) => ({ text })));
});

it("GetItem and Query", async () => {
  const get = { TableName, Key: keyOf(1) };
  const query = {
    ...{ TableName, KeyConditionExpression: "pk = :p" },
    ExpressionAttributeValues: { ":p": { S: "item 1" } },
  };
  for (const [operation, input] of [["GetItem", get] as const, ["Query", query] as const]) {
    const cold = await send(operation, input);
    const warm = atOnce(send(operation, input));
    expect(warm).toMatchObject({ outcome: "hit", tier: "memory", crc32: crc32(warm.body) });
    expect(textOf(warm)).toBe(textOf(cold));
  }
});
