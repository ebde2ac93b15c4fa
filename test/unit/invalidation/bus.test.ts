// What a node makes of the log: everything is applied once and in order, or everything is forgotten.

import { expect, it } from "vitest";
import { busBench, change, changeTo, heartbeat, settle } from "./bus-support.ts";

it("begins at the tail, and forgets what was cached before it stood there", async () => {
  const { bus, log, clock, diary } = busBench();
  log.append(change("other", 1));
  log.onTail = () => {
    // Somebody changes something between the question for the tail and its answer: it must be read.
    log.append(change("other", 2));
    log.onTail = () => {};
  };
  bus.start();
  await clock.advance(50);
  expect(diary).toEqual(["forget", "gap start", "apply 2"]);
  log.append(change("other", 3, 4));
  log.append(changeTo("other", "key"));
  await clock.advance(50);
  expect(diary.slice(3)).toEqual(["apply 3,4", "apply 1"]);
  await Promise.all([bus.stop(), clock.advance(1_000)]);
});

it("skips its own changes", async () => {
  const { bus, log, clock, diary } = busBench();
  bus.start();
  await clock.advance(10);
  log.append(change("me", 1));
  log.append(change("other", 2));
  await clock.advance(10);
  expect(diary.filter((line) => line.startsWith("apply"))).toEqual(["apply 2"]);
});

it("replays what was told while the store could not be reached", async () => {
  const { bus, log, clock, diary } = busBench();
  bus.start();
  await clock.advance(10);
  log.isUp = false;
  await clock.advance(2_000);
  expect(bus.state().lastError).toBe("by hand");
  for (const tag of [1, 2, 3]) log.append(change("other", tag));
  log.isUp = true;
  await clock.advance(2_000);
  expect(diary).toEqual(["forget", "gap start", "apply 1", "apply 2", "apply 3"]);
  expect(bus.state()).toMatchObject({ gaps: 0, lastError: undefined });
});

it.each([
  ["trimmed before it was read", "hole", (log) => log.messages.splice(-2, 1)],
  ["all trimmed", "hole", (log) => log.messages.splice(0)],
  [
    "flushed",
    "rewound",
    (log) => {
      log.messages = [];
      log.tail = 0;
    },
  ],
  ["of another version", "unreadable", (log) => log.append(Uint8Array.from([0xd7, 9, 1]))],
  ["not ours", "unreadable", (log) => log.append(new Uint8Array())],
] satisfies [string, string, (log: ReturnType<typeof busBench>["log"]) => unknown][])(
  "a log %s makes it forget everything, once it stands at the new tail",
  async (_, reason, harm) => {
    const { bus, log, clock, diary } = busBench({ heartbeatMs: 100_000, readCountMax: 10 });
    for (let at = 0; at < 20; at++) log.append(change("old", at));
    bus.start();
    await clock.advance(10);
    log.isUp = false;
    await clock.advance(100_000);
    for (const tag of [1, 2, 3]) log.append(change("other", tag));
    harm(log);
    log.onTail = () => {
      log.onTail = () => {};
      diary.push("tail");
    };
    log.isUp = true;
    await clock.advance(200_000);
    expect(diary.slice(-2)).toEqual(["forget", `gap ${reason}`]);
    expect(diary.indexOf("tail")).toBeLessThan(diary.lastIndexOf("forget"));
    log.append(change("other", 9));
    await clock.advance(200_000);
    expect(diary.at(-1)).toBe("apply 9");
    expect(bus.state()).toMatchObject({ gaps: 1, position: log.tail });
  },
);

it("what is told between the new position and the forgetting is read", async () => {
  const { bus, log, clock, diary } = busBench();
  bus.start();
  await clock.advance(10);
  log.append(new Uint8Array());
  log.onTail = () => {
    log.onTail = () => {};
    log.append(change("other", 5));
  };
  await clock.advance(1_000);
  expect(diary.slice(2)).toEqual(["forget", "gap unreadable", "apply 5"]);
});

