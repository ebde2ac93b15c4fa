/** An item in 22 characters: what nodes tell each other of it, to confirm what they have or to drop it. */

import { hash } from "node:crypto";
import type { CacheEntry, CacheKey } from "../cache/tier.ts";
import { canonicalValue } from "../dynamodb/canonical-value.ts";
import { parseObject } from "../dynamodb/json-codec.ts";
import type { Input } from "../dynamodb/model.ts";
import { itemBytes } from "./item-read.ts";
import { isItemKey } from "./plan.ts";

/** Names no item: equal to no image's hash. */
export const noImage = "";

/**
 * 128 bits of SHA-256 over the item's canonical form, base64url: equal items have equal hashes however their members,
 * numbers and sets are written. noImage where the item has no canonical form.
 */
export function imageHash(image: Input | "absent"): string {
  const canonical = image === "absent" ? "absent" : canonicalValue({ M: image });
  return canonical === undefined ? noImage : hash("sha256", canonical, "buffer").toString("base64url", 0, 16);
}

/** The same of what is cached; noImage for anything but an item. */
export function entryHash(key: CacheKey, entry: CacheEntry): string {
  if (!isItemKey(key)) return noImage;
  const bytes = itemBytes(entry);
  if (bytes === undefined) return imageHash("absent");
  const item = parseObject(bytes);
  return item === undefined ? noImage : imageHash(item);
}
