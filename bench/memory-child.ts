/**
 * One candidate in a process of its own: fills it, looks up, replaces. Started by bench/memory.ts with the candidate's name, the
 * entries and the bytes of a body; prints one line of JSON.
 */

import { PerformanceObserver } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { type Candidate, type CandidateName, candidates } from "./memory-candidates.ts";
import { seeded } from "./random.ts";
import { resident } from "./resident.ts";

export interface CandidateFigures {
  readonly overheadBytes: number;
  readonly heapBytes: number;
  /** CPU of a hit, for all entries and for a thousand. */
  readonly hitNs: number;
  readonly smallHitNs: number;
  readonly putNs: number;
  /** The longest time between two puts while each put somebody else out, and the longest pause of the collector then. */
  readonly stallMs: number;
  readonly gcMs: number;
  /** The most resident memory during the puts, over what it was before them. */
  readonly swellingBytes: number;
}

const smallEntries = 1_000;
const hits = 1_000_000;

/** As plan.ts names items. */
const keyOf = (at: number) => `i\0Zk3vQ0b8R1mXcT5yLw9aPg\0S${String(at).padStart(20, "0")}`;

function cpuNs(repeats: number, turn: (at: number) => void): number {
  const before = process.cpuUsage();
  for (let at = 0; at < repeats; at += 1) turn(at);
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1_000) / repeats;
}

/** The least of five rounds, without what making the key takes. */
function hitNs(candidate: Candidate, entries: number): number {
  const random = seeded(1);
  let length = 0;
  const rounds = Array.from({ length: 5 }, () => {
    const both = cpuNs(hits / 5, () => {
      length += candidate.get(keyOf(Math.floor(random() * entries)))!.length;
    });
    const keyOnly = cpuNs(hits / 5, () => {
      length += keyOf(Math.floor(random() * entries)).length;
    });
    return both - keyOnly;
  });
  if (Number.isNaN(length)) throw new Error("something was not found");
  return Math.min(...rounds);
}

const [name = "", entriesText, bytesText] = process.argv.slice(2);
const [entries, bytes] = [Number(entriesText), Number(bytesText)];
const make = candidates[name as CandidateName];
// Cut from something larger, as a reply is.
const body = Buffer.alloc(bytes + 1, "0123456789abcdef").subarray(1);
let gcMs = 0;
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) gcMs = Math.max(gcMs, duration);
}).observe({ entryTypes: ["gc"] });

const little = make(2 ** 30);
for (let at = 0; at < smallEntries; at += 1) little.put(keyOf(at), body);
const smallHitNs = hitNs(little, smallEntries);

const before = await resident();
const large = make(Math.round(entries * (bytes + 1_200)));
const putNs = cpuNs(entries, (at) => large.put(keyOf(at), body));
const full = await resident();
const heapBytes = process.memoryUsage().heapUsed;
const largeHitNs = hitNs(large, entries);

// The same again in a cache that is full, a little at a time: the collector's pauses are only told in between.
const bounded = make(Math.round(entries * (bytes + 120)));
for (let at = 0; at < entries; at += 1) bounded.put(keyOf(at), body);
const settled = await resident();
gcMs = 0;
let [stallMs, most] = [0, 0];
for (let at = 0; at < 2 * bounded.entries; at += 1) {
  const startedAt = performance.now();
  bounded.put(keyOf(entries + at), body);
  stallMs = Math.max(stallMs, performance.now() - startedAt);
  if (at % 10_000 !== 0) continue;
  await sleep(0);
  most = Math.max(most, process.memoryUsage().rss);
}
await sleep(10);
const figures: CandidateFigures = {
  overheadBytes: (full - before) / entries - bytes,
  ...{ heapBytes, hitNs: largeHitNs, smallHitNs, putNs, stallMs, gcMs },
  swellingBytes: most - settled,
};
console.log(JSON.stringify(figures));
