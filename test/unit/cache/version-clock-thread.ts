// A thread of version-clock-threads.test.ts: bumps shared versions, or takes stamps of them and checks what it sees.

import { parentPort, workerData } from "node:worker_threads";
import { VersionClock } from "../../../src/cache/coherence.ts";
import type { Tag } from "../../../src/cache/tier.ts";
import { systemClock } from "../../../src/util/clock.ts";

export interface ThreadTask {
  readonly role: "bump" | "stamp";
  /** The versions' memory; undefined = this thread's own, which is what must be found out. */
  readonly versions: SharedArrayBuffer | undefined;
  /** How many bumps have begun, and how many are complete; and whether all readers are done. */
  readonly counts: SharedArrayBuffer;
  readonly slots: number;
  /** How many pairs of stamps to take; fewer if that takes too long. */
  readonly pairs: number;
  readonly seed: number;
}

export interface ThreadReport {
  /** Pairs of known stamps with a whole bump in between, and how many of those pairs were equal. */
  readonly pairs: number;
  readonly violations: number;
}

export const tags = ["a", "b", "c"].map((name) => name as Tag);
const [begun, complete, done] = [0, 1, 2];

const timeMs = 15_000;

function run({ role, versions, counts, slots, pairs: wanted, seed }: ThreadTask): ThreadReport {
  const clock = new VersionClock({ clock: systemClock, slots, shared: versions });
  const count = new Int32Array(counts);
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  if (role === "bump") {
    while (Atomics.load(count, done) === 0) {
      Atomics.add(count, begun, 1);
      // Now and then one with a short wait, whose end lowers and raises the stamp.
      clock.bump([tags[random(tags.length)]!], random(8) === 0 ? random(3) / 10 : 0);
      Atomics.add(count, complete, 1);
      for (let rest = random(200); rest > 0; rest -= 1) Atomics.load(count, done);
    }
    return { pairs: 0, violations: 0 };
  }
  let [pairs, violations] = [0, 0];
  for (const end = performance.now() + timeMs; pairs < wanted && performance.now() < end; ) {
    const before = clock.stamp(tags);
    const begunBefore = Atomics.load(count, begun);
    for (let rest = random(400); rest > 0; rest -= 1) Atomics.load(count, done);
    // More are complete than had begun: at least one began after the first stamp and was over before the second.
    const hasWholeBump = Atomics.load(count, complete) > begunBefore;
    const after = clock.stamp(tags);
    // A stamp that met a slot which was being changed equals nothing.
    if (!hasWholeBump || Number.isNaN(before) || Number.isNaN(after)) continue;
    pairs += 1;
    if (before === after) violations += 1;
  }
  return { pairs, violations };
}

parentPort?.once("message", () => parentPort?.postMessage(run(workerData)));
