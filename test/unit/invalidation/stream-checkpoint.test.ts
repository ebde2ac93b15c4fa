// What a checkpoint says, when it is saved, and where it is kept.

import { describe, expect, it } from "vitest";
import { StreamCheckpoint, storedCheckpoint } from "../../../src/invalidation/stream-checkpoint.ts";
import { KeptCheckpoint } from "../../support/kept-checkpoint.ts";
import { HandClock } from "./bus-support.ts";

const hourMs = 3_600_000;

function bench(finishedMax = 100) {
  const clock = new HandClock();
  const port = new KeptCheckpoint();
  const make = () => new StreamCheckpoint({ port, clock, retentionMs: 23 * hourMs, finishedMax });
  return { clock, port, checkpoint: make(), make };
}

describe("a checkpoint", () => {
  it("is resumed from as it was saved, no more caught up than can be known", async () => {
    const { clock, port, checkpoint, make } = bench();
    await checkpoint.begin();
    checkpoint.reached("read", "100");
    checkpoint.reached("new", undefined);
    checkpoint.finished("old");
    const savedAtMs = clock.nowMs();
    await checkpoint.save(savedAtMs);
    clock.pause(22 * hourMs);
    const resumption = await make().load();
    expect(resumption?.shards).toEqual(
      new Map([
        ["read", { kind: "after", sequenceNumber: "100" }],
        ["new", { kind: "beginning" }],
        ["old", { kind: "finished" }],
      ]),
    );
    expect(resumption?.caughtUpAtMs).toBe(savedAtMs - 6);
    clock.pause(hourMs);
    expect(await make().load()).toBeUndefined();
    expect(port.calls.filter((call) => call === "save")).toHaveLength(1);
  });

  it("is saved only when something is new, or its time is old", async () => {
    const { clock, port, checkpoint } = bench();
    await checkpoint.begin();
    checkpoint.reached("a", "1");
    await checkpoint.save(clock.nowMs());
    checkpoint.reached("a", "1");
    await checkpoint.save(clock.nowMs());
    const saves = () => port.calls.filter((call) => call === "save").length;
    expect(saves()).toBe(1);
    clock.pause(30_000);
    await checkpoint.save(clock.nowMs());
    expect(saves()).toBe(2);
    expect(Number(port.fields.get("at"))).toBe(port.clock.earliestMs(clock.nowMs()));
  });

  it("does not overwrite what came after a save that failed", async () => {
    const { clock, port, checkpoint } = bench();
    await checkpoint.begin();
    checkpoint.reached("a", "1");
    port.failing = ["save"];
    const saving = checkpoint.save(clock.nowMs());
    checkpoint.reached("a", "2");
    await saving;
    port.failing = [];
    await checkpoint.save(clock.nowMs());
    expect(port.shards()).toEqual(new Map([["a", "@2"]]));
  });

  it("of another following is dropped before anything is saved, even if that failed at first", async () => {
    const { clock, port, checkpoint } = bench();
    port.fields.set("s:gone", "@7");
    port.failing = ["drop"];
    await checkpoint.begin();
    checkpoint.reached("a", "1");
    await checkpoint.save(clock.nowMs());
    expect([...port.fields.keys()]).toEqual(["s:gone"]);
    port.failing = [];
    await checkpoint.save(clock.nowMs());
    expect(port.shards()).toEqual(new Map([["a", "@1"]]));
  });

  it("remembers a bounded number of finished shards", async () => {
    const { clock, port, checkpoint } = bench(3);
    await checkpoint.begin();
    for (const shard of ["a", "b", "c", "d", "e"]) {
      checkpoint.reached(shard, undefined);
      await checkpoint.save(clock.nowMs());
      checkpoint.finished(shard);
    }
    await checkpoint.save(clock.nowMs());
    expect([...port.shards().keys()]).toEqual(["c", "d", "e"]);
  });

  it("of many shards is saved in parts", async () => {
    const { clock, port, checkpoint } = bench();
    const sizes: number[] = [];
    port.onSave = ({ size }) => void sizes.push(size);
    await checkpoint.begin();
    for (let at = 0; at < 2_500; at++) checkpoint.reached(`s${at}`, String(at));
    for (let at = 0; at < 4; at++) await checkpoint.save(clock.nowMs());
    expect(sizes).toEqual([1_002, 1_002, 502]);
    expect(port.shards().size).toBe(2_500);
  });
});

describe("where it is kept", () => {
  it("is the store, by the stream and the state of its indexes; and not while changes wait to be told", async () => {
    const kept = new Map<string, ReadonlyMap<string, string>>();
    const store = {
      clock: new KeptCheckpoint().clock,
      saveCheckpoint: async (name: string, fields: ReadonlyMap<string, string>) =>
        void kept.set(name, fields),
      loadCheckpoint: async (name: string) => kept.get(name) ?? new Map<string, string>(),
      dropCheckpoint: async (name: string) => void kept.delete(name),
    };
    let settled = false;
    const options = { store, streamArn: "arn", isSettled: () => settled };
    const port = storedCheckpoint({ ...options, fingerprint: "1" });
    await expect(port.save(new Map([["s:a", "@1"]]))).rejects.toThrow("wait to be told");
    expect(kept.size).toBe(0);
    settled = true;
    await port.save(new Map([["s:a", "@1"]]));
    expect(await port.load()).toEqual(new Map([["s:a", "@1"]]));
    expect(await storedCheckpoint({ ...options, fingerprint: "2" }).load()).toEqual(new Map());
    await port.drop();
    expect(kept.size).toBe(0);
  });
});
