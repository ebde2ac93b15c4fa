/** The proxy's own count of its look-ups, from GET /metrics: was what was measured really a hit? */

import type { Row } from "./rows.ts";

export type LookupCounts = ReadonlyMap<string, number>;

export async function lookupCounts(adminUrl: string): Promise<LookupCounts> {
  const reply = await fetch(new URL("/metrics", adminUrl));
  if (reply.status !== 200) throw new Error(`GET /metrics: ${reply.status}`);
  const counts = new Map<string, number>();
  for (const match of (await reply.text()).matchAll(/^dynatier_lookups_total\{([^}]*)\} (\S+)$/gm)) {
    const result = /\bresult="([^"]*)"/.exec(match[1]!)?.[1] ?? "";
    counts.set(result, (counts.get(result) ?? 0) + Number(match[2]));
  }
  return counts;
}

/**
 * @param replies how many replies the load got in between, warm-up included
 * @param unanswered how many requests may be counted whose replies the load did not await
 * @returns what does not fit
 */
export function checkLookups(
  row: Row,
  before: LookupCounts,
  after: LookupCounts,
  replies: number,
  lookupsPerRequest: number,
  unanswered: number,
): string[] {
  const grown = (result: string) => (after.get(result) ?? 0) - (before.get(result) ?? 0);
  const hits = grown("hit");
  const others = grown("miss") + grown("coalesced") + grown("negative_hit") + grown("shadow_hit");
  const [wanted, unwanted] = row.noCache ? [others, hits] : [hits, others];
  const complaints: string[] = [];
  if (unwanted > 0) complaints.push(`${row.id}: ${unwanted} look-ups had the wrong result`);
  const [least, most] = [replies * lookupsPerRequest, (replies + unanswered) * lookupsPerRequest];
  if (wanted < least || wanted > most)
    complaints.push(`${row.id}: ${wanted} look-ups counted, but there were ${replies} replies`);
  return complaints;
}
