// What goes wrong in a chaos run: a table of faults, and who plays them, by a seed.

import { setTimeout as sleep } from "node:timers/promises";
import { seeded } from "../../bench/random.ts";
import type { Fleet, FleetNode } from "./fleet.ts";

/** The Redis of a fleet, as the faults need it. */
export interface FaultyRedis {
  /** SIGKILL. */
  kill(): Promise<void>;
  /** At the same port, empty. */
  start(): Promise<void>;
  /** SIGSTOP, and SIGCONT. */
  pause(): void;
  resume(): void;
  /** FLUSHALL. */
  flush(): Promise<void>;
}

interface Scene {
  /** Between these, evenly; whole numbers. */
  between(least: number, most: number): number;
}

type Fault =
  | {
      readonly kind: string;
      readonly on: "node" | "link";
      readonly weight: number;
      play(node: FleetNode, scene: Scene): Promise<void>;
    }
  | {
      readonly kind: string;
      readonly on: "redis";
      readonly weight: number;
      play(redis: FaultyRedis, scene: Scene): Promise<void>;
    };

const faults: readonly Fault[] = [
  {
    kind: "killed",
    on: "node",
    weight: 3,
    async play(node, { between }) {
      await node.kill();
      await sleep(between(0, 2000));
      await node.start();
    },
  },
  {
    kind: "paused",
    on: "node",
    weight: 4,
    play: (node, { between }) => pausedFor(node, between(100, 5000)),
  },
  {
    kind: "killed",
    on: "redis",
    weight: 2,
    async play(redis, { between }) {
      await redis.kill();
      await sleep(between(0, 3000));
      await redis.start();
    },
  },
  {
    kind: "paused",
    on: "redis",
    weight: 2,
    async play(redis, { between }) {
      redis.pause();
      await sleep(between(50, 5000));
      redis.resume();
    },
  },
  { kind: "flushed", on: "redis", weight: 1, play: (redis) => redis.flush() },
  {
    kind: "cut",
    on: "link",
    weight: 3,
    async play({ link }, { between }) {
      link?.cut();
      await sleep(between(0, 5000));
      link?.heal();
    },
  },
  {
    kind: "stalled",
    on: "link",
    weight: 2,
    async play({ link }, { between }) {
      link?.stall();
      await sleep(between(50, 5000));
      link?.heal();
    },
  },
  {
    kind: "delayed",
    on: "link",
    weight: 2,
    async play({ link }, { between }) {
      link?.delay(between(1, 60));
      await sleep(between(500, 5000));
      link?.heal();
    },
  },
  {
    kind: "torn",
    on: "link",
    weight: 2,
    async play({ link }, { between }) {
      link?.dropAfter(between(0, 20_000));
      await sleep(between(100, 1000));
      link?.heal();
    },
  },
];

async function pausedFor(node: FleetNode, ms: number): Promise<void> {
  const wake = node.pause();
  await sleep(ms);
  wake();
}

const longPauseMs = 30_000;
const betweenFaultsMs: readonly [number, number] = [200, 2000];
/** Faults at one time. */
const atOnceMax = 2;

export interface ChaosOptions {
  readonly fleet: Fleet;
  readonly redis: FaultyRedis | undefined;
  readonly seed: number;
  /** Once, a node is stopped for 30 seconds. */
  readonly withLongPause: boolean;
  readonly goesOn: () => boolean;
}

/** Longer than any bound, and shorter than it takes until another node leads the stream (10 s). */
const turnMs = 8_000;

/** One node after the other sleeps, so that one of them is whoever the others depend on. */
export async function sleepInTurn({
  fleet,
  goesOn,
}: Pick<ChaosOptions, "fleet" | "goesOn">): Promise<string[]> {
  const told: string[] = [];
  for (let turn = 0; goesOn(); turn += 1) {
    const node = fleet.nodes[turn % fleet.nodes.length]!;
    told.push(`node ${node.name} paused`);
    const wake = node.pause();
    const wakesAtMs = performance.now() + turnMs;
    while (goesOn() && performance.now() < wakesAtMs) await sleep(50);
    wake();
    await sleep(betweenFaultsMs[1]);
  }
  return told;
}

/** Plays faults until it is told to stop, and heals all. Gives what happened when, for people. */
export async function playFaults(options: ChaosOptions): Promise<string[]> {
  const { fleet, redis, seed, goesOn } = options;
  const random = seeded(seed);
  const between = (least: number, most: number): number => least + Math.floor(random() * (most - least + 1));
  const told: string[] = [];
  const busy = new Set<object>();
  const underWay = new Set<Promise<void>>();
  const beganAtMs = performance.now();
  const play = (subject: object, name: string, work: () => Promise<void>): void => {
    busy.add(subject);
    const tell = (what: string): void => {
      told.push(`+${((performance.now() - beganAtMs) / 1000).toFixed(1)} s ${name}${what}`);
    };
    tell("");
    const done = work().finally(() => {
      tell(" no more");
      busy.delete(subject);
      underWay.delete(done);
    });
    underWay.add(done);
  };
  // The Redis, and the links to it, are there or not.
  const possible = faults.filter(({ on }) => on === "node" || redis !== undefined);
  let longPauseLeft = options.withLongPause;
  while (goesOn()) {
    await sleep(between(...betweenFaultsMs));
    if (underWay.size >= atOnceMax || !goesOn()) continue;
    const free = fleet.nodes.filter((node) => !busy.has(node));
    const node = free[between(0, free.length - 1)];
    if (longPauseLeft && node !== undefined) {
      longPauseLeft = false;
      play(node, `node ${node.name} paused for long`, () => pausedFor(node, longPauseMs));
      continue;
    }
    const fault = weighted(possible, random());
    if (fault.on === "redis") {
      if (redis !== undefined && !busy.has(redis))
        play(redis, `Redis ${fault.kind}`, () => fault.play(redis, { between }));
      continue;
    }
    // Somebody has to be there whom clients can ask.
    const isLast = fleet.nodes.length > 1 && fleet.nodes.filter((one) => one.target).length < 2;
    if (node === undefined || (isLast && fault.kind === "killed")) continue;
    const subject = fault.on === "node" ? node : (node.link ?? node);
    if (!busy.has(subject))
      play(subject, `${fault.on} of ${node.name} ${fault.kind}`, () => fault.play(node, { between }));
  }
  await Promise.all(underWay);
  return told;
}

function weighted(list: readonly Fault[], dice: number): Fault {
  let left = dice * list.reduce((sum, { weight }) => sum + weight, 0);
  for (const fault of list) {
    left -= fault.weight;
    if (left < 0) return fault;
  }
  return list.at(-1)!;
}
