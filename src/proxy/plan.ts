/**
 * What a cacheable read is known by, what it depends on and how it is asked upstream. Pure. `undefined` means "not
 * proven to be a request that DynamoDB accepts": it goes up as it came, and DynamoDB's own answer comes back.
 */

import type { CacheKey, LookupOptions, Tag } from "../cache/tier.ts";
import type { ResolvedRule } from "../config/table-rules.ts";
import { canonicalKey, partitionOf } from "../dynamodb/canonical-key.ts";
import { canonicalRead } from "../dynamodb/canonical-read.ts";
import { type Projection, planProjection } from "../dynamodb/expression/projection.ts";
import { type IndexSchema, type Input, isObject, type TableSchema } from "../dynamodb/model.ts";
import {
  anyWriteTag,
  everythingTag,
  type ItemChange,
  indexPartitionTag,
  indexTag,
  itemTag,
  partitionTag,
  schemaTag,
} from "../invalidation/tags.ts";
import { type CapacityWish, capacityWish } from "./reply.ts";

/** One item, as the cache knows it. */
export interface ItemRef {
  readonly schema: TableSchema;
  readonly rule: ResolvedRule;
  /** Canonical primary key. */
  readonly canonical: string;
  readonly cacheKey: CacheKey;
  /** What any write of the item changes. */
  readonly itemTag: Tag;
  /** Everything that the item's entry depends on. */
  readonly tags: readonly Tag[];
}

export interface GetItemPlan {
  readonly ref: ItemRef;
  readonly Key: Input;
  readonly projection: Projection | "whole";
  readonly capacity: CapacityWish;
}

export interface QueryPlan {
  readonly kind: "query" | "scan";
  readonly schema: TableSchema;
  readonly rule: ResolvedRule;
  readonly cacheKey: CacheKey;
  readonly tags: readonly Tag[];
  readonly index: IndexSchema | undefined;
  readonly capacity: CapacityWish;
  /** How it is read while something it depends on is unsettled: strongly, or as asked and not stored. */
  readonly strongWhenUnsettled: boolean;
  readonly settleMs: number;
  /** False where the request's meaning could not be told, and its spelling is the key. */
  readonly exact: boolean;
}

/**
 * The key of an entry names the table by its fingerprint, which is short, and another one for each incarnation: another
 * incarnation has other keys and so other tags, and stamps can only be compared over the same tags.
 */
function cacheKey(kind: string, { fingerprint }: TableSchema, rest: string): CacheKey {
  return `${kind}\0${fingerprint}\0${rest}` as CacheKey;
}

/** Whether this key names an item, and not a page. */
export function isItemKey(key: CacheKey): boolean {
  return key.startsWith("i\0");
}

/** What all reads of a table have in common. */
interface TableParts {
  /** What everything of the table depends on. */
  readonly always: readonly [Tag, Tag];
  /** An item's cache key and tag up to its canonical key, which stands last in both. */
  readonly itemKey: string;
  readonly itemTag: string;
}

const partsOf = new WeakMap<TableSchema, TableParts>();

/** Remembered: it is asked for each key of each request. */
function tableParts(schema: TableSchema): TableParts {
  const known = partsOf.get(schema);
  if (known !== undefined) return known;
  const { tableId } = schema;
  const parts: TableParts = {
    always: [schemaTag(tableId), everythingTag],
    itemKey: cacheKey("i", schema, ""),
    itemTag: itemTag(tableId, ""),
  };
  partsOf.set(schema, parts);
  return parts;
}

/** @param canonical its canonical primary key (canonical-key.ts) */
export function itemRef(canonical: string, schema: TableSchema, rule: ResolvedRule): ItemRef {
  const parts = tableParts(schema);
  const tag = (parts.itemTag + canonical) as Tag;
  return {
    schema,
    rule,
    canonical,
    itemTag: tag,
    cacheKey: (parts.itemKey + canonical) as CacheKey,
    tags: [tag, parts.always[0], parts.always[1]],
  };
}

