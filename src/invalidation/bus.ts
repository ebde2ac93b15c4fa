/**
 * What this node hears from the others: it reads the log in order and applies what they have changed. What it missed it
 * replays; what it cannot replay (a *gap*) makes it forget everything, in this order: **new position, forget, read on**.
 * The other way round would lose a change: 1 forget · 2 somebody reads the old item and stores it · 3 another node's
 * change is told · 4 the new position stands behind it.
 *
 * Heartbeats travel in the log itself, behind the changes that they vouch for: who has read one has applied everything
 * that was told before the moment for which it vouches.
 */

import { decodePeerMessage, type HeartbeatMessage, type InvalidationMessage } from "../cache/peer-message.ts";
import { type LogMessage, StoreUnavailable } from "../redis/shared-store.ts";
import { fullJitterMs } from "../util/backoff.ts";
import { BusHeartbeats } from "./bus-heartbeats.ts";
import { type BusGap, type BusOptions, type BusSettings, busSettings } from "./bus-settings.ts";

const RETRY_MS = 50;

/** For people. */
export interface BusState {
  /** The last message read; undefined while a new position is sought. */
  readonly position: number | undefined;
  readonly gaps: number;
  /** Why the log could not be read, as long as that is so. */
  readonly lastError: string | undefined;
}

export class Bus {
  readonly #settings: BusSettings;
  readonly #heartbeats: BusHeartbeats;
  readonly #stop = new AbortController();
  #running: Promise<unknown> | undefined;
  #position: number | undefined;
  /** Increases with every search for a position: what was asked for before it is not applied. */
  #turn = 0;
  /** The one that a contact waits for. */
  #search: Promise<void> | undefined;
  /** Why the next position is a new one. */
  #reason: BusGap = "start";
  #caughtUpAtMs = Number.NEGATIVE_INFINITY;
  #gaps = 0;
  #lastError: string | undefined;

  constructor(options: BusOptions) {
    this.#settings = busSettings(options);
    this.#heartbeats = new BusHeartbeats(this.#settings);
  }

  /** Reads, and writes heartbeats, until stop(). The store may be down: then it tries again. */
  start(): void {
    const { signal } = this.#stop;
    this.#running ??= Promise.all([this.#read(signal), this.#heartbeats.run(signal)]);
  }

  /** Fulfilled when nothing of it runs any more: at the latest when the store has answered, or was closed. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  state(): BusState {
    return { position: this.#position, gaps: this.#gaps, lastError: this.#lastError };
  }

  /**
   * The store may have forgotten something, or is another one: to be called (and awaited) on contact that was renewed,
   * before the store counts as up. On contact that was not, the bus goes on after its last message.
   * @throws StoreUnavailable everything is then still to be forgotten, and will be
   */
  async reposition(): Promise<void> {
    this.#heartbeats.renew();
    this.#lose(this.#reason === "start" ? "start" : "renewed");
    const search = this.#standAtTail();
    this.#search = search;
    try {
      await search;
    } finally {
      if (this.#search === search) this.#search = undefined;
    }
  }

  #lose(reason: BusGap): void {
    this.#turn += 1;
    this.#position = undefined;
    this.#reason = reason;
  }

  async #standAtTail(): Promise<void> {
    const { store, local, recorder, log } = this.#settings;
    this.#turn += 1;
    const turn = this.#turn;
    const tail = await store.logTail();
    const reason = this.#reason;
    // If another search began meanwhile, its position counts; what this one's caller relies on is forgotten all the same.
    if (turn === this.#turn) {
      this.#position = tail;
      this.#reason = "renewed";
    }
    local.forgetEverything();
    recorder.gap?.(reason);
    if (reason === "start") return;
    this.#gaps += 1;
    log.warn({ reason }, "a gap in what other nodes tell: everything cached by this node is dropped");
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { sleep, random, backoffMsMax: capMs } = this.#settings;
    let failures = 0;
    while (!signal.aborted) {
      try {
        if (this.#position === undefined) await (this.#search ?? this.#standAtTail());
        else await this.#readOn(this.#position, signal);
        failures = 0;
        this.#lastError = undefined;
      } catch (error) {
        failures += 1;
        this.#failed(error);
        await sleep(fullJitterMs(failures, { baseMs: RETRY_MS, capMs, random }), signal);
      }
    }
  }

  #failed(error: unknown): void {
    this.#lastError = error instanceof Error ? error.message : String(error);
    if (error instanceof StoreUnavailable) return;
    // Whatever it was that was not applied must not stay.
    this.#settings.log.error({ error }, "a message of another node could not be applied");
    this.#lose("internal error");
  }

  async #readOn(position: number, signal: AbortSignal): Promise<void> {
    const { store, heartbeatMs, readCountMax, readPauseMs, sleep } = this.#settings;
    const turn = this.#turn;
    let messages = await store.readLog(position, readCountMax, heartbeatMs);
    if (messages.length === 0 && turn === this.#turn && !signal.aborted) {
      // Because there is nothing, or because the log is not what it was.
      const tail = await store.logTail();
      if (turn !== this.#turn || tail === position) return;
      if (tail < position) {
        this.#lose("rewound");
        return;
      }
      messages = await store.readLog(position, readCountMax, 0);
    }
    if (turn !== this.#turn || signal.aborted) return;
    const gap = messages.length > 0 ? this.#receive(messages, position) : "hole";
    if (gap !== undefined) this.#lose(gap);
    // A full answer says that more are waiting.
    else if (readPauseMs > 0 && messages.length < readCountMax) await sleep(readPauseMs, signal);
  }

  #receive(messages: readonly LogMessage[], after: number): BusGap | undefined {
    let last = after;
    this.#settings.recorder.read?.(messages.length);
    for (const { sequence, body } of messages) {
      if (sequence !== last + 1) return "hole";
      const message = decodePeerMessage(body);
      if (message === undefined) return "unreadable";
      if (message.kind === "heartbeat") this.#catchUp(message);
      else this.#apply(message);
      last = sequence;
      this.#position = last;
    }
    return undefined;
  }

  #apply(message: InvalidationMessage): void {
    const { sender, local, recorder } = this.#settings;
    // Our own clock has moved before the message was answered for.
    if (message.sender === sender) return;
    local.apply(message);
    recorder.applied?.(message);
  }

  #catchUp({ sender, vouchesAtMs, signs }: HeartbeatMessage): void {
    const { store, clock, freshness, hear, recorder } = this.#settings;
    const isOwn = sender === this.#settings.sender;
    const nowMs = clock.nowMs();
    // The longest that this can be ago; and of two signs one cannot be fresher than the log that brings it.
    const latestMs = store.clock.latestMs(nowMs);
    const atMs = Math.min(nowMs, nowMs - (latestMs - vouchesAtMs));
    if (atMs > this.#caughtUpAtMs) {
      this.#caughtUpAtMs = atMs;
      freshness.setBus(atMs);
      this.#heartbeats.heard(isOwn);
      recorder.lag?.(nowMs - atMs);
    }
    if (isOwn) return;
    for (const [name, signMs] of signs) {
      const caughtUpAtMs = Math.min(atMs, nowMs - (latestMs - signMs));
      if (caughtUpAtMs > Number.NEGATIVE_INFINITY) hear(name, caughtUpAtMs);
    }
  }
}
