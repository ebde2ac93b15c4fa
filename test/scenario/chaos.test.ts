/**
 * Nodes that die, sleep and lose each other, while the auditor holds every answer against the contract: real processes,
 * a real Redis, DynamoDB Local. CHAOS_SECONDS sets the length (60; 300 for the long one), CHAOS_SEED the faults,
 * CHAOS_WORKERS the threads of a node (2), and CHAOS_LOG=warn lets the nodes speak.
 */

import { expect, it } from "vitest";
import { type ChaosReport, type ChaosSetUp, chaos } from "../support/chaos.ts";

const seconds = Number(process.env.CHAOS_SECONDS ?? 60);
const seed = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 1_000_000));
const workers = Number(process.env.CHAOS_WORKERS ?? 2);
/** A mutant's run ends with its first violation. */
const mutantSeconds = 90;

/**
 * Contract: max(freshWithinMs + the stream's delay, degradedMaxAgeMs + replica lag), 2 s each by default; half a second for
 * DynamoDB Local to write the record, and a second of slack: the machine is busy with all of this.
 */
const boundMs = 3_500;

/** The settle windows are short, as DynamoDB Local does not lag: within them there would be little to audit. */
const settings = { settleMs: 100, indexSettleMs: 100 };

const whole: ChaosSetUp = {
  nodes: 3,
  workers,
  hasRedis: true,
  stream: "NEW_AND_OLD_IMAGES",
  writersAround: 2,
  settings,
  boundMs,
  seconds,
  seed,
  faults: "any",
};

/** What a run must be to have shown anything, and what it must have shown. */
function judge(name: string, report: ChaosReport, mayThrottle: boolean): void {
  const { traces, differences, faults, unanswered, ...figures } = report;
  const played = faults.filter((text) => !text.endsWith("no more")).length;
  console.log(`chaos, ${name}, CHAOS_SEED=${seed}: ${JSON.stringify({ ...figures, faults: played })}`);
  const said = `CHAOS_SEED=${seed}\n${faults.join("\n")}`;
  expect(traces.join("\n\n"), said).toBe("");
  expect(report.violations, said).toEqual({});
  expect(unanswered, said).toEqual([]);
  expect(differences, said).toEqual([]);
  if (!mayThrottle) expect(report.throttled, said).toBe(0);
  // And there was something to audit.
  expect(played).toBeGreaterThan(seconds / 10);
  expect(report.unjudged).toBeLessThan(report.checks / 4);
  expect(report.hits).toBeGreaterThan(report.checks / 100);
  expect(report.commits.through).toBeGreaterThan(100);
}

const timeout = { timeout: (seconds + 240) * 1000 };

it("3 nodes × 2 workers, one Redis, streams: the contract holds whatever dies", timeout, async () => {
  const report = await chaos(whole);
  judge("streams", report, false);
  expect(report.commits.around).toBeGreaterThan(100);
  expect(report.redisHits).toBeGreaterThan(0);
});

it("no stream, every write guarded: the same, but writes may be throttled", timeout, async () => {
  const guarded = { ...settings, streams: "off", writeGuard: "require" };
  const part = { seconds: Math.max(20, seconds / 3), writersAround: 0 };
  judge("guard", await chaos({ ...whole, ...part, stream: undefined, settings: guarded }), true);
});

it("nodes without a common Redis, each following the stream: killed and paused", timeout, async () => {
  const part = { seconds: Math.max(20, seconds / 3) };
  judge("alone", await chaos({ ...whole, ...part, workers: 1, nodes: 2, hasRedis: false }), false);
});

const [another, around] = [
  "another node: older than the bound allows",
  "around: older than the bound allows",
];
const gateOpen = { freshWithinMs: 600_000, degradedMaxAgeMs: 600_000 };

it.each<[string, Partial<ChaosSetUp>, readonly string[]]>([
  [
    "nodes that have nothing in common",
    { hasRedis: false, workers: 1, writersAround: 0, settings: { ...settings, streams: "off" } },
    [another],
  ],
  [
    "one Redis, but nobody follows the stream, and writes around",
    { settings: { ...settings, streams: "off" } },
    [around],
  ],
  [
    "a freshness gate that never closes, when whoever leads a stream sleeps",
    { settings: { ...settings, ...gateOpen }, faults: "sleep in turn", writersAround: 6 },
    [another, around],
  ],
])(
  "the auditor finds what is wrong with %s",
  { timeout: (mutantSeconds + 90) * 1000 },
  async (_, over, rules) => {
    const until = { untilViolation: true, seconds: mutantSeconds, faults: "none" } as const;
    const report = await chaos({ ...whole, ...until, ...over });
    expect(rules, `CHAOS_SEED=${seed}`).toEqual(expect.arrayContaining(Object.keys(report.violations)));
    expect(report.traces.join("\n"), `nothing was found with CHAOS_SEED=${seed}`).toContain(
      "states and when they were acknowledged",
    );
  },
);
