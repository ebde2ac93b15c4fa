/**
 * One text for every key: what the cache knows an item, and a partition, by. On the hot path of every read.
 */

import { base64ByteLength, isCanonicalBase64 } from "./canonical-binary.ts";
import { canonicalNumber } from "./canonical-number.ts";
import type { Input, KeyAttribute, TableSchema } from "./model.ts";
import { isObject } from "./model.ts";

/** Largest key values in bytes (AWS: ServiceQuotas, "Partition keys and sort keys"). */
const partitionBytesMax = 2048;
const sortBytesMax = 1024;
const ZERO = 0x30;

/**
 * The canonical text of a request's Key: exactly the table's key attributes, rightly typed, not empty, within
 * DynamoDB's sizes. Different keys of one table have different texts, spellings of one number the same.
 *
 * @returns undefined for a key that DynamoDB refuses or may understand differently: a read is left to it, and
 * a write may then have changed any item of the table.
 */
export function canonicalKey(key: unknown, schema: TableSchema): string | undefined {
  if (!isObject(key)) return undefined;
  if (memberCount(key) !== (schema.sortKey ? 2 : 1)) return undefined;
  return itemKey(key, schema);
}

/** The same text from a whole item, where other attributes may stand beside the key's. */
export function itemKey(item: Input, schema: TableSchema): string | undefined {
  const partition = keyPart(item, schema.partitionKey, partitionBytesMax);
  if (!schema.sortKey || partition === undefined) return partition;
  const sort = keyPart(item, schema.sortKey, sortBytesMax);
  return sort && joined(partition, sort);
}

/**
 * The canonical text of these attributes' values, taken from a Key, an item or a map of values. Sizes are not
 * checked.
 *
 * @returns undefined where one of them is missing, wrongly typed, empty or not spelt canonically. In a
 * request's item this does not prove that the item stays out of the index: only a missing attribute does.
 */
export function canonicalPartition(source: Input, attributes: readonly KeyAttribute[]): string | undefined {
  let text: string | undefined;
  for (const attribute of attributes) {
    const part = keyPart(source, attribute, Number.POSITIVE_INFINITY);
    if (part === undefined) return undefined;
    text = text === undefined ? part : joined(text, part);
  }
  return text;
}

/** {@link canonicalPartition}'s text of an item, taken from its canonical primary key. */
export function partitionOf(canonical: string, schema: TableSchema): string {
  if (!schema.sortKey) return canonical;
  // By hand: for each record of a stream, and Number.parseInt leaves V8's compiled code.
  const colon = canonical.indexOf(":");
  let length = 0;
  for (let at = 0; at < colon; at += 1) length = 10 * length + canonical.charCodeAt(at) - ZERO;
  return canonical.slice(colon + 1, colon + 1 + length);
}

/** Two parts as one text; the length in front keeps ("a", "bc") and ("ab", "c") apart. */
function joined(first: string, second: string): string {
  return `${first.length}:${first}${second}`;
}

/** One attribute's type and value: the only place where a key value becomes text. */
function keyPart(source: Input, attribute: KeyAttribute, bytesMax: number): string | undefined {
  if (!Object.hasOwn(source, attribute.name)) return undefined;
  const value = source[attribute.name];
  if (!isObject(value) || memberCount(value) !== 1) return undefined;
  const text = value[attribute.type];
  if (typeof text !== "string" || text === "") return undefined;
  switch (attribute.type) {
    case "S":
      return text.isWellFormed() && fitsUtf8(text, bytesMax) ? `S${text}` : undefined;
    case "N": {
      const number = canonicalNumber(text);
      return number && `N${number}`;
    }
    case "B":
      return isCanonicalBase64(text) && base64ByteLength(text) <= bytesMax ? `B${text}` : undefined;
  }
}

/** Without the array that Object.keys makes. */
function memberCount(value: Input): number {
  let count = 0;
  for (const name in value) if (Object.hasOwn(value, name)) count += 1;
  return count;
}

function fitsUtf8(text: string, bytesMax: number): boolean {
  // A UTF-16 unit is at most three bytes of UTF-8, so short texts need no counting.
  return text.length * 3 <= bytesMax || (text.length <= bytesMax && Buffer.byteLength(text) <= bytesMax);
}
