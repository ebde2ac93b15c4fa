// A log in memory and a clock by hand, for what a real store cannot be made to do at a given moment.

import type { PeerMessage } from "../../../src/cache/peer-message.ts";
import { decodePeerMessage, encodePeerMessage } from "../../../src/cache/peer-message.ts";
import type { CacheKey, TagHash } from "../../../src/cache/tier.ts";
import { Bus } from "../../../src/invalidation/bus.ts";
import type { BusOptions } from "../../../src/invalidation/bus-settings.ts";
import { Freshness } from "../../../src/invalidation/freshness.ts";
import type { Sleep } from "../../../src/invalidation/pause.ts";
import { type LogMessage, StoreUnavailable } from "../../../src/redis/shared-store.ts";
import type { Clock } from "../../../src/util/clock.ts";

export class HandClock implements Clock {
  #nowMs = 1_000_000;
  readonly #sleepers = new Set<{ readonly atMs: number; readonly wake: () => void }>();

  nowMs(): number {
    return this.#nowMs;
  }

  readonly sleep: Sleep = (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const sleeper = {
        atMs: this.#nowMs + ms,
        wake: () => {
          this.#sleepers.delete(sleeper);
          signal.removeEventListener("abort", sleeper.wake);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal.addEventListener("abort", sleeper.wake);
    });

  /** Lets everything happen that happens within this time, in order. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      await settle();
      const [next] = [...this.#sleepers].sort((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > untilMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.wake();
    }
    this.#nowMs = untilMs;
    await settle();
  }

  /** The process stands still: time passes, and nothing happens. */
  pause(ms: number): void {
    this.#nowMs += ms;
  }
}

/** Until no promise job is left. */
export async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

/** The server's clock is so far ahead, and known so well. */
export const aheadMs = 5_000_000;
export const uncertainMs = 7;

type Store = BusOptions["store"];

export class HandLog implements Store {
  readonly #clock: HandClock;
  messages: LogMessage[] = [];
  /** Questions for messages so far. */
  reads = 0;
  tail = 0;
  isUp = true;
  /** Whether a replica has what heartbeats write. */
  acknowledges = true;
  /** Called within logTail, before its answer comes. */
  onTail: () => void | Promise<void> = () => {};
  readonly beats: PeerMessage[] = [];
  readonly clock = {
    earliestMs: (localMs: number) => localMs + aheadMs - uncertainMs,
    latestMs: (localMs: number) => localMs + aheadMs + uncertainMs,
  };

  constructor(clock: HandClock) {
    this.#clock = clock;
  }

  append(body: PeerMessage | Uint8Array): number {
    this.tail += 1;
    this.messages.push({
      sequence: this.tail,
      body: body instanceof Uint8Array ? body : encodePeerMessage(body),
    });
    return this.tail;
  }

  async beat(body: Uint8Array): Promise<{ sequence: number; acknowledged: boolean }> {
    this.#mustBeUp();
    const message = decodePeerMessage(body);
    if (message !== undefined) this.beats.push(message);
    return { sequence: this.append(body), acknowledged: this.acknowledges };
  }

  async readLog(after: number, countMax: number, waitMs: number): Promise<readonly LogMessage[]> {
    this.reads += 1;
    const untilMs = this.#clock.nowMs() + waitMs;
    for (;;) {
      this.#mustBeUp();
      const found = this.messages.filter(({ sequence }) => sequence > after).slice(0, countMax);
      if (found.length > 0 || this.#clock.nowMs() >= untilMs) return found;
      await this.#clock.sleep(5, new AbortController().signal);
    }
  }

  async logTail(): Promise<number> {
    this.#mustBeUp();
    const { tail } = this;
    await this.onTail();
    return tail;
  }

  #mustBeUp(): void {
    if (!this.isUp) throw new StoreUnavailable("down", "by hand");
  }
}

export function change(sender: string, ...tags: number[]): PeerMessage {
  const tagHashes = tags.map((tag) => tag as TagHash);
  return { kind: "invalidation", sender, tagHashes, pendingForMs: 0, image: undefined };
}

export function changeTo(sender: string, key: string): PeerMessage {
  const tagHashes = [1 as TagHash];
  const image = { key: key as CacheKey, tagHashes, hash: "h" };
  return { kind: "invalidation", sender, tagHashes, pendingForMs: 25, image };
}

/** Vouches for this long ago by our clock, as far as the server's is known exactly. */
export function heartbeat(
  clock: Clock,
  sender: string,
  agoMs: number,
  signs: Record<string, number> = {},
): PeerMessage {
  const reference = (ms: number) => clock.nowMs() + aheadMs - ms;
  return {
    kind: "heartbeat",
    sender,
    vouchesAtMs: reference(agoMs),
    signs: new Map(Object.entries(signs).map(([name, ms]) => [name, reference(ms)])),
  };
}

export interface BusBench {
  readonly clock: HandClock;
  readonly log: HandLog;
  readonly bus: Bus;
  readonly freshness: Freshness;
  /** "apply 1,2", "forget", "hear name", "gap reason", in order. */
  readonly diary: string[];
  readonly heard: Map<string, number>;
}

const freshWithinMs = 2_000;

export function busBench(options: Partial<BusOptions> = {}, shared?: BusBench): BusBench {
  const clock = shared?.clock ?? new HandClock();
  const log = shared?.log ?? new HandLog(clock);
  const diary: string[] = [];
  const heard = new Map<string, number>();
  const freshness = new Freshness({
    ...{ clock, freshWithinMs, degradedMaxAgeMs: 77, lagMsMax: 0, required: false, bus: true },
  });
  const bus = new Bus({
    store: log,
    sender: "me",
    clock,
    local: {
      apply: ({ tagHashes }) => void diary.push(`apply ${tagHashes.join()}`),
      forgetEverything: () => void diary.push("forget"),
    },
    signs: () => new Map(),
    hear: (name, atMs) => void heard.set(name, atMs),
    freshness,
    log: { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, isEnabled: () => false },
    recorder: { gap: (reason) => void diary.push(`gap ${reason}`) },
    sleep: clock.sleep,
    random: () => 0.5,
    ...options,
  });
  return { clock, log, bus, freshness, diary, heard };
}
