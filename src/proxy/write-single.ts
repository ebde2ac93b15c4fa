/**
 * Plans for PutItem, UpdateItem and DeleteItem. Images are asked for upstream (they cost nothing) only where an index
 * or the write-through needs them, and the client's reply is trimmed to what it asked.
 */

import type { Tag } from "../cache/tier.ts";
import type { ResolvedRule } from "../config/table-rules.ts";
import { canonicalKey, itemKey } from "../dynamodb/canonical-key.ts";
import { type UpdatedAttributes, updatedAttributes } from "../dynamodb/expression/updated-attributes.ts";
import { parseReply, toBytes } from "../dynamodb/json-codec.ts";
import { memberSlices, withMember, withoutMember } from "../dynamodb/json-slices.ts";
import { type Input, isObject, type TableSchema } from "../dynamodb/model.ts";
import { storedImage } from "../dynamodb/stored-image.ts";
import { changedTags, type Image as Known, schemaTag } from "../invalidation/tags.ts";
import type { Call } from "./call.ts";
import { keepsImages } from "./learn.ts";
import { changeOf, type ItemRef, itemRef } from "./plan.ts";
import type { Image, WritePlan } from "./write.ts";

/** Plans one of the three single-item writes. */
export type SinglePlanner = (call: Call, input: Input, schema: TableSchema, rule: ResolvedRule) => WritePlan;

export const planPutItem: SinglePlanner = (call, input, schema, rule) => {
  const { Item } = input;
  const ref = isObject(Item) ? refOf(itemKey(Item, schema), schema, rule) : undefined;
  if (ref === undefined || !isObject(Item)) return wholeTable(call, schema);
  const stored = storedImage(Item);
  return planReplacing(call, input, ref, Item, stored === undefined ? undefined : toBytes(stored));
};

export const planDeleteItem: SinglePlanner = (call, input, schema, rule) => {
  const { Key } = input;
  const ref = isObject(Key) ? refOf(canonicalKey(Key, schema), schema, rule) : undefined;
  return ref === undefined ? wholeTable(call, schema) : planReplacing(call, input, ref, "absent", "absent");
};

/** A write whose result is known beforehand; only the old image has to be asked for, and only where a GSI needs it. */
function planReplacing(
  call: Call,
  input: Input,
  ref: ItemRef,
  after: Known,
  image: Image | undefined,
): WritePlan {
  const asked = returnValues(input);
  const extra = asked === "NONE" && needsOldImage(ref);
  const oldKnown = extra || asked === "ALL_OLD";
  return {
    ...single(ref, after),
    body: extra ? withReturnValues(call.body, "ALL_OLD") : call.body,
    refs: image === undefined ? [] : [ref],
    done: (body) => ({
      tags: changedTags(changeOf(ref, { before: oldKnown ? attributesOf(body) : "unknown", after })),
      images: image === undefined ? [] : [[ref, image]],
      body: extra ? withoutMember(body, "Attributes") : body,
    }),
  };
}

export const planUpdateItem: SinglePlanner = (call, input, schema, rule) => {
  const { Key } = input;
  const ref = isObject(Key) ? refOf(canonicalKey(Key, schema), schema, rule) : undefined;
  if (ref === undefined) return wholeTable(call, schema);
  const asked = returnValues(input);
  const updated = updatedAttributes(input);
  const wanted = keepsImages(ref, false) || needsOldImage(ref);
  const extra = wanted && (asked === "NONE" || (asked === "UPDATED_NEW" && canTrim(updated)));
  const newKnown = extra || asked === "ALL_NEW";
  const touched = updated?.names;
  return {
    ...single(ref, "unknown", touched),
    body: extra ? withReturnValues(call.body, "ALL_NEW") : call.body,
    refs: newKnown ? [ref] : [],
    done: (body) => {
      const slice = newKnown ? memberSlices(body)?.get("Attributes") : undefined;
      const attributes = slice ? body.subarray(slice.start, slice.end) : undefined;
      const before: Known = asked === "ALL_OLD" ? attributesOf(body) : "unknown";
      const after: Known = attributes ? parseReply(attributes) : "unknown";
      return {
        tags: changedTags(changeOf(ref, { before, after, touched })),
        images: attributes ? [[ref, attributes]] : [],
        body: extra ? trimmed(body, asked, after, updated) : body,
      };
    },
  };
};

/** The client's own bytes but for this one member: a write goes up as it was written. */
function withReturnValues(body: Uint8Array, value: "ALL_OLD" | "ALL_NEW"): Uint8Array {
  return withMember(withoutMember(body, "ReturnValues"), "ReturnValues", JSON.stringify(value));
}

/** An update that names no attribute goes up as it is: DynamoDB Local answers UPDATED_NEW of it with an error. */
function canTrim(updated: UpdatedAttributes | undefined): boolean {
  return updated?.topLevelOnly === true && updated.names.size > 0;
}

/** The reply to ALL_NEW as it would have been for what the client asked. */
function trimmed(
  body: Uint8Array,
  asked: unknown,
  after: Known,
  updated: UpdatedAttributes | undefined,
): Uint8Array {
  const bare = withoutMember(body, "Attributes");
  if (asked === "NONE" || updated === undefined || typeof after === "string") return bare;
  const names = [...updated.names].filter((name) => Object.hasOwn(after, name));
  if (names.length === 0) return bare;
  const Attributes = Object.fromEntries(names.map((name) => [name, after[name]]));
  return toBytes({ Attributes, ...parseReply(bare) });
}

/** A write of which we cannot tell the item: the whole table may have changed. */
export function wholeTable(call: Call, schema: TableSchema): WritePlan {
  const tags = [schemaTag(schema.tableId)];
  return {
    table: schema.TableName,
    body: call.body,
    idempotent: false,
    refs: [],
    schemas: [schema],
    unknownTables: [],
    touched: tags,
    done: (body) => ({ tags, images: [], body }),
  };
}

function single(
  ref: ItemRef,
  after: Known,
  touched?: ReadonlySet<string>,
): Omit<WritePlan, "body" | "refs" | "done"> {
  const touchedTags: readonly Tag[] = changedTags(changeOf(ref, { before: "unknown", after, touched }));
  return {
    table: ref.schema.TableName,
    idempotent: false,
    schemas: [ref.schema],
    unknownTables: [],
    touched: touchedTags,
  };
}

function refOf(canonical: string | undefined, schema: TableSchema, rule: ResolvedRule): ItemRef | undefined {
  return canonical === undefined ? undefined : itemRef(canonical, schema, rule);
}

/** Whether cached queries of a GSI make it worth knowing which of its partitions the item leaves. */
function needsOldImage({ schema, rule }: ItemRef): boolean {
  if (rule.cache === "off" || rule.queryTtlMs === 0 || rule.queryCoherence === "ttl") return false;
  for (const index of schema.indexes.values()) if (index.kind === "global") return true;
  return false;
}

function attributesOf(body: Uint8Array): Known {
  const { Attributes } = parseReply(body);
  return isObject(Attributes) ? Attributes : "absent";
}

/** What the client asked for; "NONE" where it said nothing. Anything unusual stays as it is, for DynamoDB to judge. */
function returnValues(input: Input): unknown {
  return input.ReturnValues === undefined ? "NONE" : input.ReturnValues;
}
