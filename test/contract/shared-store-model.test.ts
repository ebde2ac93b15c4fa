/** The model of what nodes share keeps the contract, with one master and with several. */

import { ModelStore } from "../support/model-store.ts";
import { ModelServer } from "../support/model-store-server.ts";
import { sharedStoreContract } from "./shared-store.ts";

for (const [masters, replicas] of [
  [1, false],
  [3, true],
] as const) {
  sharedStoreContract(`the model with ${masters} masters`, () => {
    const startedAtMs = 50_000 - performance.now();
    const nowMs = () => startedAtMs + performance.now();
    const after = (delayMs: number, run: () => void) => {
      const timer = setTimeout(run, delayMs);
      return { cancel: () => clearTimeout(timer) };
    };
    const world = { nowMs, at: (atMs: number, run: () => void) => after(Math.max(0, atMs - nowMs()), run) };
    const server = new ModelServer({
      ...{ time: world, masters, replicas, evicts: false, logMessagesMax: 500 },
      replicaLagMs: () => 1,
      skewMs: (master) => 1_000_000 + 5_000 * master,
    });
    let nodes = 0;
    const make = () => {
      nodes += 1;
      return new ModelStore({
        ...{ node: `node ${nodes}`, server, world, timeoutsMax: 3, hello: {} },
        local: { nowMs, after, deliver: (run) => run() },
        network: { delayMs: () => 0.1, isCut: () => false, splits: () => nodes % 2 === 0 },
        ...{ contactTimeoutMs: 1_000, checkEveryMs: 50, reconnectMs: 20 },
        ...{ lookupTimeoutMs: 5_000, invalidateTimeoutMs: 5_000 },
      });
    };
    const passMs = async (ms: number) => {
      await new Promise((resolve) => setTimeout(resolve, ms));
    };
    return { make, nowMs, passMs };
  });
}
