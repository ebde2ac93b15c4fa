// Random shard trees, records and faults: every record written since the start is applied, or a flush came
// after it; in each shard's order, parents before children; with bounded concurrency; and caughtUpAtMs
// claims nothing that is not so.

import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../src/util/clock.ts";
import { followModel, keyText, until } from "../support/followed-stream.ts";
import {
  type ScriptedStreams,
  type StreamOperation,
  startScriptedStreams,
} from "../support/scripted-streams.ts";
import { type ModelShard, StreamModel } from "../support/stream-model.ts";

let server: ScriptedStreams;

beforeAll(async () => {
  server = await startScriptedStreams();
});
afterAll(() => server.close());

interface Written {
  readonly key: string;
  readonly shard: ModelShard;
  readonly sequence: number;
  readonly atMs: number;
  /** Length of the diary when it was written. */
  readonly at: number;
}

class Run {
  readonly model: StreamModel;
  readonly followed: ReturnType<typeof followModel>;
  readonly written: Written[] = [];
  readonly hidden: ModelShard[] = [];
  readonly setting: Setting;

  constructor(setting: Setting) {
    this.setting = setting;
    this.model = new StreamModel(setting);
    this.model.endsWithEmptyPage = setting.endsWithEmptyPage;
    this.model.pageShardsMax = setting.pageShardsMax;
    this.followed = followModel(server, this.model, {
      pollersMax: setting.pollersMax,
      childTriesMax: 1_000,
      pollMs: 1,
      idlePollMs: 3,
      backoffMsMax: 5,
    });
  }

  shard(at: number): ModelShard {
    const open = this.model.open();
    return open[at % open.length]!;
  }

  /** A shard is listed before its children are: a child alone would look as if its parent were trimmed. */
  divide(at: number, into: number, areLate: boolean): void {
    const shard = this.shard(at);
    if (shard.isListed && this.model.open().length < 12)
      this.children(this.model.split(shard, into), areLate);
  }

  unite(a: number, b: number, isLate: boolean): void {
    const [first, second] = [this.shard(a), this.shard(b)];
    const areListed = first.isListed && second.isListed;
    if (first !== second && areListed) this.children([this.model.merge(first, second)], isLate);
  }

  write(at: number): void {
    const shard = this.shard(at);
    const name = `w${this.written.length}`;
    // Read first: what follows is synchronous, but the clock may move on within it.
    const atMs = systemClock.nowMs();
    const { sequence } = this.model.put({ pk: { S: name } }, shard)!;
    this.written.push({ key: keyText(name), shard, sequence, atMs, at: this.followed.diary.length });
  }

  children(children: readonly ModelShard[], areLate: boolean): void {
    if (!areLate) return;
    for (const child of children) child.isListed = false;
    this.hidden.push(...children);
  }

  show(): void {
    for (const shard of this.hidden.splice(0)) shard.isListed = true;
  }

  pageRecords(max: number): void {
    this.model.pageRecordsMax = max;
  }

  emptyPages(pages: number): void {
    if (this.setting.hasEmptyPages) this.model.emptyPages += pages;
  }

  isCovered({ key, at }: Written): boolean {
    return this.followed.diary.some(
      (entry, index) =>
        (entry.kind === "applied" && entry.key === key) || (entry.kind === "flushed" && index >= at),
    );
  }

  /** All that was written before the follower says to be caught up. */
  checkClaim(): void {
    const { caughtUpAtMs } = this.followed.follower.state();
    const wrong = this.written.filter((one) => one.atMs < caughtUpAtMs && !this.isCovered(one));
    expect(
      wrong.map(({ key }) => key),
      "claimed to be caught up",
    ).toEqual([]);
  }

  checkOrder(): void {
    const byKey = new Map(this.written.map((one) => [one.key, one]));
    let reached = new Map<string, number>();
    let done = new Set<string>();
    for (const entry of this.followed.diary) {
      if (entry.kind === "flushed") {
        reached = new Map();
        done = new Set();
        continue;
      }
      const { shard, sequence } = byKey.get(entry.key)!;
      expect(sequence, "a shard's order").toBeGreaterThan(reached.get(shard.id) ?? 0);
      expect(done.has(shard.id), "a parent after its child").toBe(false);
      reached.set(shard.id, sequence);
      for (let up = shard.parent; up !== undefined; up = this.model.shards.get(up)?.parent) done.add(up);
    }
  }
}

