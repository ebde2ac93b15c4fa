// Who writes heartbeats, how often, and what they vouch for.

import { expect, it } from "vitest";
import type { HeartbeatMessage, PeerMessage } from "../../../src/cache/peer-message.ts";
import { aheadMs, busBench, uncertainMs } from "./bus-support.ts";

function beats(messages: readonly PeerMessage[]): HeartbeatMessage[] {
  return messages.filter((message): message is HeartbeatMessage => message.kind === "heartbeat");
}

it("a heartbeat vouches for the moment at which the last acknowledged one was sent", async () => {
  const { bus, log, clock, freshness } = busBench();
  const beganAtMs = clock.nowMs();
  bus.start();
  await clock.advance(10);
  // Nothing vouches for the first; a second follows at once.
  expect(beats(log.beats).map(({ vouchesAtMs }) => vouchesAtMs)).toEqual([
    Number.NEGATIVE_INFINITY,
    beganAtMs + aheadMs - uncertainMs,
  ]);
  await clock.advance(300);
  expect(beats(log.beats)[2]?.vouchesAtMs).toBe(beganAtMs + aheadMs - uncertainMs);
  await clock.advance(300);
  expect(beats(log.beats)[3]?.vouchesAtMs).toBe(beganAtMs + 300 + aheadMs - uncertainMs);
  await clock.advance(3_000);
  expect(freshness.busLagMs()).toBeLessThan(700);
});

it("a master without its replica keeps nobody fresh", async () => {
  const { bus, log, clock, freshness } = busBench();
  bus.start();
  await clock.advance(1_000);
  log.acknowledges = false;
  await clock.advance(400);
  log.beats.length = 0;
  await clock.advance(1_000);
  const mute = beats(log.beats);
  expect(mute.length).toBeGreaterThan(2);
  for (const { vouchesAtMs } of mute) expect(vouchesAtMs).toBe(Number.NEGATIVE_INFINITY);
  await clock.advance(3_000);
  expect(freshness.ageMsMax("t")).toBe(77);
  log.acknowledges = true;
  await clock.advance(1_000);
  expect(freshness.ageMsMax("t")).toBe(Number.POSITIVE_INFINITY);
});

it("what was acknowledged before contact was renewed vouches for nothing", async () => {
  const { bus, log, clock } = busBench();
  bus.start();
  await clock.advance(1_000);
  log.beats.length = 0;
  await bus.reposition();
  await clock.advance(300);
  expect(beats(log.beats)[0]?.vouchesAtMs).toBe(Number.NEGATIVE_INFINITY);
});

it("of several nodes about one writes; when it is gone, another takes over", async () => {
  const first = busBench({ sender: "0.1", random: () => 0.1 });
  const { log, clock } = first;
  const nodes = new Map([["0.1", first]]);
  for (const chance of [0.5, 0.9]) {
    nodes.set(String(chance), busBench({ sender: String(chance), random: () => chance }, first));
  }
  for (const { bus } of nodes.values()) bus.start();
  await clock.advance(2_000);
  log.beats.length = 0;
  await clock.advance(6_000);
  const writers = new Set(log.beats.map(({ sender }) => sender));
  expect(writers.size).toBe(1);
  expect(log.beats.length).toBeGreaterThanOrEqual(18);
  expect(log.beats.length).toBeLessThanOrEqual(21);
  const [writer = ""] = writers;
  await Promise.all([nodes.get(writer)?.bus.stop(), clock.advance(1_000)]);
  nodes.delete(writer);
  log.beats.length = 0;
  await clock.advance(3_000);
  const heirs = new Set(log.beats.map(({ sender }) => sender));
  expect(heirs.size).toBe(1);
  expect(heirs).not.toContain(writer);
  for (const { freshness } of nodes.values()) {
    expect(freshness.ageMsMax("t")).toBe(Number.POSITIVE_INFINITY);
  }
});

it("who leads a stream always writes, with its signs by the server's clock", async () => {
  const signs = new Map<string, number>();
  const first = busBench({ sender: "a" });
  const leader = busBench({ sender: "leader", signs: () => signs }, first);
  const { clock, log } = first;
  first.bus.start();
  leader.bus.start();
  await clock.advance(2_000);
  signs.set("t", clock.nowMs());
  const signedAtMs = clock.nowMs();
  await clock.advance(1_000);
  log.beats.length = 0;
  await clock.advance(3_000);
  const own = beats(log.beats).filter(({ sender }) => sender === "leader");
  expect(own.length).toBeGreaterThanOrEqual(9);
  expect(own[0]?.signs).toEqual(new Map([["t", signedAtMs + aheadMs - uncertainMs]]));
  // No fresher than we can be sure of: by as much as the server's clock is uncertain, both ways.
  expect(first.heard.get("t")).toBe(signedAtMs - 2 * uncertainMs);
  expect(leader.heard.size).toBe(0);
});

it("goes on trying while the store is down", async () => {
  const results: string[] = [];
  const { bus, log, clock, freshness } = busBench({
    recorder: { beat: (result) => void results.push(result) },
  });
  log.isUp = false;
  bus.start();
  await clock.advance(3_000);
  expect(new Set(results)).toEqual(new Set(["failed"]));
  expect(results.length).toBeLessThan(15);
  expect(freshness.ageMsMax("t")).toBe(77);
  log.isUp = true;
  await clock.advance(2_000);
  expect(freshness.ageMsMax("t")).toBe(Number.POSITIVE_INFINITY);
});
