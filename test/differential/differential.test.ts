// The same sequence of operations through the proxy and directly: every reply must be the same.
//
// DIFFERENTIAL_SEED repeats a run (the seed is printed), DIFFERENTIAL_OPS scales it, DIFFERENTIAL_REPORT
// prints what it met.

import fc from "fast-check";
import { describe, expect, inject, test } from "vitest";
import { createApp } from "../../src/app.ts";
import { type SettingValues, settingsFor } from "../support/proxy.ts";
import { Coverage } from "./coverage.ts";
import { minimums } from "./minimums.ts";
import { runSequence } from "./runner.ts";
import { OPERATIONS_MEAN, type Sequence, sequence } from "./sequence.ts";

const seed = Number(process.env.DIFFERENTIAL_SEED ?? process.env.FAST_CHECK_SEED ?? Date.now() % 2 ** 31);
const operations = Number(process.env.DIFFERENTIAL_OPS ?? 36_000);
/** A failure is made smaller for so long. */
const shrinkMs = 30_000;
const direct = inject("dynamoDbLocalUrl");
const coverage = new Coverage();

const quick: SettingValues = { settleMs: 1, indexSettleMs: 1, unknownOutcomeMs: 1 };

/**
 * Settled almost at once, so that nearly everything is cached; the defaults; hardly any room and few versions, so
 * that different things share one; the rules that make a read go another way.
 */
const variants: readonly { name: string; share: number; settings: SettingValues }[] = [
  { name: "settled after 1 ms", share: 0.55, settings: quick },
  { name: "default settings", share: 0.15, settings: {} },
  {
    name: "8 KiB of cache, 16 version slots",
    share: 0.2,
    settings: { ...quick, settleMs: 0, indexSettleMs: 0, cacheBytesMax: 8192, slots: 16 },
  },
  {
    name: "rules: a shadowed table; projections past the cache, absent items not kept",
    share: 0.1,
    settings: {
      ...quick,
      tables: [
        { match: "*tbl1", cache: "shadow" },
        { match: "*tbl0", bypassProjections: true, negativeTtlMs: 0 },
      ],
    },
  },
];

describe(`differential, seed ${seed}`, () => {
  for (const [at, { name, share, settings }] of variants.entries()) {
    test(name, { timeout: 900_000 }, async () => {
      const app = await createApp(
        await settingsFor({ port: 0, adminPort: 0, logLevel: "silent", upstream: direct, ...settings }),
      );
      const { url } = await app.start();
      try {
        const sequences = Math.ceil((operations * share) / OPERATIONS_MEAN);
        await runAll(seed + at, sequences, (found) => runSequence(found, { proxy: url, direct }, coverage));
      } finally {
        await app.stop();
      }
    });
  }

  test("hits were frequent, and everything that is generated was met", () => {
    if (process.env.DIFFERENTIAL_REPORT)
      console.log(`${coverage.operations} operations\n${coverage.report()}`);
    expect(coverage.operations).toBeGreaterThan(operations * 0.6);
    if (operations < 5_000) return; // Too few to tell.
    for (const kind of ["all", "GetItem", "BatchGetItem", "Query", "Scan", "projection"]) {
      expect(coverage.hitShare("at once", kind), `hits at once: ${kind}`).toBeGreaterThan(0.5);
      expect(coverage.hitShare("later", kind), `hits later: ${kind}`).toBeGreaterThan(0.3);
    }
    const tooFew = Object.entries(minimums).flatMap(([group, counts]) =>
      Object.entries(counts).flatMap(([name, minimum]) => {
        const [met, wanted] = [
          coverage.count(`${group}: ${name}`),
          Math.floor((minimum * operations) / 20_000),
        ];
        return met < wanted ? [`${group}: ${name} ${met} times instead of ${wanted}`] : [];
      }),
    );
    expect(tooFew).toEqual([]);
  });
});

async function runAll(
  seed: number,
  sequences: number,
  run: (found: Sequence) => Promise<void>,
): Promise<void> {
  let failedAtMs = Number.POSITIVE_INFINITY;
  const property = fc.asyncProperty(sequence, async (found) => {
    if (Date.now() - failedAtMs > shrinkMs) return; // Nothing smaller is looked for any more.
    try {
      await run(found);
    } catch (error) {
      failedAtMs = Math.min(failedAtMs, Date.now());
      throw error;
    }
  });
  const result = await fc.check(property, { seed, numRuns: sequences });
  if (!result.failed) return;
  const what =
    result.errorInstance instanceof Error ? result.errorInstance.message : "no difference was found";
  throw new Error(`${result.numShrinks} times made smaller\n${what}`);
}
