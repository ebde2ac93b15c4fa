// Following the streams of the real DynamoDB Local: every way to write directly to a table arrives, with the
// tags that it must drop.

import { afterAll, describe, expect, inject, it } from "vitest";
import type { TableSchema } from "../../src/dynamodb/model.ts";
import type { RecordChange } from "../../src/invalidation/change-source.ts";
import {
  anyWriteTag,
  changedTags,
  indexPartitionTag,
  indexTag,
  itemTag,
  partitionTag,
} from "../../src/invalidation/tags.ts";
import { tableSchemaOf } from "../../src/upstream/table-description.ts";
import { systemClock } from "../../src/util/clock.ts";
import { type FollowedStream, followStream, until } from "../support/followed-stream.ts";
import { call, mustCall } from "../support/raw-client.ts";
import { type TableShape, testTables } from "../support/tables.ts";

const url = inject("dynamoDbLocalUrl");
const tables = testTables(url);
const open: FollowedStream[] = [];

afterAll(async () => {
  await Promise.all(open.map((one) => one.close()));
  await tables.deleteAll();
});

const shape: TableShape = {
  hash: "pk:S",
  range: "sk:N",
  global: [{ name: "byKind", hash: "kind:S" }],
};

interface Followed {
  readonly TableName: string;
  readonly schema: TableSchema;
  readonly followed: FollowedStream;
}

async function follow(
  stream: NonNullable<TableShape["stream"]>,
  options: Parameters<typeof followStream>[2] = {},
): Promise<Followed> {
  const TableName = await tables.create({ ...shape, stream });
  const { bytes } = await call(url, "DescribeTable", { TableName });
  const schema = tableSchemaOf(bytes)!;
  const followed = followStream(url, schema.streamArn!, { schema, pollMs: 10, idlePollMs: 20, ...options });
  open.push(followed);
  await followed.follower.start();
  return { TableName, schema, followed };
}

const key = (sk: number) => ({ pk: { S: "p" }, sk: { N: String(sk) } });
const item = (sk: number, kind: string) => ({ ...key(sk), kind: { S: kind } });
const canonical = (sk: number) => `2:SpN${sk}`;

/** Every way to write: what is sent, and the item (by its sort key) that changes. */
const ways: readonly (readonly [name: string, (TableName: string) => readonly [string, object], number])[] = [
  ["PutItem", (TableName) => ["PutItem", { TableName, Item: item(1, "a") }], 1],
  [
    "UpdateItem",
    (TableName) => [
      "UpdateItem",
      {
        TableName,
        Key: key(2),
        UpdateExpression: "SET kind = :k",
        ExpressionAttributeValues: { ":k": { S: "b" } },
      },
    ],
    2,
  ],
  [
    "BatchWriteItem",
    (TableName) => [
      "BatchWriteItem",
      { RequestItems: { [TableName]: [{ PutRequest: { Item: item(3, "c") } }] } },
    ],
    3,
  ],
  [
    "TransactWriteItems",
    (TableName) => ["TransactWriteItems", { TransactItems: [{ Put: { TableName, Item: item(4, "d") } }] }],
    4,
  ],
  [
    "ExecuteStatement",
    (TableName) => [
      "ExecuteStatement",
      { Statement: `INSERT INTO "${TableName}" VALUE {'pk':'p','sk':5,'kind':'e'}` },
    ],
    5,
  ],
  [
    "BatchExecuteStatement",
    (TableName) => [
      "BatchExecuteStatement",
      { Statements: [{ Statement: `INSERT INTO "${TableName}" VALUE {'pk':'p','sk':6,'kind':'f'}` }] },
    ],
    6,
  ],
  [
    "ExecuteTransaction",
    (TableName) => [
      "ExecuteTransaction",
      {
        TransactStatements: [{ Statement: `INSERT INTO "${TableName}" VALUE {'pk':'p','sk':7,'kind':'g'}` }],
      },
    ],
    7,
  ],
  ["DeleteItem", (TableName) => ["DeleteItem", { TableName, Key: key(1) }], 1],
  [
    "BatchWriteItem that deletes",
    (TableName) => [
      "BatchWriteItem",
      { RequestItems: { [TableName]: [{ DeleteRequest: { Key: key(2) } }] } },
    ],
    2,
  ],
  [
    "ExecuteStatement that deletes",
    (TableName) => ["ExecuteStatement", { Statement: `DELETE FROM "${TableName}" WHERE pk='p' AND sk=3` }],
    3,
  ],
];

const itemOf = (image: RecordChange["image"]) => (image === "absent" ? image : image?.item());

