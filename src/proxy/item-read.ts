/** GetItem: an entry is the whole item as DynamoDB's reply to it, `{"Item":{…}}`, or `{}` for one that does not exist. */

import { crc32 } from "node:zlib";
import type { CacheEntry, CacheKey, LookupOptions, Tag } from "../cache/tier.ts";
import type { ResolvedRule } from "../config/table-rules.ts";
import { project } from "../dynamodb/expression/projection.ts";
import { parseReply, toBytes } from "../dynamodb/json-codec.ts";
import { memberSlices, type Slice, withMember } from "../dynamodb/json-slices.ts";
import { type Input, type Item, isObject, type TableSchema } from "../dynamodb/model.ts";
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

/** One GetItem. A class, so that a hit makes no closures. */
export class ItemReadable implements Readable {
  readonly kind = "item";
  readonly schema: TableSchema;
  readonly rule: ResolvedRule;
  readonly cacheKey: CacheKey;
  readonly tags: readonly Tag[];
  readonly lookup: LookupOptions;
  readonly strongWhenUnsettled = true;
  readonly #input: Input;
  readonly #plan: GetItemPlan;

  /**
   * @param input the client's request, which `plan` was made from
   * @param ageMsMax the table's freshness gate
   * @param guarded Deps.isGuarded
   */
  constructor(input: Input, plan: GetItemPlan, ageMsMax: number, guarded: boolean) {
    const { ref } = plan;
    this.schema = ref.schema;
    this.rule = ref.rule;
    this.cacheKey = ref.cacheKey;
    this.tags = ref.tags;
    this.lookup = itemLookup(ref.rule, ageMsMax, guarded);
    this.#input = input;
    this.#plan = plan;
  }

  requestBody(readConsistently: boolean): Uint8Array {
    const { Key, capacity } = this.#plan;
    // The whole item, whatever the caller's projection: capacity is charged by the item's size in any case.
    return toBytes({
      TableName: this.#input.TableName,
      Key,
      ...(readConsistently && { ConsistentRead: true }),
      ReturnConsumedCapacity: capacity === "INDEXES" ? "INDEXES" : "TOTAL",
    });
  }

  loaded(reply: UpstreamReply, readAtMs: number): Answer {
    return loadedItem(reply, readAtMs);
  }

  reply(entry: CacheEntry, how: Answered): Reply {
    return itemReply(this.#input, this.#plan, entry, how);
  }
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
  const slice = itemSlice(entry);
  return slice && entry.body.subarray(slice.start, slice.end);
}

/** Where the item's JSON stands in an entry's body; undefined for a negative entry. */
export function itemSlice({ negative, body }: CacheEntry): Slice | undefined {
  return negative ? undefined : { start: itemPrefix.byteLength, end: body.byteLength - closing.byteLength };
}

function itemReply(input: Input, plan: GetItemPlan, entry: CacheEntry, how: Answered): Reply {
  const table = plan.ref.schema.TableName;
  const outcome = how.outcome === "hit" && entry.negative ? "negative-hit" : how.outcome;
  const { tier, reason, requestId } = how;
  if (plan.projection === "whole" && plan.capacity === "NONE")
    return ours(entry.body, outcome, { table, tier, reason, requestId, crc: entry.crc32 });
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
  return ours(body, outcome, { table, tier, reason, requestId });
}
