// What `npm run profile` makes of profiles and of standstills.

import { hash } from "node:crypto";
import { Session } from "node:inspector/promises";
import { describe, expect, it } from "vitest";
import { cases, casesNamed } from "../../../bench/profile-cases.ts";
import { type CpuProfile, groupsOf, sharesOf, withoutCrumbs } from "../../../bench/profile-rooms.ts";
import { attribute, causeOf } from "../../../bench/profile-stalls.ts";

/** By frame and the samples in which it was the innermost. */
type Frame = readonly [functionName: string, url: string, samples: number];

function profileOf(...frames: readonly Frame[]): CpuProfile {
  return {
    nodes: frames.map(([functionName, url], at) => ({ id: at + 1, callFrame: { functionName, url } })),
    samples: frames.flatMap(([, , samples], at) => new Array<number>(samples).fill(at + 1)),
  };
}

const awake = { ranSeconds: 1000, sleptSeconds: 0 };

describe("rooms of a profile", () => {
  it("are told by who wrote the code", () => {
    const { rooms } = sharesOf([
      {
        ...awake,
        profile: profileOf(
          ["writeLatin1String", "", 100],
          ["writev", "", 100],
          ["(garbage collector)", "", 50],
          ["(program)", "", 50],
          ["oneShotDigest", "", 50],
          ["hash", "node:internal/crypto/hash", 50],
          ["_write", "node:internal/streams/writable", 50],
          ["onStreamRead", "node:internal/stream_base_commons", 50],
          ["parse", "file:///x/src/proxy/lane-request.ts", 200],
          ["send", "file:///x/node_modules/undici/lib/core/request.js", 100],
          ["sign", "file:///x/node_modules/@aws-sdk/a/node_modules/@smithy/core/dist/index.js", 100],
          ["measure", "file:///x/bench/profile-probe.ts?folder=y", 100],
        ),
      },
    ]);
    expect(Object.fromEntries(rooms.map(({ name, share }) => [name, share]))).toEqual({
      "writing to sockets, native": 0.2,
      "garbage collector, on this thread": 0.05,
      "native code outside of JavaScript": 0.05,
      "hashes and signatures": 0.1,
      "Node.js: streams": 0.1,
      "src/proxy/lane-request.ts": 0.2,
      undici: 0.1,
      "@smithy/core": 0.1,
      "the benchmark's own code": 0.1,
    });
  });

  it("what was not slept of V8's idle time is the kernel's and libuv's", () => {
    const profile = profileOf(["(idle)", "", 80], ["work", "file:///x/src/a.ts", 20]);
    const { rooms, functions } = sharesOf([{ profile, ranSeconds: 4, sleptSeconds: 6 }]);
    expect(rooms).toEqual([
      { name: "looking for events and reading sockets, native", share: 0.5 },
      { name: "src/a.ts", share: 0.5 },
    ]);
    expect(functions).toEqual([{ name: "work src/a.ts", share: 0.5 }]);
    const asleep = [{ profile, ranSeconds: 1, sleptSeconds: 9 }];
    expect(sharesOf(asleep).rooms).toEqual([{ name: "src/a.ts", share: 1 }]);
  });

  it("threads that did the same work are summed, by how long they ran", () => {
    const threads = [
      { profile: profileOf(["a", "file:///x/src/a.ts", 10]), ranSeconds: 3, sleptSeconds: 0 },
      { profile: profileOf(["b", "file:///x/src/b.ts", 70]), ranSeconds: 1, sleptSeconds: 0 },
    ];
    expect(sharesOf(threads).rooms).toEqual([
      { name: "src/a.ts", share: 0.75 },
      { name: "src/b.ts", share: 0.25 },
    ]);
  });

  it("are summed by whose code it is", () => {
    const rooms = ["src/a.ts", "src/b.ts", "writing to sockets, native", "Node.js: net", "undici"];
    expect(groupsOf(rooms.map((name) => ({ name, share: 0.2 })))).toEqual([
      { name: "dynatier's own code", share: 0.4 },
      { name: "sockets and events (mostly the kernel)", share: 0.2 },
      { name: "V8 and Node.js", share: 0.2 },
      { name: "libraries", share: 0.2 },
    ]);
  });

  it("small ones are one", () => {
    const kept = [
      { name: "a", share: 0.9 },
      { name: "b", share: 0.06 },
      { name: "c", share: 0.04 },
    ];
    expect(withoutCrumbs(kept, 0.1)).toEqual([kept[0], { name: "2 others below 10 %", share: 0.1 }]);
    expect(withoutCrumbs(kept, 0.01)).toEqual(kept);
  });

  it("a real profile of V8: everything is somebody's, and the busiest is found", async () => {
    const session = new Session();
    session.connect();
    await session.post("Profiler.enable");
    await session.post("Profiler.setSamplingInterval", { interval: 200 });
    await session.post("Profiler.start");
    let text = "";
    // Until the thread has used so much CPU time, however busy the machine is.
    const began = process.cpuUsage();
    while (process.cpuUsage(began).user < 200_000) text = digests(text);
    const { profile } = await session.post("Profiler.stop");
    session.disconnect();
    const { rooms, functions } = sharesOf([{ ...awake, profile }]);
    expect(rooms.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
    expect(rooms.map(({ name }) => name)).toContain("hashes and signatures");
    expect(functions.length).toBeLessThanOrEqual(12);
  });
});

function digests(text: string): string {
  let digest = text;
  for (let times = 0; times < 1000; times += 1) digest = hash("sha256", digest);
  return digest;
}

describe("standstills", () => {
  const stall = (fromMs: number, toMs: number, waitedMs: number) =>
    ({ interval: [fromMs, toMs], waitedMs }) as const;

  it("have as their cause the largest part", () => {
    expect(causeOf(stall(0, 10, 1), [[0, 8]])).toBe("collector");
    expect(causeOf(stall(0, 10, 7), [[0, 2]])).toBe("waited");
    expect(causeOf(stall(0, 10, 1), [])).toBe("ran");
  });

  it("explain the slow replies that they cover, or that queue behind them", () => {
    const standing = {
      proxy: { stalls: [stall(100, 110, 0), stall(200, 220, 20)], pauses: [[100, 110]] as const },
      load: { stalls: [stall(300, 304, 4)], pauses: [] },
    };
    const slow = [
      [100, 111],
      [205, 221],
      [215, 221],
      [300, 305],
      [230, 239],
      [400, 410],
      [110, 400],
    ] as const;
    const { causes, unexplained } = attribute(slow, standing);
    expect(unexplained).toBe(2);
    expect(causes.filter(({ slowReplies }) => slowReplies > 0)).toEqual([
      { who: "proxy", cause: "collector", stalls: 1, longestMs: 10, sumMs: 10, slowReplies: 1 },
      { who: "proxy", cause: "waited", stalls: 1, longestMs: 20, sumMs: 20, slowReplies: 3 },
      { who: "load", cause: "waited", stalls: 1, longestMs: 4, sumMs: 4, slowReplies: 1 },
    ]);
  });
});

describe("cases", () => {
  it("are chosen by name", () => {
    expect(casesNamed(undefined)).toEqual(cases);
    expect(casesNamed("l2, hit").map(({ id }) => id)).toEqual(["hit", "l2"]);
    expect(() => casesNamed("hits")).toThrow("--cases: hits is none");
  });
});
