/** What an answer depends on and what a change changes, as tags. Pure; docs/CONSISTENCY.md prints the same table. */

import type { Tag } from "../cache/tier.ts";
import { canonicalPartition } from "../dynamodb/canonical-key.ts";
import type { IndexSchema, Input, TableSchema } from "../dynamodb/model.ts";

// A tag's parts are joined with a NUL: AWS allows none in table and index names or ARNs, and a key's canonical text
// stands last.
// Written as sums, not as a list that is joined: a record of a stream needs three at least, of thousands a second.
const tag = (text: string): Tag => text as Tag;

/** Everything cached: an operator's flush; a write of which we cannot even tell the table. */
export const everythingTag: Tag = tag("all");
/**
 * The table's keys, indexes, or all of its items at once. By its bare name, of which the ARN's last part is one: so it
 * can be told for a table that has not been described (1 a write to such a table is acknowledged · 2 the table is
 * described · 3 a read must know that it is unsettled). Namesakes elsewhere share it, at the cost of misses.
 * @param reference TableName or ARN
 */
export const schemaTag = (reference: string): Tag =>
  tag(`schema\0${reference.slice(reference.lastIndexOf("/") + 1)}`);
/** Whether so much depends on this tag that it must not be forgotten for want of use. */
export const isEpochTag = (name: string): boolean => name === everythingTag || name.startsWith("schema\0");
/** Any write to the table: Scans, and Queries of which we cannot tell the partition. */
export const anyWriteTag = (tableId: string): Tag => tag(`any\0${tableId}`);
/** One item, by its canonical primary key. */
export const itemTag = (tableId: string, key: string): Tag => tag(`item\0${tableId}\0${key}`);
/** All items of one partition key: Queries on the table or an LSI. */
export const partitionTag = (tableId: string, partition: string): Tag =>
  tag(`part\0${tableId}\0${partition}`);
/** One partition of a GSI, where old and new index keys of a change are known. */
export const indexPartitionTag = (tableId: string, index: string, partition: string): Tag =>
  tag(`ipart\0${tableId}\0${index}\0${partition}`);
/** A whole GSI, where they are not. */
export const indexTag = (tableId: string, index: string): Tag => tag(`index\0${tableId}\0${index}`);

/** An item's state before or after a change: known, known to be absent, or unknown. */
export type Image = Input | "absent" | "unknown";

export interface ItemChange {
  readonly schema: TableSchema;
  /** Canonical primary key (canonical-key.ts). */
  readonly key: string;
  /** Canonical partition key. */
  readonly partition: string;
  readonly before: Image;
  readonly after: Image;
  /**
   * The attributes that the change may touch; undefined = any. An index whose key is not among them has kept its
   * key, so that one image tells both.
   */
  readonly touched?: ReadonlySet<string> | undefined;
}

/** The tags that one item's change changes, apart from its GSIs'. */
export function itemTags(change: Pick<ItemChange, "schema" | "key" | "partition">): Tag[] {
  const { tableId } = change.schema;
  return [itemTag(tableId, change.key), partitionTag(tableId, change.partition), anyWriteTag(tableId)];
}

/** All tags that one item's change changes. */
export function changedTags(change: ItemChange): Tag[] {
  const tags = itemTags(change);
  for (const index of change.schema.indexes.values()) {
    if (index.kind === "global") tags.push(...indexTags(change, index));
  }
  return tags;
}

function indexTags(change: ItemChange, index: IndexSchema): Tag[] {
  const { tableId } = change.schema;
  const images = keepsIndexKey(change, index) ? [knownImage(change)] : [change.before, change.after];
  const tags: Tag[] = [];
  for (const image of images) {
    if (image === "unknown") return [indexTag(tableId, index.IndexName)];
    if (image === "absent") continue;
    // An item that lacks an attribute of the index key is not in the index (sparse index).
    if (index.partitionKey.some((a) => !Object.hasOwn(image, a.name))) continue;
    const partition = canonicalPartition(image, index.partitionKey);
    if (partition === undefined) return [indexTag(tableId, index.IndexName)];
    tags.push(indexPartitionTag(tableId, index.IndexName, partition));
  }
  return tags;
}

/**
 * True if one image tells the index key before and after: exactly one is known, and the change does not touch the
 * index key. Not if the known one is "absent": an UpdateItem of an item that does not exist creates it with its key
 * attributes, which may be the index key, although its expression names none of them.
 */
function keepsIndexKey(change: ItemChange, index: IndexSchema): boolean {
  const { before, after, touched } = change;
  if (touched === undefined || (before === "unknown") === (after === "unknown")) return false;
  return knownImage(change) !== "absent" && !index.partitionKey.some(({ name }) => touched.has(name));
}

function knownImage({ before, after }: ItemChange): Image {
  return before === "unknown" ? after : before;
}