const operation = fc.constantFrom<StreamOperation>("DescribeStream", "GetShardIterator", "GetRecords");
const place = fc.nat(7);
type Action = (run: Run) => void;

const actions: fc.Arbitrary<Action> = fc.oneof(
  { weight: 8, arbitrary: place.map((at) => (run: Run) => run.write(at)) },
  {
    weight: 3,
    arbitrary: fc.tuple(place, fc.integer({ min: 1, max: 2 }), fc.boolean()).map(
      ([at, into, areLate]) =>
        (run: Run) =>
          run.divide(at, into, areLate),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(place, place, fc.boolean()).map(
      ([a, b, isLate]) =>
        (run: Run) =>
          run.unite(a, b, isLate),
    ),
  },
  { weight: 2, arbitrary: fc.constant((run: Run) => run.show()) },
  { weight: 1, arbitrary: fc.constant((run: Run) => run.model.expireIterators()) },
  {
    weight: 1,
    arbitrary: place.map((at) => (run: Run) => {
      const shard = run.shard(at);
      // TRIM_HORIZON says nothing of what was trimmed: only a shard that was read tells (see the test of
      // gaps).
      const wasRead = run.written.some(
        (one) => one.shard === shard && run.followed.applied().includes(one.key),
      );
      if (wasRead) run.model.trim(shard);
    }),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        operation,
        fc.constantFrom<[string, number]>(["LimitExceededException", 400], ["InternalServerError", 500]),
        fc.integer({ min: 1, max: 6 }),
      )
      .map(
        ([on, [error, status], times]) =>
          () =>
            server.fault({ operation: on, error, status, times }),
      ),
  },
  {
    weight: 1,
    arbitrary: operation.map((on) => () => server.fault({ operation: on, delayMs: 5, times: 3 })),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: 5 }).map((max) => (run: Run) => run.pageRecords(max)),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: 3 }).map((n) => (run: Run) => run.emptyPages(n)),
  },
);

interface Setting {
  readonly shards: number;
  readonly filter: "honoured" | "ignored" | "refused";
  readonly pollersMax: number;
  readonly pageShardsMax: number;
  readonly endsWithEmptyPage: boolean;
  readonly hasEmptyPages: boolean;
}

const settings: fc.Arbitrary<Setting> = fc.record({
  shards: fc.integer({ min: 1, max: 5 }),
  filter: fc.constantFrom("honoured", "ignored", "refused"),
  pollersMax: fc.integer({ min: 1, max: 4 }),
  pageShardsMax: fc.integer({ min: 1, max: 8 }),
  endsWithEmptyPage: fc.boolean(),
  hasEmptyPages: fc.boolean(),
});

const step = fc.record({ action: actions, pauseMs: fc.constantFrom(0, 0, 0, 1, 2, 5) });

async function play(setting: Setting, steps: readonly { action: Action; pauseMs: number }[]): Promise<void> {
  const run = new Run(setting);
  const { follower } = run.followed;
  try {
    void follower.start();
    for (const { action, pauseMs } of steps) {
      action(run);
      if (pauseMs > 0) await sleep(pauseMs);
      if (!setting.hasEmptyPages) run.checkClaim();
    }
    run.show();
    const missing = () =>
      run.written.filter((one) => !run.isCovered(one)).map(({ key, shard }) => `${key} ${shard.id}`);
    await until(() => follower.state().kind === "following" && missing().length === 0, missing, 4_000);
    run.checkOrder();
    expect(run.followed.pollersMax).toBeLessThanOrEqual(setting.pollersMax);
    expect(follower.state().shardsOpen).toBeLessThanOrEqual(run.model.shards.size);
    expect(follower.state().lastError ?? "").not.toContain(":");
  } finally {
    server.clearFaults();
    server.reset();
    await run.followed.close();
    server.drop(run.model);
  }
}

it("whatever happens to its shards, nothing is missed", { timeout: 600_000 }, async () => {
  const property = fc.asyncProperty(settings, fc.array(step, { minLength: 5, maxLength: 60 }), play);
  await fc.assert(property, { numRuns: Number(process.env.STREAM_RUNS ?? 60), endOnFailure: false });
});
