// Work is done when it falls due, the earliest first, by no more hands than there are, and run() leaves none.

import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { DueQueue } from "../../../src/invalidation/due-queue.ts";
import { timerSleep } from "../../../src/invalidation/pause.ts";
import { systemClock } from "../../../src/util/clock.ts";

function queueOf(handsMax: number, perform: (work: string) => Promise<void>): DueQueue<string> {
  return new DueQueue({ handsMax, clock: systemClock, sleep: timerSleep, perform });
}

it("does everything in the order of its moments, ties in the order of their coming", async () => {
  const done: string[] = [];
  const queue = queueOf(1, async (work) => void done.push(work));
  const now = systemClock.nowMs();
  for (const [work, inMs] of [
    ["d", 20],
    ["b", 5],
    ["a", -1],
    ["c", 5],
  ] as const)
    queue.push(work, now + inMs);
  await queue.drain(new AbortController().signal);
  expect(done).toEqual(["a", "b", "c", "d"]);
  expect(systemClock.nowMs()).toBeGreaterThanOrEqual(now + 20);
});

it("uses all hands and no more", async () => {
  let [busy, busyMax, done] = [0, 0, 0];
  const queue = queueOf(3, async () => {
    busy += 1;
    busyMax = Math.max(busyMax, busy);
    await sleep(2);
    busy -= 1;
    done += 1;
  });
  for (let n = 0; n < 20; n++) queue.push(String(n), 0);
  await queue.drain(new AbortController().signal);
  expect([busyMax, done]).toEqual([3, 20]);
});

it("is woken by work that falls due earlier than what it waits for", async () => {
  const done: string[] = [];
  const end = new AbortController();
  const queue = queueOf(2, async (work) => void done.push(work));
  queue.push("late", systemClock.nowMs() + 60_000);
  const running = queue.run(end.signal);
  await sleep(5);
  queue.push("early", systemClock.nowMs());
  await sleep(5);
  expect(done).toEqual(["early"]);
  end.abort();
  await running;
  expect(done).toEqual(["early"]);
});

it("waits for what is being done when it is aborted, and begins nothing more", async () => {
  const done: string[] = [];
  const end = new AbortController();
  const queue = queueOf(1, async (work) => {
    await sleep(10);
    done.push(work);
  });
  queue.push("a", 0);
  queue.push("b", 0);
  const running = queue.run(end.signal);
  await sleep(2);
  end.abort();
  await running;
  expect(done).toEqual(["a"]);
  await sleep(20);
  expect(done).toEqual(["a"]);
});

it("sorts any number of moments", async () => {
  const due: number[] = [];
  const queue = queueOf(1, async (work) => void due.push(Number(work)));
  for (let n = 0; n < 2_000; n++) {
    const atMs = (n * 7919) % 1_009;
    queue.push(String(atMs), atMs);
  }
  await queue.drain(new AbortController().signal);
  expect(due).toEqual([...due].sort((a, b) => a - b));
  expect(due.length).toBe(2_000);
});
