// The schema of test/support/tables.ts' WITH_INDEXES, and one with multi-attribute index keys.

import type { IndexSchema, KeyAttribute, TableSchema } from "../../../src/dynamodb/model.ts";

function key(name: string, type: KeyAttribute["type"] = "S"): KeyAttribute {
  return { name, type };
}

function schema(sortKey: KeyAttribute, indexes: readonly IndexSchema[]): TableSchema {
  return {
    TableName: "t",
    tableId: "arn:aws:dynamodb:us-east-1:000000000000:table/t",
    partitionKey: key("pk"),
    sortKey,
    indexes: new Map(indexes.map((index) => [index.IndexName, index])),
    fingerprint: "1",
    streamArn: undefined,
  };
}

export const withIndexesSchema = schema(key("sk", "N"), [
  { IndexName: "byRank", kind: "local", partitionKey: [key("pk")], sortKey: [key("rank", "N")] },
  { IndexName: "byKind", kind: "global", partitionKey: [key("kind")], sortKey: [key("score", "N")] },
  { IndexName: "byOwner", kind: "global", partitionKey: [key("owner")], sortKey: [] },
]);

export const multiAttributeSchema = schema(key("sk", "N"), [
  {
    IndexName: "byPlace",
    kind: "global",
    partitionKey: [key("country"), key("city")],
    sortKey: [key("year", "N"), key("month", "N"), key("label")],
  },
]);
