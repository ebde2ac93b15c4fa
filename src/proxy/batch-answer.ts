/** Reading upstream's reply to a batch: whose item is whose, what was left undone, what it cost. */

import type { CacheKey } from "../cache/tier.ts";
import { canonicalKey, itemKey } from "../dynamodb/canonical-key.ts";
import { DynamoDbError } from "../dynamodb/errors.ts";
import { parseReply } from "../dynamodb/json-codec.ts";
import { elementSlices, memberSlices, type Slice } from "../dynamodb/json-slices.ts";
import { type Input, isObject } from "../dynamodb/model.ts";
import type { BatchPart, Wanted } from "./batch-plan.ts";
import { unitsOf } from "./reply.ts";

export interface BatchAnswer {
  /** The bytes of each item found, for tables read whole. */
  readonly items: ReadonlyMap<CacheKey, Uint8Array>;
  /** Items as upstream sent them, for tables asked for in the client's own words. */
  readonly verbatim: ReadonlyMap<BatchPart, readonly Uint8Array[]>;
  readonly unprocessed: ReadonlySet<CacheKey>;
  /** Units consumed for each table. */
  readonly units: ReadonlyMap<BatchPart, number>;
  /** The same, spread evenly over the keys that were read. */
  readonly unitsPerKey: ReadonlyMap<BatchPart, number>;
}

/** @throws InternalServerError if the reply is not one that DynamoDB sends, so that nothing is taken to be absent */
export function readBatchReply(body: Uint8Array, keys: readonly Wanted[]): BatchAnswer {
  const reply = parseReply(body);
  const parts = [...new Set(keys.map((one) => one.part))];
  const items = new Map<CacheKey, Uint8Array>();
  const verbatim = new Map<BatchPart, readonly Uint8Array[]>();
  const unprocessed = new Set<CacheKey>();
  const units = new Map<BatchPart, number>();
  const unitsPerKey = new Map<BatchPart, number>();
  const members = memberSlices(body);
  const responses = members?.get("Responses");
  const tables = responses && memberSlices(body, responses);
  if (tables === undefined)
    throw new DynamoDbError("InternalServerError", "DynamoDB's batch reply has no Responses.");
  for (const part of parts) {
    const wanted = keys.filter((one) => one.part === part);
    const byKey = new Map(wanted.map((one) => [one.ref.canonical, one.ref.cacheKey]));
    const found = itemSlices(body, tables, part);
    if (part.mode !== "cached") verbatim.set(part, found);
    if (part.mode === "cached" || part.projection === "whole") {
      for (const bytes of found) {
        const canonical = itemKey(parseReply(bytes), part.schema);
        const cacheKey = canonical === undefined ? undefined : byKey.get(canonical);
        if (cacheKey === undefined)
          throw new DynamoDbError(
            "InternalServerError",
            "DynamoDB's batch reply has an item that was not asked for.",
          );
        items.set(cacheKey, bytes);
      }
    }
    for (const cacheKey of leftOver(reply, part, byKey)) unprocessed.add(cacheKey);
    const consumed = capacityFor(reply.ConsumedCapacity, part);
    units.set(part, consumed);
    unitsPerKey.set(part, consumed / Math.max(1, wanted.length));
  }
  return { items, verbatim, unprocessed, units, unitsPerKey };
}

function itemSlices(
  body: Uint8Array,
  tables: ReadonlyMap<string, Slice>,
  part: BatchPart,
): readonly Uint8Array[] {
  const slice = namesOf(part)
    .map((name) => tables.get(name))
    .find((found) => found !== undefined);
  const elements = slice && elementSlices(body, slice);
  return (elements ?? []).map(({ start, end }) => body.subarray(start, end));
}

function leftOver(reply: Input, part: BatchPart, byKey: ReadonlyMap<string, CacheKey>): readonly CacheKey[] {
  const { UnprocessedKeys } = reply;
  if (!isObject(UnprocessedKeys)) return [];
  const name = namesOf(part).find((one) => Object.hasOwn(UnprocessedKeys, one));
  const left = name === undefined ? undefined : UnprocessedKeys[name];
  if (!isObject(left) || !Array.isArray(left.Keys)) return [];
  return left.Keys.map((key) => {
    const canonical = canonicalKey(key, part.schema);
    const cacheKey = canonical === undefined ? undefined : byKey.get(canonical);
    if (cacheKey === undefined)
      throw new DynamoDbError("InternalServerError", "DynamoDB left a key undone that was not asked for.");
    return cacheKey;
  });
}

function capacityFor(capacity: unknown, part: BatchPart): number {
  if (!Array.isArray(capacity)) return 0;
  const names = namesOf(part);
  return unitsOf(capacity.filter((one) => isObject(one) && names.includes(String(one.TableName))));
}

/** A table asked for by ARN may be answered by either. */
function namesOf({ reference, schema }: BatchPart): readonly string[] {
  return [reference, schema.TableName, schema.tableId];
}
