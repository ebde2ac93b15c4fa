/** Counts against the committed ones. Pure. */

import type { Counts } from "./guard-measure.ts";

/** What the repository keeps: bench/results/guard.json. */
export interface Baseline {
  /** Another Node.js allocates otherwise. */
  readonly node: string;
  readonly rows: Readonly<Record<string, Counts>>;
}

export interface Verdict {
  /** What is worse than it was; empty = the guard lets it pass. */
  readonly complaints: readonly string[];
  /** What is so much better that the baseline no longer guards it. */
  readonly notes: readonly string[];
}

/** By this share a count may grow. */
const growthMax = 0.1;
/** Of counts near zero a tenth is nothing: what timers and heartbeats add stays below this. */
const slack = 0.2;
export const renewCommand = "npm run guard -- --renew";

const words: Readonly<Record<keyof Counts, string>> = {
  heapBytes: "bytes allocated on the heap",
  writes: "write system calls",
  promises: "promises",
  timers: "timers",
  upstreamRequests: "requests to upstream",
  redisCommands: "commands carried out by Redis",
  redisReads: "round trips to Redis",
};
const names = Object.keys(words) as (keyof Counts)[];

/** @param measured by row; rows that could not be measured here are not in it, and are not judged */
export function judge(measured: Readonly<Record<string, Counts>>, baseline: Baseline): Verdict {
  const complaints: string[] = [];
  const notes: string[] = [];
  for (const [id, counts] of Object.entries(measured)) {
    const before = baseline.rows[id];
    if (before === undefined) {
      complaints.push(`${id}: there is no baseline. Make one: ${renewCommand}`);
      continue;
    }
    for (const name of names) {
      const [now, then] = [counts[name], before[name]];
      if (now === undefined || then === undefined) continue;
      const change = `${id}: ${now} ${words[name]} a reply, ${then} in the baseline`;
      if (now > then * (1 + growthMax) + slack) complaints.push(`${change} (${growth(now, then)})`);
      else if (now < then * (1 - growthMax) - slack) notes.push(`${change} (${growth(now, then)})`);
    }
  }
  return { complaints, notes };
}

function growth(now: number, then: number): string {
  return then === 0 ? "there were none" : `${now > then ? "+" : ""}${Math.round((now / then - 1) * 100)} %`;
}
