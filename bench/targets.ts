/** The targets that rows can tell of, and whether this run reached them. */

import type { LoadResult } from "./load-job.ts";
import type { Measured } from "./measure.ts";
import { cpu, type Quantity, type Spread, spreadOfKnown, throughput } from "./statistics.ts";

interface Target {
  readonly id: string;
  readonly text: string;
  /** The ids of the rows that are compared: one against another. */
  readonly rows: readonly [one: string, other: string];
  readonly of: Quantity;
  readonly compare: "ratio" | "difference";
  readonly bound: { readonly atLeast: number } | { readonly atMost: number };
}

export interface TargetResult {
  readonly id: string;
  readonly text: string;
  readonly target: string;
  /** Repeat by repeat; undefined = a row was skipped or not chosen. */
  readonly measured: Spread | undefined;
  /** For throughput the same ratio by CPU time for a reply: what it would be if the load were never the limit. */
  readonly byCpu: Spread | undefined;
  /** By the median of what is measured. */
  readonly isReached: boolean | undefined;
}

const p50 = ({ p50Ms }: LoadResult): number => p50Ms;
const hit = "proxy-get-hit";

function ratio(
  id: string,
  text: string,
  rows: Target["rows"],
  bound: Target["bound"],
  of: Quantity = throughput,
): Target {
  return { id, text, rows, of, compare: "ratio", bound };
}

const targets: readonly Target[] = [
  ratio("P1", "GetItem hit against bare node:http", [hit, "http-get"], { atLeast: 2.4 }),
  ratio("P1", "GetItem hit against nginx proxy_cache", [hit, "nginx-get"], { atLeast: 1.3 }),
  ratio("P1", "GetItem hit against Redis GET, no pipelining", [hit, "redis-get"], { atLeast: 0.55 }),
  ratio("P2", "the hit with SigV4 against the hit without", ["proxy-get-hit-sigv4", hit], { atLeast: 0.65 }),
  ratio("P4", "Query hit, 25 items of 300 bytes, against GetItem hit", ["proxy-query-hit", hit], {
    atLeast: 0.6,
  }),
  {
    ...ratio(
      "P5",
      "p50 of a miss minus p50 directly, 1 connection, ms",
      ["proxy-get-1-miss", "direct-get-1"],
      {
        atMost: 0.25,
      },
    ),
    of: p50,
    compare: "difference",
  },
  ratio("P5", "miss against a plain undici forwarder", ["proxy-get-miss", "forwarder-get"], { atLeast: 0.9 }),
  ratio(
    "P5",
    "the same before a faster upstream (node:http)",
    ["proxy-get-http-miss", "forwarder-get-http"],
    {
      atLeast: 0.9,
    },
  ),
  ratio(
    "P6",
    "p50 of a hit in Redis against p50 of a Redis GET, 1 connection",
    ["proxy-l2-hit-1", "redis-get-1"],
    {
      atMost: 2,
    },
    p50,
  ),
  ratio(
    "P11",
    "p50 with the SDK for JavaScript v3 against directly",
    ["sdk-js-proxy", "sdk-js-direct"],
    {
      atMost: 0.5,
    },
    p50,
  ),
  ratio(
    "P11",
    "p50 with boto3 against directly",
    ["sdk-python-proxy", "sdk-python-direct"],
    { atMost: 0.5 },
    p50,
  ),
];

export function targetResults(measured: readonly Measured[]): TargetResult[] {
  return targets.map((target) => {
    const [one, other] = target.rows.map((id) => measured.find(({ row }) => row.id === id)?.results);
    const spreadOf = (compare: (own: LoadResult, base: LoadResult | undefined) => number | undefined) =>
      one && other && spreadOfKnown(one.map((result, at) => compare(result, other[at])));
    const found = spreadOf((own, base) => compared(target, own, base));
    const isLeast = "atLeast" in target.bound;
    const bound = "atLeast" in target.bound ? target.bound.atLeast : target.bound.atMost;
    return {
      id: target.id,
      text: target.text,
      target: `${isLeast ? "≥" : "≤"} ${bound}`,
      measured: found,
      byCpu: target.of === throughput ? spreadOf(byCpu) : undefined,
      isReached: found && (isLeast ? found.median >= bound : found.median <= bound),
    };
  });
}

/** Of cores that are full, throughput is one over the CPU time. */
function byCpu(one: LoadResult, other: LoadResult | undefined): number | undefined {
  const [own, base] = [cpu(one), other && cpu(other)];
  return own === undefined || base === undefined ? undefined : base / own;
}

function compared(
  { of, compare }: Target,
  one: LoadResult,
  other: LoadResult | undefined,
): number | undefined {
  const [own, base] = [of(one), other && of(other)];
  if (own === undefined || base === undefined) return undefined;
  return compare === "ratio" ? own / base : own - base;
}
