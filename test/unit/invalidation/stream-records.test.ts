// What each record says about its item: four view types × three events, keys of every type, index keys.

import { describe, expect, it } from "vitest";
import type { IndexSchema, TableSchema } from "../../../src/dynamodb/model.ts";
import type { StreamRecord } from "../../../src/invalidation/placed-records.ts";
import { readRecordPage } from "../../../src/invalidation/record-page.ts";
import { recordChange, sequenceNumberOf } from "../../../src/invalidation/stream-records.ts";
import {
  anyWriteTag,
  changedTags,
  indexPartitionTag,
  indexTag,
  itemTag,
  partitionTag,
} from "../../../src/invalidation/tags.ts";

const byKind: IndexSchema = {
  IndexName: "byKind",
  kind: "global",
  partitionKey: [{ name: "kind", type: "S" }],
  sortKey: [],
};
const schema: TableSchema = {
  TableName: "t",
  tableId: "table/t",
  partitionKey: { name: "pk", type: "S" },
  sortKey: { name: "sk", type: "N" },
  indexes: new Map([["byKind", byKind]]),
  fingerprint: "1",
  streamArn: undefined,
};
const Keys = { pk: { S: "a" }, sk: { N: "1" } };
const key = "2:SaN1";
const oldItem = { ...Keys, kind: { S: "red" } };
const newItem = { ...Keys, kind: { S: "blue" } };

/** The only record of a page. */
function listed(record: unknown): StreamRecord {
  const page = readRecordPage(Buffer.from(JSON.stringify({ Records: [record ?? null] })));
  return page?.records.at(0) ?? expect.fail("no page");
}

const read = (record: unknown, of: TableSchema) => recordChange(listed(record), of);

function record(eventName: unknown, dynamodb: object): object {
  const dynamodbMember = {
    ApproximateCreationDateTime: 1_700_000_000.9,
    SequenceNumber: "1".repeat(21),
    ...dynamodb,
  };
  return { eventID: "1", eventName, eventVersion: "1.1", dynamodb: dynamodbMember };
}

describe.each([
  ["KEYS_ONLY", false, false],
  ["NEW_IMAGE", false, true],
  ["OLD_IMAGE", true, false],
  ["NEW_AND_OLD_IMAGES", true, true],
])("%s", (StreamViewType, hasOld, hasNew) => {
  const before = hasOld ? oldItem : "unknown";
  const after = hasNew ? newItem : "unknown";
  const own = [itemTag("table/t", key), partitionTag("table/t", "Sa"), anyWriteTag("table/t")];
  const red = indexPartitionTag("table/t", "byKind", "Sred");
  const blue = indexPartitionTag("table/t", "byKind", "Sblue");
  const whole = indexTag("table/t", "byKind");
  const cases = {
    INSERT: { before: "absent", after, image: hasNew ? newItem : undefined, tags: hasNew ? [blue] : [whole] },
    MODIFY: {
      before,
      after,
      image: hasNew ? newItem : undefined,
      tags: hasOld && hasNew ? [red, blue] : [whole],
    },
    REMOVE: { before, after: "absent", image: "absent", tags: hasOld ? [red] : [whole] },
  } as const;

  it.each(["INSERT", "MODIFY", "REMOVE"] as const)("%s", (eventName) => {
    const wanted = cases[eventName];
    const change = read(
      record(eventName, {
        Keys,
        StreamViewType,
        ...(hasOld && eventName !== "INSERT" && { OldImage: oldItem }),
        ...(hasNew && eventName !== "REMOVE" && { NewImage: newItem }),
      }),
      schema,
    );
    expect(change).toMatchObject({
      change: { schema, key, partition: "Sa", before: wanted.before, after: wanted.after },
      createdAtMs: 1_700_000_000_000,
    });
    expect(change?.image === "absent" ? "absent" : change?.image?.item()).toEqual(wanted.image);
    expect(change && changedTags(change.change)).toEqual([...own, ...wanted.tags]);
  });
});

describe("keys", () => {
  const hashOnly = (type: "S" | "N" | "B"): TableSchema => ({
    ...schema,
    partitionKey: { name: "pk", type },
    sortKey: undefined,
    indexes: new Map(),
  });

  it.each([
    ["S", { S: "x" }, "Sx"],
    ["N", { N: "1.50e1" }, "N15"],
    ["N", { N: "-0" }, "N0"],
    ["B", { B: "AAE=" }, "BAAE="],
  ] as const)("of type %s: %j", (type, value, text) => {
    const change = read(record("REMOVE", { Keys: { pk: value } }), hashOnly(type));
    expect(change?.change).toMatchObject({ key: text, partition: text });
  });

  it("named like members of every object", () => {
    const odd: TableSchema = { ...hashOnly("S"), partitionKey: { name: "__proto__", type: "S" } };
    const own: unknown = JSON.parse('{"__proto__":{"S":"x"}}');
    expect(read(record("REMOVE", { Keys: own }), odd)?.change.key).toBe("Sx");
    const other: TableSchema = { ...hashOnly("S"), partitionKey: { name: "constructor", type: "S" } };
    expect(read(record("REMOVE", { Keys: {} }), other)).toBeUndefined();
  });
});

describe("what cannot be understood", () => {
  it.each([
    ["no record", undefined],
    ["a text", "INSERT"],
    ["no dynamodb", { eventName: "INSERT" }],
    ["no keys", record("INSERT", {})],
    ["an unknown event", record("UPSERT", { Keys })],
    ["an event named like a member of every object", record("constructor", { Keys })],
    ["no event", record(undefined, { Keys })],
    ["a key missing", record("INSERT", { Keys: { pk: { S: "a" } } })],
    ["a key too many", record("INSERT", { Keys: { ...Keys, other: { S: "b" } } })],
    ["a key of another type", record("INSERT", { Keys: { ...Keys, sk: { S: "1" } } })],
    ["a list for keys", record("INSERT", { Keys: [Keys] })],
  ])("%s", (_, value) => {
    expect(read(value, schema)).toBeUndefined();
  });

  it("images that are no objects are unknown, and times that are none", () => {
    const change = read(
      record("MODIFY", { Keys, NewImage: "x", OldImage: [], ApproximateCreationDateTime: "now" }),
      schema,
    );
    expect(change).toMatchObject({ change: { before: "unknown", after: "unknown" } });
    expect(change?.image).toBeUndefined();
    expect(change?.createdAtMs).toBeUndefined();
  });

  it("a sequence number that is none", () => {
    expect(sequenceNumberOf(listed(record("INSERT", { Keys })))).toBe("1".repeat(21));
    for (const bad of [undefined, {}, { dynamodb: {} }, { dynamodb: { SequenceNumber: 7 } }]) {
      expect(sequenceNumberOf(listed(bad))).toBeUndefined();
    }
  });
});
