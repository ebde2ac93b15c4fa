/** How far what a write or a strong read has shown of an item is trusted, where other nodes read the same Redis. */

import type { TagState } from "../redis/shared-store.ts";
import type { Births } from "./births.ts";
import type { MemoryImageLease } from "./memory-tier.ts";
import { isMarked, type Receipt } from "./redis-changes.ts";
import type { CacheEntry, FillOutcome, Tag } from "./tier.ts";

/** How long an image may be kept: not at all, for a short time in memory, or as long as what was read. */
export type Trust = "none" | "brief" | "full";

export interface Circumstances {
  readonly births: Births;
  /** As in LookupOptions. */
  readonly guarded: boolean;
  /** As far as they are known: the tags that it depends on and that its own change has not changed. */
  readonly others: readonly Pick<TagState, "bornAtMs" | "marks">[];
}

/**
 * What to think of an image after its own change: not to be kept where another node may be changing the item too, and
 * not for long where Redis did not say whether one is, or may have forgotten it.
 */
export function trustIn(
  dependsOn: readonly Tag[],
  { readAtMs: sentAtMs }: CacheEntry,
  { tags, changed }: Receipt,
  { births, guarded, others }: Circumstances,
): Trust {
  if (changed === undefined) return "brief";
  // Others may well be writing in the same partition, or elsewhere in the table: that is not this item.
  const own = changed.tags.filter((_change, at) => dependsOn.some((tag) => tag === tags[at]));
  if (own.some(({ markedByOthers }) => markedByOthers) || isMarked(others)) return "none";
  return births.mayHideWrites([...own, ...others], { guarded, sentAtMs, lagMs: 0 }) ? "brief" : "full";
}

/** Stores an image in this process' memory. */
export function storeImage(
  lease: MemoryImageLease,
  entry: CacheEntry,
  { tags }: Receipt,
  trust: Trust,
  degradedMaxAgeMs: number,
): FillOutcome {
  if (trust === "full") return lease.store(entry, tags);
  const isKept = trust === "brief" && degradedMaxAgeMs > 0;
  return isKept ? lease.store(entry, tags, degradedMaxAgeMs) : "unsettled";
}