describe("changes made directly on the table", () => {
  it("arrive, whichever way they were made", async () => {
    const { TableName, schema, followed } = await follow("NEW_AND_OLD_IMAGES");
    for (const [name, request, sk] of ways) {
      const before = followed.applied().length;
      const [operation, input] = request(TableName);
      await mustCall(url, operation, input);
      await until(() => followed.applied().length > before, name);
      expect(followed.applied().slice(before), name).toEqual([canonical(sk)]);
      const entry = followed.diary.at(-1);
      if (entry?.kind !== "applied") throw new Error(name);
      const tags = changedTags(entry.change.change);
      const { tableId } = schema;
      expect(tags, name).toEqual(
        expect.arrayContaining([
          itemTag(tableId, canonical(sk)),
          partitionTag(tableId, "Sp"),
          anyWriteTag(tableId),
        ]),
      );
      expect(tags, name).not.toContain(indexTag(tableId, "byKind"));
      expect(tags.length, name).toBe(4);
    }
    expect(followed.flushes()).toEqual(["start"]);
    expect(followed.follower.state()).toMatchObject({ records: ways.length, unreadable: 0, gaps: 0 });
  });

  it("all of a burst arrive in order", async () => {
    const { TableName, followed } = await follow("KEYS_ONLY");
    for (let batch = 0; batch < 60; batch++) {
      const puts = Array.from({ length: 25 }, (_, n) => ({
        PutRequest: { Item: item(batch * 25 + n, "x") },
      }));
      await mustCall(url, "BatchWriteItem", { RequestItems: { [TableName]: puts } });
    }
    await until(
      () => followed.applied().length >= 1_500,
      () => followed.follower.state(),
    );
    const order = followed.applied().map((text) => Number(text.slice("2:SpN".length)));
    expect(new Set(order).size).toBe(1_500);
    expect(order.map((n) => Math.floor(n / 25))).toEqual(order.map((_, n) => Math.floor(n / 25)));
  });

  it("what was written before the start is flushed, not replayed", async () => {
    const { TableName, schema } = await follow("KEYS_ONLY");
    await mustCall(url, "PutItem", { TableName, Item: item(1, "a") });
    const second = followStream(url, schema.streamArn!, { schema });
    open.push(second);
    await second.follower.start();
    await mustCall(url, "PutItem", { TableName, Item: item(2, "a") });
    await until(() => second.applied().length > 0, "the second write");
    expect(second.applied()).toEqual([canonical(2)]);
  });
});

describe("each view type is as precise as it can be", () => {
  it.each(["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"] as const)("%s", async (viewType) => {
    const { TableName, schema, followed } = await follow(viewType);
    await mustCall(url, "PutItem", { TableName, Item: item(1, "red") });
    await mustCall(url, "PutItem", { TableName, Item: item(1, "blue") });
    await mustCall(url, "DeleteItem", { TableName, Key: key(1) });
    await until(() => followed.applied().length === 3, viewType);
    const whole = indexTag(schema.tableId, "byKind");
    const kinds = (...names: string[]) =>
      names.map((name) => indexPartitionTag(schema.tableId, "byKind", `S${name}`));
    const tags = followed.diary.flatMap((entry) =>
      entry.kind === "applied" ? [changedTags(entry.change.change).slice(3)] : [],
    );
    const [hasOld, hasNew] = [viewType.includes("OLD"), viewType.includes("NEW")];
    expect(tags).toEqual([
      hasNew ? kinds("red") : [whole],
      hasOld && hasNew ? kinds("red", "blue") : [whole],
      hasOld ? kinds("blue") : [whole],
    ]);
    const images = followed.diary.flatMap((entry) =>
      entry.kind === "applied" ? [itemOf(entry.change.image)] : [],
    );
    expect(images).toEqual([
      hasNew ? item(1, "red") : undefined,
      hasNew ? item(1, "blue") : undefined,
      "absent",
    ]);
  });
});

describe("the end of a stream", () => {
  it("disabled: the last records, then stopped; enabled again it is another stream", async () => {
    const { TableName, followed } = await follow("KEYS_ONLY");
    await mustCall(url, "PutItem", { TableName, Item: item(1, "a") });
    await mustCall(url, "UpdateTable", { TableName, StreamSpecification: { StreamEnabled: false } });
    await until(
      () => followed.follower.state().kind === "stopped",
      () => followed.follower.state(),
    );
    expect(followed.follower.state().stopReason).toBe("stream disabled");
    expect(followed.applied()).toEqual([canonical(1)]);
    expect(followed.flushes()).toEqual(["start", "stream disabled"]);
  });
});

describe("a page of DynamoDB Local that is not full", () => {
  it("has all that was written before it was asked for, though record times are whole minutes", async () => {
    const { TableName, followed } = await follow("NEW_AND_OLD_IMAGES", { pollMs: 1, idlePollMs: 1 });
    const endsAtMs = Date.now() + 1_500;
    const acknowledged: { readonly sk: number; readonly atMs: number }[] = [];
    let [next, lagMsMax] = [0, 0];
    const filler = { S: "x".repeat(20_000) };
    const write = async (): Promise<void> => {
      while (Date.now() < endsAtMs) {
        next += 1;
        const sk = next;
        const Item = { ...item(sk, "x"), ...(sk % 10 === 0 && { filler }) };
        await mustCall(url, "PutItem", { TableName, Item });
        acknowledged.push({ sk, atMs: systemClock.nowMs() });
        const { caughtUpAtMs, lagMs } = followed.follower.state();
        lagMsMax = Math.max(lagMsMax, lagMs);
        const applied = new Set(followed.applied());
        const wrong = acknowledged.filter(
          (one) => one.atMs < caughtUpAtMs && !applied.has(canonical(one.sk)),
        );
        expect(wrong).toEqual([]);
      }
    };
    await Promise.all([write(), write(), write()]);
    expect(acknowledged.length).toBeGreaterThan(50);
    expect(lagMsMax).toBeLessThan(1_000);
  });
});
