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

function grown(before: LookupCounts, after: LookupCounts, results: readonly string[]): number {
  return results.reduce((sum, one) => sum + (after.get(one) ?? 0) - (before.get(one) ?? 0), 0);
}

const hits = ["hit"];
const others = ["miss", "coalesced", "negative_hit", "shadow_hit"];

/** Of the look-ups in between those that were hits. */
export function hitShare(before: LookupCounts, after: LookupCounts): number {
  const found = grown(before, after, hits);
  return found / Math.max(1, found + grown(before, after, others));
}

/**
 * @param replies how many replies the load got in between, warm-up included
 * @returns what does not fit
 */
export function checkLookups(
  row: Row,
  before: LookupCounts,
  after: LookupCounts,
  replies: number,
  lookupsPerRequest: number,
): string[] {
  const [wanted, unwanted] = row.noCache ? [others, hits] : [hits, others];
  const complaints: string[] = [];
  const wrong = grown(before, after, unwanted);
  if (wrong > 0) complaints.push(`${row.id}: ${wrong} look-ups had the wrong result`);
  const counted = grown(before, after, wanted);
  if (counted !== replies * lookupsPerRequest)
    complaints.push(`${row.id}: ${counted} look-ups counted, but there were ${replies} replies`);
  return complaints;
}
