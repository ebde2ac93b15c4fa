// A GSI with several attributes in each half of its key, which DynamoDB Local refuses: proved with a scripted upstream.

import { afterAll, beforeAll, expect, test } from "vitest";
import { SETTLED, startProxy, type TestProxy } from "../support/proxy.ts";
import { call, mustCall } from "../support/raw-client.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";

type Row = Record<string, { S?: string; N?: string }>;

const TableName = "matches";
const key = (AttributeName: string, KeyType: "HASH" | "RANGE") => ({ AttributeName, KeyType });
const attributes = ["id", "tournament", "area", "round", "bracket"];
const Table = {
  TableName,
  TableStatus: "ACTIVE",
  TableArn: `arn:aws:dynamodb:us-east-1:123456789012:table/${TableName}`,
  TableId: "t-1",
  CreationDateTime: 1,
  KeySchema: [key("id", "HASH")],
  AttributeDefinitions: attributes.map((AttributeName) => ({ AttributeName, AttributeType: "S" })),
  GlobalSecondaryIndexes: [
    {
      IndexName: "byTournament",
      IndexStatus: "ACTIVE",
      KeySchema: [
        key("tournament", "HASH"),
        key("area", "HASH"),
        key("round", "RANGE"),
        key("bracket", "RANGE"),
      ],
      Projection: { ProjectionType: "ALL" },
    },
  ],
};

let upstream: ScriptedUpstream;
let proxy: TestProxy;
const rows = new Map<string, Row>();

beforeAll(async () => {
  upstream = await startScriptedUpstream({
    DescribeTable: () => ({ Table }),
    PutItem: ({ input }) => {
      const item = input.Item as Row;
      const old = rows.get(String(item.id?.S));
      rows.set(String(item.id?.S), item);
      return old === undefined ? {} : { Attributes: old };
    },
    Query: ({ input }) => {
      const values = Object.values(input.ExpressionAttributeValues as Row).map(({ S }) => S);
      const Items = [...rows.values()].filter(({ tournament, area }) =>
        [tournament?.S, area?.S].every((one) => values.includes(one)),
      );
      return { Items, Count: Items.length, ScannedCount: Items.length };
    },
  });
  proxy = await startProxy({ upstreamUrl: upstream.url, settings: SETTLED });
});
afterAll(async () => {
  await proxy.stop();
  await upstream.close();
});

const query = (condition: string, values: Record<string, string>) =>
  call<{ Items: Row[] }>(proxy.url, "Query", {
    TableName,
    IndexName: "byTournament",
    KeyConditionExpression: condition,
    ExpressionAttributeValues: Object.fromEntries(Object.entries(values).map(([name, S]) => [name, { S }])),
  });
const both = "tournament = :t AND area = :r";
const put = (id: string, tournament: string, area: string) =>
  mustCall(proxy.url, "PutItem", {
    TableName,
    Item: Object.fromEntries(
      Object.entries({ id, tournament, area, round: "final", bracket: "upper" }).map(([name, S]) => [
        name,
        { S },
      ]),
    ),
  });
const cacheOf = (reply: { headers: Record<string, unknown> }) => reply.headers["x-dynatier-cache"];

test("its queries are cached by all attributes of the partition, in any order of the conditions", async () => {
  await put("1", "winter", "eu");
  expect(cacheOf(await query(both, { ":t": "winter", ":r": "eu" }))).toBe("miss");
  expect(cacheOf(await query("area = :r AND tournament = :t", { ":t": "winter", ":r": "eu" }))).toMatch(
    /^hit/,
  );
  expect(cacheOf(await query(both, { ":t": "winter", ":r": "us" }))).toBe("miss");
});

test("a write makes stale the partitions that the item leaves and enters, and no other", async () => {
  await put("2", "winter", "eu");
  await put("3", "summer", "eu");
  const parts = [
    { ":t": "winter", ":r": "eu" },
    { ":t": "summer", ":r": "eu" },
    { ":t": "winter", ":r": "us" },
  ];
  for (const values of parts) await query(both, values);
  await put("2", "winter", "us");
  const replies = await Promise.all(parts.map((values) => query(both, values)));
  expect(replies.map((reply) => String(cacheOf(reply)).split(";")[0])).toEqual(["miss", "hit", "miss"]);
  expect(replies.map(({ body }) => body.Items.map(({ id }) => id?.S))).toEqual([["1"], ["3"], ["2"]]);
});
