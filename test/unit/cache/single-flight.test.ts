/** Who may share a read, how long each waits, and when the read is given up. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SingleFlight, TooManyWaiters, type Waiter, WaiterLeft } from "../../../src/cache/single-flight.ts";
import type { CacheKey } from "../../../src/cache/tier.ts";

const key = "k" as CacheKey;

describe("SingleFlight", () => {
  let flights: SingleFlight<string>;
  let reads: { readonly signal: AbortSignal; land(value: string): void; fail(error: Error): void }[];

  beforeEach(() => {
    vi.useFakeTimers();
    flights = new SingleFlight<string>({ clock: { nowMs: () => Date.now() }, waitersMax: 3 });
    reads = [];
  });
  afterEach(() => {
    expect(flights.waiting).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  const run = (stamp = 1, wish: Partial<Waiter> = {}, at = key) =>
    flights.run(
      at,
      stamp,
      { deadlineAtMs: Date.now() + 1_000, signal: undefined, ageMsMax: 500, ...wish },
      (signal) => new Promise<string>((land, fail) => reads.push({ signal, land, fail })),
    );

  it("gives one read to all who ask for the same under the same stamp", async () => {
    const asked = [run(), run(), run()];
    expect(reads).toHaveLength(1);
    expect(flights.waiting).toBe(3);
    reads[0]!.land("x");
    expect(await Promise.all(asked)).toEqual([
      { value: "x", leader: true },
      { value: "x", leader: false },
      { value: "x", leader: false },
    ]);
    // What has landed is shared no more.
    const later = run();
    reads[1]!.land("y");
    expect(await later).toEqual({ value: "y", leader: true });
  });

  it("does not share across a change", async () => {
    // 1 A's read sees the old item · 2 a write is acknowledged · 3 B misses: B must not get what A saw
    const a = run(1);
    const b = run(2);
    // Who comes now finds B's flight, and A's end does not take it away.
    reads[0]!.land("old");
    expect((await a).value).toBe("old");
    const c = run(2);
    expect(reads).toHaveLength(2);
    reads[1]!.land("new");
    expect([await b, await c].map(({ value }) => value)).toEqual(["new", "new"]);
  });

  it("does not share another key's read", async () => {
    const asked = [run(), run(1, {}, "other" as CacheKey)];
    expect(reads).toHaveLength(2);
    for (const [at, { land }] of reads.entries()) land(String(at));
    expect((await Promise.all(asked)).map(({ value }) => value)).toEqual(["0", "1"]);
  });

  it("does not share a read that is too old for the caller", async () => {
    const first = run();
    vi.advanceTimersByTime(100);
    const second = run(1, { ageMsMax: 100 });
    expect(reads).toHaveLength(2);
    const third = run(1, { ageMsMax: 101 });
    expect(reads).toHaveLength(2);
    for (const { land } of reads) land("x");
    expect((await Promise.all([first, second, third])).map(({ leader }) => leader)).toEqual([
      true,
      true,
      false,
    ]);
  });

  it("bounds the callers on one read", async () => {
    const asked = [run(), run(), run()];
    await expect(run()).rejects.toThrow(TooManyWaiters);
    reads[0]!.land("x");
    await Promise.all(asked);
  });

  it("lets each caller go at its own deadline, and the others wait on", async () => {
    const hasty = run(1, { deadlineAtMs: Date.now() + 10 });
    const patient = run();
    const left = expect(hasty).rejects.toMatchObject({ reason: "deadline" });
    vi.advanceTimersByTime(10);
    await left;
    expect(reads[0]!.signal.aborted).toBe(false);
    reads[0]!.land("x");
    expect((await patient).value).toBe("x");
  });

  it("abandons the read when the last caller has left, and shares it no more", async () => {
    const leaver = new AbortController();
    const asked = [run(1, { signal: leaver.signal }), run(1, { deadlineAtMs: Date.now() + 10 })];
    const left = Promise.all(asked.map((one) => expect(one).rejects.toThrow(WaiterLeft)));
    leaver.abort();
    vi.advanceTimersByTime(10);
    await left;
    expect(reads[0]!.signal.aborted).toBe(true);
    const next = run();
    expect(reads).toHaveLength(2);
    // The end of the abandoned read does not end the new one.
    reads[0]!.fail(new Error("aborted"));
    const joined = run();
    expect(reads).toHaveLength(2);
    reads[1]!.land("x");
    expect([(await next).leader, (await joined).leader]).toEqual([true, false]);
  });

  it("does not wait for a caller who has left before it came", async () => {
    await expect(run(1, { signal: AbortSignal.abort() })).rejects.toMatchObject({ reason: "aborted" });
    expect(reads[0]!.signal.aborted).toBe(true);
  });

  it("gives a failure to all, and keeps none of it", async () => {
    const failed = Promise.all([run(), run()].map((one) => expect(one).rejects.toThrow("no answer")));
    reads[0]!.fail(new Error("no answer"));
    await failed;
    const next = run();
    reads[1]!.land("x");
    expect((await next).value).toBe("x");
  });
});
