/** The request header x-dynatier-cache-control: what a caller wishes of the cache for this one call. */

import { type CacheControl, noWishes } from "./call.ts";

/**
 * Reads "no-cache", "no-store", "only-if-cached" and "max-age=SECONDS", separated by commas. Words it does not know
 * are ignored, as in HTTP (RFC 9111, 5.2).
 */
export function readCacheControl(header: string | undefined): CacheControl {
  if (header === undefined) return noWishes;
  let control = noWishes;
  for (const word of header.toLowerCase().split(",")) {
    const wish = word.trim();
    if (wish === "no-cache") control = { ...control, noCache: true };
    else if (wish === "no-store") control = { ...control, noStore: true };
    else if (wish === "only-if-cached") control = { ...control, onlyIfCached: true };
    const seconds = /^max-age="?(\d{1,10})"?$/.exec(wish)?.[1];
    if (seconds !== undefined) control = { ...control, ageMsMax: Number(seconds) * 1000 };
  }
  return control;
}
