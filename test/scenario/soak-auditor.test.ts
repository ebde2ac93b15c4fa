// The auditor is worth something: it finds what a proxy with a part of its invalidation turned off does wrong.

import { afterEach, expect, inject, it } from "vitest";
import { MemoryTier } from "../../src/cache/memory-tier.ts";
import type { SettingValues } from "../support/proxy.ts";
import { type SoakOptions, type SoakReport, soak } from "../support/soak.ts";
import { startStreamed } from "../support/streamed.ts";
import { WITH_INDEXES } from "../support/tables.ts";

const { invalidate, confirm } = MemoryTier.prototype;
afterEach(() => Object.assign(MemoryTier.prototype, { invalidate, confirm }));

/** Smaller than the defaults, so that it is over soon: as long as it takes to find something. */
const settings: SettingValues = { freshWithinMs: 500, degradedMaxAgeMs: 500, streamIdlePollMs: 200 };
const boundMs = 1500;
const secondsMax = 40;

async function audited(over: SettingValues, writers: SoakOptions["writers"]): Promise<SoakReport> {
  const t = await startStreamed({ ...WITH_INDEXES, stream: "NEW_AND_OLD_IMAGES" }, { ...settings, ...over });
  // What passes is remembered for tests that look at it: not here.
  const forget = setInterval(() => t.proxy.upstream.reset(), 1000);
  const where = { proxyUrl: t.proxy.url, directUrl: inject("dynamoDbLocalUrl"), TableName: t.TableName };
  try {
    const end = { seconds: secondsMax, untilViolation: true };
    return await soak({ ...where, boundMs, writers, readers: 4, ...end });
  } finally {
    clearInterval(forget);
    await t.close();
  }
}

const timeout = { timeout: (secondsMax + 30) * 1000 };

it("streams: off, and writes around it", timeout, async () => {
  const report = await audited({ streams: "off" }, { through: 0, around: 3 });
  expect(Object.keys(report.violations)).toEqual(["around: older than the bound allows"]);
  expect(report.traces[0]).toContain("states and when they were acknowledged");
});

it("records of the stream that are taken and not applied", timeout, async () => {
  // A strong read confirms an item by its one tag; a record names its partition and more.
  MemoryTier.prototype.confirm = function (key, tags, shows, changed) {
    return changed.length > 1 || confirm.call(this, key, tags, shows, changed);
  };
  const report = await audited({}, { through: 0, around: 3 });
  expect(Object.keys(report.violations)).toEqual(["around: older than the bound allows"]);
});

it("writes through it that invalidate nothing", timeout, async () => {
  MemoryTier.prototype.invalidate = () => {};
  const report = await audited({}, { through: 3, around: 0 });
  expect(Object.keys(report.violations)).toContain("same node: older than a write acknowledged through it");
});
