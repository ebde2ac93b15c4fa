// Lost positions and lost records: either every change is applied, or everything is flushed.

import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { keyText, until } from "../support/followed-stream.ts";
import { StreamModel } from "../support/stream-model.ts";
import { streamScenario } from "../support/stream-scenario.ts";

const scenario = streamScenario();

const keys = (...names: string[]): string[] => names.map(keyText);
const lastStart = () => scenario.server.inputs("GetShardIterator").at(-1);

describe("an expired iterator", () => {
  it("is renewed after the last record applied", async () => {
    const model = new StreamModel();
    const { follower, put, applied, flushes } = scenario.follow(model);
    await follower.start();
    put("a");
    await until(
      () => applied().length === 1,
      () => applied(),
    );
    model.expireIterators();
    put("b");
    await until(
      () => applied().length === 2,
      () => applied(),
    );
    expect(applied()).toEqual(keys("a", "b"));
    expect(lastStart()).toMatchObject({ ShardIteratorType: "AFTER_SEQUENCE_NUMBER" });
    expect(flushes()).toEqual(["start"]);
  });

  it("without a record read is a gap, for nobody knows where LATEST was", async () => {
    const model = new StreamModel();
    const { follower, put, applied, flushes } = scenario.follow(model);
    await follower.start();
    await until(() => scenario.server.count("GetRecords") > 1, "it polls");
    scenario.server.before = () => {
      // While its iterator expires, a record comes that no new LATEST will see.
      scenario.server.before = () => undefined;
      model.expireIterators();
      put("lost");
    };
    await until(
      () => flushes().length === 2,
      () => flushes(),
    );
    expect(flushes()).toEqual(["start", "expired iterator"]);
    put("found");
    await until(
      () => applied().includes(keyText("found")),
      () => applied(),
    );
    expect(follower.state()).toMatchObject({ kind: "following", gaps: 1 });
  });

  it("of a child that was not yet read starts at TRIM_HORIZON again", async () => {
    const model = new StreamModel();
    const { follower, put, applied, flushes } = scenario.follow(model);
    await follower.start();
    put("parent");
    await until(
      () => applied().length === 1,
      () => applied(),
    );
    const [child] = model.split(model.open()[0]!, 1);
    await until(() => lastStart()?.ShardId === child!.id, "the child's first iterator");
    model.expireIterators();
    put("child", child);
    await until(
      () => applied().length === 2,
      () => applied(),
    );
    expect(flushes()).toEqual(["start"]);
    const starts = scenario.server.inputs("GetShardIterator").map(({ ShardIteratorType: type }) => type);
    expect(starts).toEqual(["LATEST", "TRIM_HORIZON", "TRIM_HORIZON"]);
  });

  it("during a pause of the whole process is survived the same way", async () => {
    const model = new StreamModel();
    model.iteratorsLiveMs = 60;
    let pausedMs = 0;
    const { follower, put, applied, flushes } = scenario.follow(model, {
      sleep: async (ms, signal) => {
        const pause = Math.max(ms, pausedMs);
        pausedMs = 0;
        await sleep(pause, undefined, { signal }).catch(() => undefined);
      },
    });
    await follower.start();
    put("before");
    await until(
      () => applied().length === 1,
      () => applied(),
    );
    pausedMs = 150;
    await sleep(20);
    put("meanwhile");
    const [child] = model.split(model.open()[0]!, 1);
    put("later", child);
    await until(
      () => applied().length === 3,
      () => applied(),
    );
    expect(applied()).toEqual(keys("before", "meanwhile", "later"));
    expect(flushes()).toEqual(["start"]);
  });
});