it("a change that could not be applied makes it forget everything", async () => {
  const diary: string[] = [];
  const { bus, log, clock } = busBench({
    local: {
      apply: () => {
        throw new Error("a bug");
      },
      forgetEverything: () => void diary.push("forget"),
    },
  });
  bus.start();
  await clock.advance(10);
  log.append(change("other", 1));
  await clock.advance(1_000);
  expect(diary).toEqual(["forget", "forget"]);
});

it("repositions on renewed contact before it says so, and drops what was being read", async () => {
  const { bus, log, clock, diary } = busBench();
  bus.start();
  await clock.advance(10);
  log.append(change("other", 1));
  // What the read that is under way will bring is of the log before.
  const renewed = bus.reposition();
  await renewed;
  expect(diary).toEqual(["forget", "gap start", "forget", "gap renewed"]);
  await clock.advance(100);
  expect(diary).toHaveLength(4);
  log.append(change("other", 2));
  await clock.advance(100);
  expect(diary.at(-1)).toBe("apply 2");
});

it("a reposition that fails is told, and everything is forgotten later", async () => {
  const { bus, log, clock, diary } = busBench();
  bus.start();
  await clock.advance(10);
  log.isUp = false;
  await expect(bus.reposition()).rejects.toThrow("by hand");
  await clock.advance(500);
  expect(diary).toHaveLength(2);
  log.isUp = true;
  await clock.advance(2_000);
  expect(diary.slice(2)).toEqual(["forget", "gap renewed"]);
});

it("a heartbeat tells how far the node is, at worst", async () => {
  const { bus, log, clock, freshness } = busBench({ heartbeatMs: 100_000 });
  log.acknowledges = false;
  bus.start();
  await clock.advance(10);
  expect(freshness.ageMsMax("t")).toBe(77);
  log.append(heartbeat(clock, "other", 150));
  await settle();
  await clock.advance(5);
  // The server's clock may be 7 ms later than the best guess.
  expect(freshness.busLagMs()).toBe(150 + 7 + 5);
  expect(freshness.ageMsMax("t")).toBe(Number.POSITIVE_INFINITY);
  log.append(heartbeat(clock, "other", 3_000));
  log.append(heartbeat(clock, "other", Number.POSITIVE_INFINITY));
  await clock.advance(10);
  expect(freshness.busLagMs()).toBe(172);
  clock.pause(30_000);
  expect(freshness.ageMsMax("t")).toBe(77);
  log.append(heartbeat(clock, "other", -9_000));
  await clock.advance(10);
  expect(freshness.busLagMs()).toBeLessThanOrEqual(10);
  expect(freshness.busLagMs()).toBeGreaterThanOrEqual(0);
});

it("hears of streams from others, no fresher than the log that brings the sign", async () => {
  const { bus, log, clock, heard } = busBench({ heartbeatMs: 100_000 });
  bus.start();
  await clock.advance(10);
  const nowMs = clock.nowMs();
  log.append(heartbeat(clock, "other", 100, { slow: 400, eager: 20 }));
  log.append(heartbeat(clock, "me", 10, { mine: 10 }));
  log.append(heartbeat(clock, "mute", Number.POSITIVE_INFINITY, { unvouched: 10 }));
  await clock.advance(5);
  expect(Object.fromEntries(heard)).toEqual({ slow: nowMs - 407, eager: nowMs - 107 });
});

it("with a pause between readings takes several messages at a time, and leaves none out", async () => {
  const { bus, log, clock, diary } = busBench({ readPauseMs: 20 });
  bus.start();
  await clock.advance(30);
  const before = log.reads;
  for (let tag = 1; tag <= 40; tag += 1) {
    log.append(change("other", tag));
    await clock.advance(2);
  }
  await clock.advance(50);
  const applied = diary.filter((line) => line.startsWith("apply"));
  expect(applied).toEqual(Array.from({ length: 40 }, (_, at) => `apply ${at + 1}`));
  expect(log.reads - before).toBeLessThan(12);
  await Promise.all([bus.stop(), clock.advance(1_000)]);
});
