/** What a BatchGetItem asks for, table by table and key by key. Pure. */

import type { CacheEntry, Lease } from "../cache/tier.ts";
import type { ResolvedRule } from "../config/table-rules.ts";
import { canonicalKey } from "../dynamodb/canonical-key.ts";
import { type Projection, planProjection } from "../dynamodb/expression/projection.ts";
import { type Input, isObject, type TableSchema } from "../dynamodb/model.ts";
import { bypasses } from "./bypass.ts";
import type { Sight } from "./learn.ts";
import { type ItemRef, itemRef } from "./plan.ts";
import { type CapacityWish, capacityWish } from "./reply.ts";
import type { Tables } from "./write-batch.ts";

export interface BatchKey {
  readonly Key: Input;
  readonly ref: ItemRef;
}

export interface BatchPart {
  /** The table as the request spells it. */
  readonly reference: string;
  readonly schema: TableSchema;
  readonly rule: ResolvedRule;
  /** The request's own words for this table. */
  readonly request: Input;
  /** strong: the client asked for it; direct: not cached by rule; both go up in the client's own words. */
  readonly mode: "cached" | "strong" | "direct";
  readonly projection: Projection | "whole";
  readonly keys: readonly BatchKey[];
}

/** A key on its way: its hit, or the lease of its miss, or the sight of a strong read. */
export interface Wanted extends BatchKey {
  readonly part: BatchPart;
  readonly entry: CacheEntry | undefined;
  /** Where the entry was found. */
  readonly tier: "memory" | "redis" | undefined;
  readonly lease: Lease | undefined;
  readonly sight: Sight | undefined;
}

export interface BatchPlan {
  readonly parts: readonly BatchPart[];
  readonly keyCount: number;
  readonly capacity: Exclude<CapacityWish, "invalid">;
}

/** API_BatchGetItem. */
const keysMax = 100;
const partMembers = new Set(
  "Keys AttributesToGet ConsistentRead ProjectionExpression ExpressionAttributeNames".split(" "),
);

/** undefined = not proven to be a request that DynamoDB accepts. */
export function planBatchGet(input: Input, tables: Tables): BatchPlan | undefined {
  const { RequestItems } = input;
  const capacity = capacityWish(input);
  for (const member in input)
    if (member !== "RequestItems" && member !== "ReturnConsumedCapacity") return undefined;
  if (!isObject(RequestItems) || capacity === "invalid") return undefined;
  const parts: BatchPart[] = [];
  const seen = new Set<string>();
  for (const [reference, request] of Object.entries(RequestItems)) {
    const table = tables.get(reference);
    if (!isObject(request) || table === undefined || seen.has(table.schema.tableId)) return undefined;
    seen.add(table.schema.tableId);
    const part = planPart(reference, request, table.schema, table.rule);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  // DynamoDB does not let one batch mix the two dialects, not even for different tables.
  const says = (member: string) => parts.some(({ request }) => request[member] !== undefined);
  if (says("AttributesToGet") && says("ProjectionExpression")) return undefined;
  const keyCount = parts.reduce((sum, part) => sum + part.keys.length, 0);
  return keyCount === 0 || keyCount > keysMax ? undefined : { parts, keyCount, capacity };
}

function planPart(
  reference: string,
  request: Input,
  schema: TableSchema,
  rule: ResolvedRule,
): BatchPart | undefined {
  const { Keys, ConsistentRead } = request;
  for (const member in request) if (!partMembers.has(member)) return undefined;
  const projection = planProjection(request, schema);
  if (projection === undefined || !Array.isArray(Keys)) return undefined;
  if (Keys.length === 0 || Keys.length > keysMax) return undefined;
  if (ConsistentRead !== undefined && typeof ConsistentRead !== "boolean") return undefined;
  const keys: BatchKey[] = [];
  const seen = new Set<string>();
  for (const Key of Keys) {
    const canonical = canonicalKey(Key, schema);
    // DynamoDB refuses a batch that names an item twice.
    if (canonical === undefined || seen.has(canonical)) return undefined;
    seen.add(canonical);
    keys.push({ Key, ref: itemRef(canonical, schema, rule) });
  }
  const uncached = rule.cache === "off" || rule.itemTtlMs === 0 || bypasses(request, rule);
  const mode = ConsistentRead === true ? "strong" : uncached ? "direct" : "cached";
  return { reference, schema, rule, request, mode, projection, keys };
}
