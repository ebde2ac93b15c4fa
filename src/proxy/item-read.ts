/** GetItem: an entry is the whole item as DynamoDB's reply to it, `{"Item":{…}}`, or `{}` for one that does not exist. */

import { crc32 } from "node:zlib";
import type { CacheEntry } from "../cache/tier.ts";
import { project } from "../dynamodb/expression/projection.ts";
import { parseReply, toBytes } from "../dynamodb/json-codec.ts";
import { memberSlices, withMember } from "../dynamodb/json-slices.ts";
import { type Input, type Item, isObject } from "../dynamodb/model.ts";
import type { UpstreamReply } from "../upstream/upstream.ts";
import { ownBytes } from "../util/own-bytes.ts";
import type { Reply } from "./call.ts";
import type { Answer } from "./loaded.ts";
import { type GetItemPlan, itemLookup } from "./plan.ts";
import type { Answered, Readable } from "./read-through.ts";
import { ours, unitsOf, zeroCapacity } from "./reply.ts";

const itemPrefix = Buffer.from('{"Item":');
const closing = Buffer.from("}");
const absent = Buffer.from("{}");

/**
 * @param input the client's request, which `plan` was made from
 * @param ageMsMax the table's freshness gate
 */
export function itemReadable(input: Input, plan: GetItemPlan, ageMsMax: number): Readable {
  const { TableName } = input;
  return {
    kind: "item",
    schema: plan.schema,
    rule: plan.rule,
    cacheKey: plan.cacheKey,
    tags: plan.tags,
    lookup: itemLookup(plan.rule, ageMsMax),
    strongWhenUnsettled: true,
    // The whole item, whatever the caller's projection: capacity is charged by the item's size in any case.
    requestBody: (readConsistently) =>
      toBytes({
        TableName,
        Key: plan.Key,
        ...(readConsistently && { ConsistentRead: true }),
        ReturnConsumedCapacity: plan.capacity === "INDEXES" ? "INDEXES" : "TOTAL",
      }),
    loaded: (reply, readAtMs) => loadedItem(reply, readAtMs),
    reply: (entry, how) => itemReply(input, plan, entry, how),
  };
}

function loadedItem(reply: UpstreamReply, readAtMs: number): Answer {
  const { body } = reply;
  const slices = memberSlices(body) ?? new Map();
  const item = slices.get("Item");
  const capacity = slices.get("ConsumedCapacity");
  const capacityText = capacity && Buffer.from(body.subarray(capacity.start, capacity.end)).toString();
  const units = capacityText === undefined ? 0 : unitsOf(JSON.parse(capacityText));
  return { entry: itemEntry(item && body.subarray(item.start, item.end), readAtMs, units), capacityText };
}

/** @param item the bytes of an item's JSON; undefined = there is no such item */
export function itemEntry(item: Uint8Array | undefined, readAtMs: number, units: number): CacheEntry {
  const body = item === undefined ? absent : ownBytes(itemPrefix, item, closing);
  return { body, crc32: crc32(body), readAtMs, units, negative: item === undefined };
}

/** The bytes of the item's JSON in an entry's body; undefined for a negative entry. */
export function itemBytes(entry: CacheEntry): Uint8Array | undefined {
  return entry.negative ? undefined : entry.body.subarray(itemPrefix.byteLength, entry.body.byteLength - 1);
}

function itemReply(input: Input, plan: GetItemPlan, entry: CacheEntry, how: Answered): Reply {
  const table = plan.schema.TableName;
  const outcome = how.outcome === "hit" && entry.negative ? "negative-hit" : how.outcome;
  const notes = { table, tier: how.tier, reason: how.reason, requestId: how.requestId };
  if (plan.projection === "whole" && plan.capacity === "NONE") {
    return ours(entry.body, outcome, { ...notes, crc: entry.crc32 });
  }
  let body: Uint8Array = entry.body;
  if (plan.projection !== "whole" && !entry.negative) {
    const { Item } = parseReply(entry.body);
    // The codec edge: the entry is DynamoDB's own item.
    if (isObject(Item)) body = toBytes({ Item: project(Item as Item, plan.projection) });
  }
  if (plan.capacity === "TOTAL" || plan.capacity === "INDEXES") {
    const zero = () =>
      JSON.stringify(
        zeroCapacity(plan.capacity === "INDEXES" ? "INDEXES" : "TOTAL", String(input.TableName)),
      );
    body = withMember(body, "ConsumedCapacity", how.capacityText ?? zero());
  }
  return ours(body, outcome, notes);
}
