// The arithmetic of docs/SCALING.md: its closed forms against simulations, and its sums against counting.

import { describe, expect, it } from "vitest";
import { SCENARIOS } from "../../scripts/scaling.ts";
import { assumed } from "../../scripts/scaling-assumptions.ts";
import {
  type FleetLoad,
  limitsOf,
  meanWait,
  readsOfLog,
  requestsMax,
  secondOf,
  USUAL,
} from "../../scripts/scaling-model.ts";
import { simulateLog, simulateQueue } from "../../scripts/scaling-simulation.ts";

/** What the simulations may differ by. */
const tolerance = 0.05;

const near = (value: number, wanted: number): void => {
  expect(Math.abs(value / wanted - 1), `${value}, not ${wanted}`).toBeLessThan(tolerance);
};

describe("the queue at a master", () => {
  const look = { seconds: 6.6e-6, share: 0.8 };
  const change = { seconds: 29.4e-6, share: 0.15 };
  const log = { seconds: 60e-6, share: 0.05 };
  const kinds = [look, change, log];
  const mean = kinds.reduce((sum, { seconds, share }) => sum + seconds * share, 0);
  const square = kinds.reduce((sum, { seconds, share }) => sum + seconds ** 2 * share, 0);

  it.each([0.3, 0.5, 0.7])("waits as the formula says when it is busy for %d of the time", (busy) => {
    const rate = busy / mean;
    const works = kinds.map(({ seconds, share }) => ({ seconds, ratePerSecond: rate * share }));
    near(simulateQueue(works, 2_000_000, 1), meanWait(rate, mean, square));
  });

  it("at the limit that the page takes, the mean wait is a few services", () => {
    const services = meanWait(assumed("busyMax") / mean, mean, square) / mean;
    expect(services).toBeGreaterThan(1);
    expect(services).toBeLessThan(5);
    expect(meanWait(1 / mean, mean, square)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("the log", () => {
  const turn = assumed("logTurnMicros") * 1e-6;

  it.each([1, 100, 1000, 5000, 50_000])("is read as often as the formula says at %d messages/s", (rate) => {
    near(simulateLog(rate, turn, 200_000, 2).readsPerSecond, readsOfLog(rate, turn));
  });

  it("a reader has a message within two turns, however many there are", () => {
    for (const rate of [1, 1000, 100_000]) {
      const { meanDelaySeconds } = simulateLog(rate, turn, 200_000, 3);
      expect(meanDelaySeconds).toBeGreaterThanOrEqual(turn);
      expect(meanDelaySeconds).toBeLessThan(2 * turn);
    }
    expect(readsOfLog(0, turn)).toBe(0);
  });
});

describe("a second of a fleet", () => {
  const load: FleetLoad = { ...USUAL, nodes: 4, requestsPerSecond: 1000, masters: 1, globalIndexes: 2 };

  it("adds up", () => {
    const { reads, writes, looks, redisHits, misses, messages, redisCommands } = secondOf(load);
    expect([reads, writes].map(Math.round)).toEqual([950, 50]);
    expect([looks, redisHits, misses].map(Math.round)).toEqual([190, 133, 57]);
    // Each write and its record; and heartbeats.
    expect(messages).toBeCloseTo(100 + assumed("beatsPerSecond"));
    const xreads = 4 * readsOfLog(messages, assumed("logTurnMicros") * 1e-6);
    // GET and 3 tags; SET; half of the misses create a tag; 5 tags a change; XADD; XREAD.
    expect(redisCommands).toBeCloseTo(190 * 4 + 57 + 28.5 + 100 * 5 + messages + xreads);
  });

  it("the guard adds a mark for each tag, a look at two more, and no message", () => {
    const [plain, guarded] = [false, true].map((guard) => secondOf({ ...load, streams: false, guard }));
    expect(guarded!.redisCommands - plain!.redisCommands).toBeCloseTo(50 * 7);
    expect(guarded!.messages).toBe(plain!.messages);
  });

  it("a Cluster spreads what can be spread: its busiest master does less, never less than its largest part", () => {
    const busy = { ...load, requestsPerSecond: 300_000 };
    const one = secondOf({ ...busy, masters: 1 });
    expect(one.busiestMasterCores).toBeCloseTo(Object.values(one.redisCores).reduce((a, b) => a + b, 0));
    let before = one.busiestMasterCores;
    for (const masters of [2, 3, 6, 12]) {
      const { busiestMasterCores, redisCores } = secondOf({ ...busy, masters });
      expect(busiestMasterCores).toBeLessThan(before);
      const { spread, ...single } = redisCores;
      expect(busiestMasterCores).toBeGreaterThan(Math.max(...Object.values(single)));
      before = busiestMasterCores;
    }
  });

  it("without Redis there is neither log nor look-up, and every node follows the stream by itself", () => {
    const alone = secondOf({ ...load, masters: 0, redisHitShare: 0 });
    expect([alone.looks, alone.messages, alone.redisCommands, alone.logBytesOut]).toEqual([0, 0, 0, 0]);
    expect(alone.streamCalls).toBe(4 * secondOf(load).streamCalls);
  });
});

describe("the limits", () => {
  it("the most that a fleet can take is at a limit, and no more", () => {
    for (const { load } of SCENARIOS) {
      const requestsPerSecond = requestsMax(load);
      const [first] = limitsOf({ ...load, requestsPerSecond });
      near(first!.share, 1);
      expect(first!.share).toBeLessThanOrEqual(1);
    }
  });

  it("more nodes take more until the log is full, and less from then on", () => {
    const most = [1, 3, 10, 30, 100, 300].map((nodes) => requestsMax({ ...USUAL, nodes, masters: 12 }));
    const best = most.indexOf(Math.max(...most));
    expect(best).toBeGreaterThan(0);
    expect(best).toBeLessThan(most.length - 1);
  });
});
