// From a DescribeTable reply to what the cache must know of a table. Pure.

import { hash } from "node:crypto";
import {
  type IndexSchema,
  type Input,
  isObject,
  type KeyAttribute,
  type KeyType,
  type TableSchema,
} from "../dynamodb/model.ts";

/** Only a table in one of these states is served from the cache (API_TableDescription, TableStatus). */
const usableStatus: ReadonlySet<unknown> = new Set(["ACTIVE", "UPDATING"]);

interface KeyHalves {
  readonly partitionKey: readonly KeyAttribute[];
  readonly sortKey: readonly KeyAttribute[];
}

/**
 * The schema in a DescribeTable reply's body; undefined if the table is not in use (being created, deleted,
 * archived) or the description has not the form that API_TableDescription gives it.
 */
export function tableSchemaOf(body: Uint8Array): TableSchema | undefined {
  const table = tableIn(body);
  if (table === undefined || !usableStatus.has(table.TableStatus)) return undefined;
  const TableName = table.TableName;
  const types = attributeTypes(table.AttributeDefinitions);
  const keys = keyHalves(table.KeySchema, types);
  const indexes = indexesOf(table, types);
  if (typeof TableName !== "string" || keys === undefined || indexes === undefined) return undefined;
  const [partitionKey, anotherPartitionKey] = keys.partitionKey;
  const [sortKey, anotherSortKey] = keys.sortKey;
  if (partitionKey === undefined || anotherPartitionKey || anotherSortKey) return undefined;
  const tableId = text(table.TableArn) ?? TableName;
  const identity = [tableId, table.TableId, table.CreationDateTime, keys];
  return {
    TableName,
    tableId,
    partitionKey,
    sortKey,
    indexes: new Map(indexes.map(({ schema }) => [schema.IndexName, schema])),
    fingerprint: digest([identity, indexes]),
    streamArn: streamArnOf(table),
  };
}

function tableIn(body: Uint8Array): Input | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(body).toString("utf8"));
    return isObject(parsed) && isObject(parsed.Table) ? parsed.Table : undefined;
  } catch {
    return undefined;
  }
}

function attributeTypes(definitions: unknown): ReadonlyMap<string, KeyType> {
  const types = new Map<string, KeyType>();
  for (const definition of Array.isArray(definitions) ? definitions : []) {
    if (!isObject(definition)) continue;
    const { AttributeName: name, AttributeType: type } = definition;
    if (typeof name === "string" && (type === "S" || type === "N" || type === "B")) types.set(name, type);
  }
  return types;
}

function keyHalves(schema: unknown, types: ReadonlyMap<string, KeyType>): KeyHalves | undefined {
  if (!Array.isArray(schema)) return undefined;
  const partitionKey: KeyAttribute[] = [];
  const sortKey: KeyAttribute[] = [];
  for (const element of schema) {
    if (!isObject(element)) return undefined;
    const { AttributeName: name, KeyType: half } = element;
    const type = typeof name === "string" ? types.get(name) : undefined;
    if (typeof name !== "string" || type === undefined) return undefined;
    if (half === "HASH") partitionKey.push({ name, type });
    else if (half === "RANGE") sortKey.push({ name, type });
    else return undefined;
  }
  return partitionKey.length > 0 ? { partitionKey, sortKey } : undefined;
}

interface DescribedIndex {
  readonly schema: IndexSchema;
  /** Part of the fingerprint only: an index made anew with another projection answers otherwise. */
  readonly projection: unknown;
}

function indexesOf(table: Input, types: ReadonlyMap<string, KeyType>): readonly DescribedIndex[] | undefined {
  const indexes: DescribedIndex[] = [];
  for (const [member, kind] of [
    ["LocalSecondaryIndexes", "local"],
    ["GlobalSecondaryIndexes", "global"],
  ] as const) {
    const descriptions = table[member] ?? [];
    if (!Array.isArray(descriptions)) return undefined;
    for (const description of descriptions) {
      const index = isObject(description) ? indexOf(description, kind, types) : undefined;
      if (index === undefined) return undefined;
      indexes.push(index);
    }
  }
  return indexes.sort((a, b) => (a.schema.IndexName < b.schema.IndexName ? -1 : 1));
}

function indexOf(
  description: Input,
  kind: IndexSchema["kind"],
  types: ReadonlyMap<string, KeyType>,
): DescribedIndex | undefined {
  const keys = keyHalves(description.KeySchema, types);
  const IndexName = description.IndexName;
  if (keys === undefined || typeof IndexName !== "string") return undefined;
  return { schema: { IndexName, kind, ...keys }, projection: projectionOf(description.Projection) };
}

/** In one spelling, whatever order the attributes were listed in. */
function projectionOf(projection: unknown): unknown {
  if (!isObject(projection)) return undefined;
  const { ProjectionType, NonKeyAttributes } = projection;
  return [ProjectionType, Array.isArray(NonKeyAttributes) ? [...NonKeyAttributes].map(String).sort() : []];
}

/** The stream's ARN while it is switched on; the last one stays in LatestStreamArn for a day after that. */
function streamArnOf(table: Input): string | undefined {
  const specification = table.StreamSpecification;
  const enabled = isObject(specification) && specification.StreamEnabled === true;
  return enabled ? text(table.LatestStreamArn) : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** 128 bits: no two tables have the same, and it is part of every cache key. */
function digest(value: unknown): string {
  return hash("sha256", JSON.stringify(value), "buffer").toString("base64url", 0, 16);
}
