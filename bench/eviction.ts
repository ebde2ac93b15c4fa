/**
 * Which policy keeps the right entries (docs/decisions/0014): `node bench/eviction.ts`. Hit ratios of lru-cache and four
 * others over seeded traces, caches of 1 to 50 % of what a trace asks for in all. Nothing is timed: the same everywhere.
 */

import { type PolicyName, policies } from "./eviction-policies.ts";
import { type Trace, traces } from "./eviction-traces.ts";
import { machine, table, writeReport } from "./report.ts";

const shares = [0.01, 0.05, 0.1, 0.25, 0.5];
const names = Object.keys(policies) as PolicyName[];

interface Row {
  readonly trace: string;
  /** Of the cache in what the trace asks for. */
  readonly share: number;
  readonly hitRatio: Readonly<Record<string, number>>;
}

function footprint({ steps, bytesOf }: Trace): number {
  let bytes = 0;
  for (const key of new Set(steps)) if (key >= 0) bytes += bytesOf(key);
  return bytes;
}

/** The first fifth warms the cache up. */
function hitRatio({ steps, bytesOf }: Trace, name: PolicyName, bytesMax: number): number {
  const policy = policies[name](bytesMax);
  const from = steps.length / 5;
  let reads = 0;
  let hits = 0;
  for (let at = 0; at < steps.length; at += 1) {
    const key = steps[at]!;
    if (key < 0) policy.drop(~key);
    else {
      const isHit = policy.read(key, bytesOf(key));
      if (at < from) continue;
      reads += 1;
      if (isHit) hits += 1;
    }
  }
  return hits / reads;
}

const rows = traces().flatMap((trace) => {
  const bytes = footprint(trace);
  return shares.map((share): Row => {
    const bytesMax = Math.floor(share * bytes);
    return {
      trace: trace.name,
      share,
      hitRatio: Object.fromEntries(names.map((name) => [name, hitRatio(trace, name, bytesMax)])),
    };
  });
});

const percent = (value: number) => (100 * value).toFixed(1);
const text = table([
  ["trace", "cache", ...names, "SIEVE − LRU"],
  ...rows.map(({ trace, share, hitRatio: ratio }) => [
    trace,
    `${100 * share} %`,
    ...names.map((name) => percent(ratio[name]!)),
    percent(ratio.SIEVE! - ratio.LRU!),
  ]),
]);
const { date, commit, node } = machine();
const about = "Hit ratios in percent. Cache: share of all bytes that the trace asks for.";
const heading = `# Eviction\n\n${about} ${date}, commit ${commit}, node ${node}.`;
console.log(text);
writeReport({ about: { date, commit, node }, rows }, `${heading}\n\n${text}\n`, "eviction");
