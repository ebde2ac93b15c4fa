// Leaders that are cut off between any two steps, two at once, and a stream that splits and merges all the while: every
// record reaches somebody's sink, or a flush comes after it.

import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { expect, it } from "vitest";
import { keyText, until } from "../support/followed-stream.ts";
import { KeptCheckpoint } from "../support/kept-checkpoint.ts";
import { StreamModel } from "../support/stream-model.ts";
import { streamScenario } from "../support/stream-scenario.ts";

const scenario = streamScenario();

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("put" as const), at: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("split" as const), at: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("merge" as const), at: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("wait" as const), at: fc.nat(9) }) },
  // The leader stops, is cut off from the store and goes on, or both: and there is the next one, or none for a while.
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("stop" as const), at: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("cut" as const), at: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("lead" as const), at: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("lose" as const), at: fc.nat(9) }) },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type Leader = ReturnType<typeof scenario.follow> & { readonly cut: () => void };

/** One history; returns what never arrived. */
async function play(steps: readonly Step[], tally: { resumed: number; flushed: number }): Promise<string[]> {
  const [model, kept] = [new StreamModel({ shards: 2 }), new KeptCheckpoint()];
  /** What is still to reach a sink. */
  const missing = new Set<string>();
  const all: Leader[] = [];
  let version = 0;
  const put = (at: number): void => {
    const open = model.open();
    version += 1;
    missing.add(keyText(`k${version}`));
    model.put({ pk: { S: `k${version}` } }, open[at % open.length]);
  };
  const lead = (): void => {
    const { port, cut } = kept.handle();
    const one = scenario.follow(model, {
      checkpoint: port,
      sink: {
        apply: async ({ change }) => {
          await sleep(0);
          missing.delete(change.key);
        },
        flush: () => {
          tally.flushed += 1;
          missing.clear();
        },
      },
    });
    void one.follower.start();
    all.push(Object.assign(one, { cut }));
  };
  lead();
  for (const { kind, at } of steps) {
    const open = model.open();
    const leader = all.at(-1)!;
    if (kind === "put") put(at);
    else if (kind === "split" && open.length < 6) model.split(open[at % open.length]!);
    else if (kind === "merge" && open.length > 1)
      model.merge(open[at % open.length]!, open[(at + 1) % open.length]!);
    else if (kind === "wait") await sleep(at * 2);
    else if (kind === "cut") leader.cut();
    else if (kind === "lose" && at === 0) kept.fields.clear();
    else if (kind === "lead" && all.length < 12) lead();
    else if (kind === "stop") {
      if (at < 5) leader.cut();
      await leader.follower.stop();
    }
  }
  // Whoever is left is gone without a word; the last leader has only what the checkpoint says.
  for (const one of all) one.cut();
  await Promise.all(all.map((one) => one.follower.stop()));
  for (let at = 0; at < 3; at++) put(at);
  const flushed = tally.flushed;
  lead();
  await until(
    () => missing.size === 0,
    () => [...missing],
  ).catch(() => {});
  if (tally.flushed === flushed) tally.resumed += 1;
  await all.at(-1)?.follower.stop();
  return [...missing];
}

it("loses no record", { timeout: 300_000 }, async () => {
  const tally = { resumed: 0, flushed: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      expect(await play(steps, tally)).toEqual([]);
    }),
    { numRuns: 60 },
  );
  // It would be no proof if every leader had flushed.
  expect(tally.resumed).toBeGreaterThan(20);
});