/** A change of this item. */
export function changeOf(
  { schema, canonical }: ItemRef,
  around: Pick<ItemChange, "before" | "after" | "touched">,
): ItemChange {
  return { schema, key: canonical, partition: partitionOf(canonical, schema), ...around };
}

/**
 * @param ageMsMax the table's freshness gate
 * @param guarded Deps.isGuarded
 */
export function itemLookup(rule: ResolvedRule, ageMsMax: number, guarded: boolean): LookupOptions {
  return {
    ageMsMax: Math.min(rule.itemTtlMs, ageMsMax),
    negativeAgeMsMax: Math.min(rule.negativeTtlMs, ageMsMax),
    settleMs: rule.settleMs,
    keepMs: Math.max(rule.itemTtlMs, rule.negativeTtlMs),
    guarded,
  };
}

const getItemMembers = new Set([
  ..."TableName Key AttributesToGet ConsistentRead ReturnConsumedCapacity".split(" "),
  ..."ProjectionExpression ExpressionAttributeNames".split(" "),
]);

/** @param input a GetItem request that does not ask for a strongly consistent read */
export function planGetItem(input: Input, schema: TableSchema, rule: ResolvedRule): GetItemPlan | undefined {
  for (const member in input) if (!getItemMembers.has(member)) return undefined;
  if (!isEventual(input)) return undefined;
  const capacity = capacityWish(input);
  const { Key } = input;
  const canonical = canonicalKey(Key, schema);
  if (canonical === undefined || !isObject(Key) || capacity === "invalid") return undefined;
  const projection = planProjection(input, schema);
  if (projection === undefined) return undefined;
  return { ref: itemRef(canonical, schema, rule), Key, projection, capacity };
}

/** @param input a Query or Scan that does not ask for a strongly consistent read */
export function planQuery(
  operation: "Query" | "Scan",
  input: Input,
  schema: TableSchema,
  rule: ResolvedRule,
): QueryPlan | undefined {
  if (!isEventual(input)) return undefined;
  const capacity = capacityWish(input);
  const { IndexName } = input;
  const index = typeof IndexName === "string" ? schema.indexes.get(IndexName) : undefined;
  // An index that we do not know may be new: our picture of the table is then too old to tell dependencies from.
  if (capacity === "invalid" || (IndexName !== undefined && index === undefined)) return undefined;
  const canonical = canonicalRead(operation, input, schema);
  // Kept by its spelling, and written out again for upstream: then every number must survive being parsed.
  if (!canonical.exact && !hasOnlySafeNumbers(input)) return undefined;
  const isGlobal = index?.kind === "global";
  return {
    kind: operation === "Query" ? "query" : "scan",
    schema,
    rule,
    cacheKey: cacheKey(operation, schema, canonical.key),
    tags: queryTags(schema, rule, index, canonical.partition),
    index,
    capacity,
    strongWhenUnsettled: operation === "Query" && !isGlobal,
    settleMs: isGlobal ? rule.indexSettleMs : rule.settleMs,
    exact: canonical.exact,
  };
}

function queryTags(
  schema: TableSchema,
  rule: ResolvedRule,
  index: IndexSchema | undefined,
  partition: string | undefined,
): readonly Tag[] {
  const { tableId } = schema;
  const rest = tableParts(schema).always;
  if (rule.queryCoherence === "ttl") return rest;
  if (partition === undefined) return [anyWriteTag(tableId), ...rest];
  if (index?.kind !== "global") return [partitionTag(tableId, partition), ...rest];
  return [
    indexPartitionTag(tableId, index.IndexName, partition),
    indexTag(tableId, index.IndexName),
    ...rest,
  ];
}

function hasOnlySafeNumbers(value: unknown): boolean {
  if (typeof value === "number") return Number.isSafeInteger(value);
  if (typeof value !== "object" || value === null) return true;
  return Object.values(value).every(hasOnlySafeNumbers);
}

function isEventual(input: Input): boolean {
  return input.ConsistentRead === undefined || input.ConsistentRead === false;
}