describe("lost records", () => {
  it("a trimmed position is a gap", async () => {
    const model = new StreamModel();
    const { follower, put, applied, flushes } = scenario.follow(model);
    await follower.start();
    put("a");
    await until(
      () => applied().length === 1,
      () => applied(),
    );
    scenario.server.before = () => {
      scenario.server.before = () => undefined;
      put("lost");
      model.trim(model.open()[0]!);
    };
    await until(
      () => flushes().length === 2,
      () => flushes(),
    );
    expect(flushes()).toEqual(["start", "trimmed data"]);
    put("b");
    await until(
      () => applied().length === 2,
      () => applied(),
    );
    expect(applied()).toEqual(keys("a", "b"));
  });

  it("a shard not read for longer than records are kept is a gap: TRIM_HORIZON would not tell", async () => {
    const model = new StreamModel();
    let aheadMs = 0;
    const { follower, put, applied, flushes } = scenario.follow(model, {
      clock: { nowMs: () => performance.timeOrigin + performance.now() + aheadMs },
      requestTimeoutMs: 60_000,
    });
    await follower.start();
    put("a");
    await until(
      () => applied().length === 1,
      () => applied(),
    );
    aheadMs = 23.5 * 3_600_000;
    await until(
      () => flushes().length === 2,
      () => flushes(),
    );
    expect(flushes()).toEqual(["start", "trimmed data"]);
  });

  it("a position that the service does not take is a gap", async () => {
    const model = new StreamModel();
    const { follower, put, applied, flushes } = scenario.follow(model);
    await follower.start();
    put("a");
    await until(
      () => applied().length === 1,
      () => applied(),
    );
    scenario.server.fault({ operation: "GetShardIterator", error: "ValidationException" });
    model.expireIterators();
    await until(
      () => flushes().length === 2,
      () => flushes(),
    );
    expect(flushes()[1]).toBe("lost position");
  });

  it("a stream that is gone ends it", async () => {
    const model = new StreamModel();
    const reported: string[] = [];
    const { follower, flushes } = scenario.follow(model, {
      recorder: {
        gap: (reason) => void reported.push(`gap ${reason}`),
        stopped: (why) => void reported.push(why),
      },
    });
    await follower.start();
    scenario.server.drop(model);
    await until(
      () => follower.state().kind === "stopped",
      () => follower.state(),
    );
    expect(follower.state().stopReason).toBe("stream gone");
    expect(flushes()).toEqual(["start", "stream gone"]);
    expect(reported).toEqual(["gap stream gone", "stream gone"]);
    const calls = scenario.server.count("DescribeStream") + scenario.server.count("GetRecords");
    await sleep(30);
    expect(scenario.server.count("DescribeStream") + scenario.server.count("GetRecords")).toBe(calls);
  });

  it("a gap takes new iterators first, then flushes, then reads", async () => {
    const model = new StreamModel({ shards: 3 });
    const order: string[] = [];
    const { follower, put } = scenario.follow(model, {
      sink: { apply: () => undefined, flush: (reason) => void order.push(`flush ${reason}`) },
    });
    await follower.start();
    scenario.server.before = (operation, { ShardIteratorType }) => {
      order.push(`${operation} ${String(ShardIteratorType ?? "")}`);
    };
    model.expireIterators();
    await until(
      () => order.includes("flush expired iterator"),
      () => order,
    );
    put("a");
    const flushedAt = order.indexOf("flush expired iterator");
    const since = order.slice(order.lastIndexOf("DescribeStream "), flushedAt);
    expect(since).toEqual(["DescribeStream ", ...Array(3).fill("GetShardIterator LATEST")]);
    expect(order.slice(flushedAt)).not.toContain("GetShardIterator LATEST");
  });

  it("a backlog beyond the limit is a gap, and what is left of it is skipped", async () => {
    const model = new StreamModel();
    model.olderByMs = 60_000;
    model.pageRecordsMax = 10;
    const { follower, put, applied, flushes } = scenario.follow(model, { backlogRecordsMax: 50 });
    await follower.start();
    for (let n = 0; n < 1_000; n++) put(`old${n}`);
    await until(
      () => flushes().length === 2,
      () => flushes(),
    );
    expect(flushes()[1]).toBe("backlog");
    expect(applied().length).toBeLessThan(100);
    await until(() => follower.state().kind === "following", "it goes on");
    put("new");
    await until(
      () => applied().includes(keyText("new")),
      () => applied().length,
    );
    expect(applied().length).toBeLessThan(100);
    expect(follower.state()).toMatchObject({ gaps: 1 });
  });
});
