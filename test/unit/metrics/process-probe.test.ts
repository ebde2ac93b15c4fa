// The event loop's lag: 0 where there is none, and seen where the loop is blocked.
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { ProcessProbe } from "../../../src/metrics/process-probe.ts";

test("lag is 0 before the first measurement and shows a blocked loop after it", async () => {
  const probe = new ProcessProbe();
  expect(probe.loopLag()).toEqual({ p50: 0, p99: 0, max: 0 });
  await sleep(60);
  const blockedUntil = performance.now() + 200;
  while (performance.now() < blockedUntil);
  await sleep(60);
  const { p50, max } = probe.loopLag();
  probe.close();
  expect(max).toBeGreaterThan(0.1);
  expect(max).toBeLessThan(5);
  expect(p50).toBeLessThanOrEqual(max);
  expect(probe.loopBusySeconds()).toBeGreaterThan(0);
});
