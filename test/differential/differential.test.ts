// The same sequence of operations through the proxy and directly: every reply must be the same.
//
// DIFFERENTIAL_SEED repeats a run (the seed is printed), DIFFERENTIAL_OPS scales it.

import fc from "fast-check";
import { afterAll, describe, inject, test } from "vitest";
import { createApp } from "../../src/app.ts";
import { type SettingValues, settingsFor } from "../support/proxy.ts";
import { Coverage } from "./coverage.ts";
import { runSequence } from "./runner.ts";
import { type Sequence, STEPS_MAX, sequence } from "./sequence.ts";

const seed = Number(process.env.DIFFERENTIAL_SEED ?? Date.now() % 2 ** 31);
const operations = Number(process.env.DIFFERENTIAL_OPS ?? 21_000);
/** A failure is made smaller for so long. */
const shrinkMs = 30_000;
const direct = inject("dynamoDbLocalUrl");
const coverage = new Coverage();

/** Settled almost at once, so that nearly everything is cached; the defaults; hardly any room and few versions. */
const variants: readonly { name: string; share: number; settings: SettingValues }[] = [
  { name: "settled after 1 ms", share: 0.6, settings: { settleMs: 1, indexSettleMs: 1 } },
  { name: "default settings", share: 0.15, settings: {} },
  {
    name: "8 KiB of cache, 16 version slots",
    share: 0.25,
    settings: { settleMs: 0, indexSettleMs: 0, cacheBytesMax: 8192, slots: 16 },
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
        const sequences = Math.ceil((operations * share) / (STEPS_MAX / 2));
        await runAll(seed + at, sequences, (found) => runSequence(found, { proxy: url, direct }, coverage));
      } finally {
        await app.stop();
      }
    });
  }
});
afterAll(() => {
  if (process.env.DIFFERENTIAL_REPORT) console.log(coverage.operations, coverage.report());
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
