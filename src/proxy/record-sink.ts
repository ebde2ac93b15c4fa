/**
 * Where a change that a stream tells of meets the cache: confirm or kill. The record of a write that came through us
 * would otherwise drop the fresh entry again. No ledger of own writes does: DynamoDB writes no record for a write that
 * changes nothing, so a remembered image can swallow a later record that is needed (1 x is put again, no record ·
 * 2 another writer puts y, its record is applied, y is cached · 3 another writer puts x: it matches the ledger and is
 * skipped; y stays).
 */

import type { CacheEntry, KnownImage } from "../cache/tier.ts";
import { canonicalValue } from "../dynamodb/canonical-value.ts";
import { parseObject } from "../dynamodb/json-codec.ts";
import type { RecordChange } from "../invalidation/change-source.ts";
import { applyChange } from "../invalidation/invalidator.ts";
import type { RecordImage } from "../invalidation/placed-records.ts";
import { changedTags } from "../invalidation/tags.ts";
import type { RecordResult } from "../metrics/outcome.ts";
import type { Deps } from "./deps.ts";
import { imageHash, noImage } from "./image-hash.ts";
import { itemBytes } from "./item-read.ts";
import { itemRef } from "./plan.ts";

/**
 * Applies one record: queries are dropped, the item only if what is cached differs from the record's new image. A promise
 * only where the cache gives one: there are thousands of records a second.
 */
export function applyRecord(
  record: RecordChange,
  deps: Pick<Deps, "cache" | "recorder" | "ruleFor">,
): RecordResult | Promise<RecordResult> {
  const { change, image } = record;
  const { TableName } = change.schema;
  const tags = changedTags(change);
  if (image !== undefined) {
    const ref = itemRef(change.key, change.schema, deps.ruleFor(TableName));
    deps.recorder.invalidated(TableName, "stream");
    const known: KnownImage = {
      key: ref.cacheKey,
      tags: ref.tags,
      shows: (entry) => shows(entry, image),
      hash: () => hashOf(image),
    };
    const confirmed = deps.cache.changeTo(known, tags);
    return typeof confirmed === "boolean" ? resultOf(confirmed) : confirmed.then(resultOf);
  }
  const applied = applyChange({ table: TableName, source: "stream", tags }, deps.cache, deps.recorder);
  return applied === undefined ? "invalidated" : applied.then(() => "invalidated");
}

function resultOf(confirmed: boolean): RecordResult {
  return confirmed ? "confirmed" : "invalidated";
}

/** Whether the entry is this very item, however its members and sets are ordered; in doubt not. */
function shows(entry: CacheEntry, image: RecordImage | "absent"): boolean {
  const bytes = itemBytes(entry);
  if (image === "absent" || bytes === undefined) return image === "absent" && bytes === undefined;
  if (Buffer.compare(bytes, image.bytes) === 0) return true;
  const cached = canonicalValue({ M: parseObject(bytes) });
  return cached !== undefined && cached === canonicalValue({ M: image.item() });
}

/** What nodes call the image; noImage where it cannot be read. */
function hashOf(image: RecordImage | "absent"): string {
  const item = image === "absent" ? image : image.item();
  return item === undefined ? noImage : imageHash(item);
}
