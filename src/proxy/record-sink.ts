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
import type { Input } from "../dynamodb/model.ts";
import type { RecordChange } from "../invalidation/change-source.ts";
import { applyChange } from "../invalidation/invalidator.ts";
import { changedTags } from "../invalidation/tags.ts";
import type { RecordResult } from "../metrics/outcome.ts";
import type { Deps } from "./deps.ts";
import { imageHash } from "./image-hash.ts";
import { itemBytes } from "./item-read.ts";
import { refOf } from "./plan.ts";

/** Applies one record: queries are dropped, the item only if what is cached differs from the record's new image. */
export async function applyRecord(record: RecordChange, deps: Deps): Promise<RecordResult> {
  const { change, image } = record;
  const { TableName } = change.schema;
  const tags = changedTags(change);
  if (image !== undefined) {
    const ref = refOf(change, deps.ruleFor(TableName));
    deps.recorder.invalidated(TableName, "stream");
    const known: KnownImage = {
      key: ref.cacheKey,
      tags: ref.tags,
      shows: (entry) => shows(entry, image),
      hash: () => imageHash(image),
    };
    const confirmed = await deps.cache.changeTo(known, tags);
    return confirmed ? "confirmed" : "invalidated";
  }
  await applyChange({ table: TableName, source: "stream", tags }, deps.cache, deps.recorder);
  return "invalidated";
}

/** Whether the entry is this very item, however its members and sets are ordered; in doubt not. */
function shows(entry: CacheEntry, image: Input | "absent"): boolean {
  const bytes = itemBytes(entry);
  if (image === "absent" || bytes === undefined) return image === "absent" && bytes === undefined;
  const cached = canonicalValue({ M: parseObject(bytes) });
  return cached !== undefined && cached === canonicalValue({ M: image });
}
