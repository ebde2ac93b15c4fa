/** Small simulations that the closed forms of scaling-model.ts are held against: the queue at a master, and the log. */

import { seeded } from "../bench/random.ts";

/** One kind of work for a server. */
export interface Work {
  readonly ratePerSecond: number;
  readonly seconds: number;
}

/** Mean wait before service of one server that takes what comes at random, in order: by playing it. */
export function simulateQueue(works: readonly Work[], arrivals: number, seed: number): number {
  const random = seeded(seed);
  const rate = works.reduce((sum, { ratePerSecond }) => sum + ratePerSecond, 0);
  let [now, freeAt, waited] = [0, 0, 0];
  for (let at = 0; at < arrivals; at += 1) {
    now += exponential(random, rate);
    const work = chosen(works, random() * rate);
    const startsAt = Math.max(now, freeAt);
    waited += startsAt - now;
    freeAt = startsAt + work.seconds;
  }
  return waited / arrivals;
}

function chosen(works: readonly Work[], dice: number): Work {
  let left = dice;
  for (const work of works) {
    left -= work.ratePerSecond;
    if (left < 0) return work;
  }
  return works.at(-1)!;
}

export interface LogRun {
  /** XREADs of one node in a second. */
  readonly readsPerSecond: number;
  /** From the append of a message until a node has it, on average. */
  readonly meanDelaySeconds: number;
}

/** Nodes that read a log, each at its own pace: it asks, takes a turn, and asks again, at once if something has come. */
export function simulateLog(
  messagesPerSecond: number,
  turnSeconds: number,
  messages: number,
  seed: number,
): LogRun {
  const random = seeded(seed);
  const appended: number[] = [];
  let now = 0;
  for (let at = 0; at < messages; at += 1) {
    now += exponential(random, messagesPerSecond);
    appended.push(now);
  }
  let [next, time, reads, delay] = [0, 0, 0, 0];
  while (next < appended.length) {
    // The read that waits ends with the first message; what came during the last turn is there at once.
    time = Math.max(time, appended[next]!);
    reads += 1;
    while (next < appended.length && appended[next]! <= time) {
      delay += time + turnSeconds - appended[next]!;
      next += 1;
    }
    time += turnSeconds;
  }
  return { readsPerSecond: reads / now, meanDelaySeconds: delay / messages };
}

function exponential(random: () => number, rate: number): number {
  return -Math.log(1 - random()) / rate;
}
