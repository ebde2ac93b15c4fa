/** What a run has counted, and its answers in words. */

import type { Reply } from "../../src/proxy/call.ts";
import type { Ask } from "./workload.ts";

export interface Tally {
  calls: number;
  /** Answers to eventually consistent reads, and those of them that cost no upstream read. */
  reads: number;
  hits: number;
  shared: number;
  checked: number;
  errors: number;
  atRest: number;
}

export function count({ outcome }: Reply, tally: Tally): void {
  if (outcome === "pass") return;
  tally.reads += 1;
  if (outcome === "hit" || outcome === "negative-hit") tally.hits += 1;
  if (outcome === "coalesced") tally.shared += 1;
}

export function told(reply: Reply): string {
  return `${reply.status} ${reply.outcome} ${reply.reason ?? ""} ${Buffer.from(reply.body).toString()}`;
}

export function wishes({ control }: Ask): string {
  const { noCache, noStore, onlyIfCached, ageMsMax } = control;
  return JSON.stringify({
    ...(noCache && { noCache }),
    ...(noStore && { noStore }),
    ...(onlyIfCached && { onlyIfCached }),
    ageMsMax,
  });
}
