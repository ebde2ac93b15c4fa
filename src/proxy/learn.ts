/**
 * Strong and transactional reads always go to DynamoDB, but what they show is a change just learned: a later hit may
 * not be older than what this proxy has shown. Where the live entry says the same it stays, and what is in flight
 * dies; otherwise the item is invalidated and, outside of DAX's semantics, written through.
 */

import type { CacheEntry, ImageLease } from "../cache/tier.ts";
import { applyChange } from "../invalidation/invalidator.ts";
import type { Deps } from "./deps.ts";
import { itemEntry } from "./item-read.ts";
import type { ItemRef } from "./plan.ts";

/** An item that a strong read is about to look at. */
export interface Sight {
  readonly ref: ItemRef;
  readonly lease: ImageLease;
}

/** What it saw: the item's JSON, "absent", or "partly" (a projection: enough to invalidate, not to store). */
export type Seen = Uint8Array | "absent" | "partly";

interface News extends Sight {
  /** What to store; undefined = not enough was seen. */
  readonly entry: CacheEntry | undefined;
}

/** To be called before the read is sent. */
export function sight(ref: ItemRef, deps: Deps): Sight {
  return { ref, lease: deps.cache.imageLease(ref.cacheKey, ref.tags, deps.isGuarded(ref.schema)) };
}

/** To be called with the reply and before the client hears. */
export async function learn(
  seen: readonly (readonly [Sight, Seen])[],
  readAtMs: number,
  deps: Deps,
): Promise<void> {
  const news = seen.flatMap(([{ ref, lease }, image]): News[] => {
    if (image === "partly") return [{ ref, lease, entry: undefined }];
    const entry = itemEntry(image === "absent" ? undefined : image, readAtMs, 0);
    const same = ({ body }: CacheEntry) => Buffer.compare(body, entry.body) === 0;
    const confirmed = deps.cache.confirm(ref.cacheKey, ref.tags, same, [ref.itemTag]);
    return confirmed ? [] : [{ ref, lease, entry }];
  });
  if (news.length === 0) return;
  const tags = news.map(({ ref }) => ref.itemTag);
  await applyChange(
    { table: news[0]?.ref.schema.TableName ?? "", source: "strong_read", tags },
    deps.cache,
    deps.recorder,
  );
  for (const { ref, lease, entry } of news) {
    if (entry === undefined || !keepsImages(ref, entry.negative)) continue;
    // DAX does not populate its item cache from strong reads (conformance 5).
    if (ref.rule.queryCoherence === "ttl") continue;
    deps.recorder.fill(ref.schema.TableName, await lease.store(entry, tags));
  }
}

/** Whether images of this table's items are stored at all. */
export function keepsImages({ rule }: Pick<ItemRef, "rule">, negative: boolean): boolean {
  return rule.cache !== "off" && rule.itemTtlMs > 0 && (!negative || rule.negativeTtlMs > 0);
}
