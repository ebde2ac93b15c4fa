// A lease is held no longer than the store says, counted from before it was asked for.

import { expect, it } from "vitest";
import { StreamLeader } from "../../../src/invalidation/stream-leader.ts";
import { StoreUnavailable } from "../../../src/redis/shared-store.ts";
import { HandClock, settle } from "./bus-support.ts";

function bench(leaseMs = 3_000) {
  const clock = new HandClock();
  const asked: string[] = [];
  /** How the next questions are answered, and after how long. */
  const answers = { lease: true as boolean | Error, delayMs: 0, release: undefined as Error | undefined };
  const store = {
    async lease(name: string, holder: string, forMs: number): Promise<boolean> {
      asked.push(`lease ${name} ${holder} ${forMs}`);
      const { lease, delayMs } = answers;
      if (delayMs > 0) await clock.sleep(delayMs, new AbortController().signal);
      if (lease instanceof Error) throw lease;
      return lease;
    },
    async release(name: string, holder: string): Promise<void> {
      asked.push(`release ${name} ${holder}`);
      if (answers.release) throw answers.release;
    },
  };
  const log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, isEnabled: () => false };
  const leader = new StreamLeader({ store, holder: "me", clock, log, leaseMs });
  return { clock, asked, answers, leader };
}

const down = new StoreUnavailable("down", "by hand");

it("leads once the store has said so, and renews after a third of the time", async () => {
  const { clock, asked, leader } = bench();
  expect(leader.tend("t")).toBe(false);
  await settle();
  expect(leader.tend("t")).toBe(true);
  await clock.advance(999);
  expect(leader.tend("t")).toBe(true);
  expect(asked).toEqual(["lease stream:t me 3000"]);
  await clock.advance(1);
  leader.tend("t");
  await settle();
  expect(asked).toHaveLength(2);
});

it("counts a lease from before it was asked for", async () => {
  const { clock, answers, leader } = bench();
  answers.delayMs = 2_900;
  leader.tend("t");
  await clock.advance(2_900);
  expect(leader.tend("t")).toBe(true);
  answers.lease = down;
  await clock.advance(100);
  expect(leader.tend("t")).toBe(false);
});

it("leads until the end of the lease while the store cannot be reached, and not a moment longer", async () => {
  const { clock, answers, asked, leader } = bench();
  leader.tend("t");
  await settle();
  answers.lease = down;
  await clock.advance(1_000);
  expect(leader.tend("t")).toBe(true);
  await clock.advance(1_999);
  expect(leader.tend("t")).toBe(true);
  await clock.advance(1);
  expect(leader.tend("t")).toBe(false);
  expect(asked.length).toBeLessThanOrEqual(4);
  answers.lease = true;
  await clock.advance(1_000);
  leader.tend("t");
  await settle();
  expect(leader.tend("t")).toBe(true);
});

it("stops at once when somebody else holds it, and after a pause", async () => {
  const { clock, answers, leader } = bench();
  leader.tend("t");
  await settle();
  answers.lease = false;
  await clock.advance(1_000);
  leader.tend("t");
  await settle();
  expect(leader.tend("t")).toBe(false);
  answers.lease = true;
  await clock.advance(1_000);
  leader.tend("t");
  await settle();
  expect(leader.tend("t")).toBe(true);
  answers.delayMs = 50;
  clock.pause(30_000);
  expect(leader.tend("t")).toBe(false);
});

it("gives a lease back after the question that is under way, which would take it again", async () => {
  const { clock, answers, asked, leader } = bench();
  answers.delayMs = 50;
  leader.tend("t");
  leader.leave("t");
  await settle();
  expect(asked).toEqual(["lease stream:t me 3000"]);
  await clock.advance(50);
  expect(asked).toEqual(["lease stream:t me 3000", "release stream:t me"]);
});

it("does not give back what is wanted again", async () => {
  const { clock, answers, asked, leader } = bench();
  answers.delayMs = 50;
  leader.tend("t");
  leader.leave("t");
  leader.tend("t");
  await clock.advance(50);
  expect(asked.filter((line) => line.startsWith("release"))).toEqual([]);
  expect(leader.tend("t")).toBe(true);
});

it("gives back everything when it stops, also if the store cannot be told", async () => {
  const { answers, asked, leader } = bench();
  leader.tend("t");
  leader.tend("u");
  await settle();
  answers.release = down;
  await leader.stop();
  expect(asked.slice(-2).sort()).toEqual(["release stream:t me", "release stream:u me"]);
});
