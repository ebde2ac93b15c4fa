/**
 * Follows one DynamoDB stream for as long as there is one. Every following begins in this order, the first
 * and each after a gap: **iterators, flush, records**. The other way round would lose a write: 1 flush · 2
 * somebody reads the old item and stores it · 3 the item is written · 4 the LATEST iterator stands behind
 * that record. Only a first following that goes on where another reader left off (its checkpoint is complete, young
 * enough, and the service still takes every position) needs no flush.
 */

import { fullJitterMs } from "../util/backoff.ts";
import type { ChangeSource, GapReason, SourceState } from "./change-source.ts";
import { StreamApi } from "./stream-api.ts";
import { type Resumption, StreamCheckpoint } from "./stream-checkpoint.ts";
import { StreamCounts } from "./stream-counts.ts";
import { StreamFollowing } from "./stream-following.ts";
import type { Outcome } from "./stream-lister.ts";
import { type StreamFollowerOptions, type StreamSettings, streamSettings } from "./stream-settings.ts";

/** So often a checkpoint is asked for before it counts as lost. */
const LOADS_MAX = 3;

export class StreamFollower implements ChangeSource {
  readonly #settings: StreamSettings;
  readonly #api: StreamApi;
  readonly #counts: StreamCounts;
  readonly #checkpoint: StreamCheckpoint | undefined;
  readonly #stop = new AbortController();
  readonly #settled = Promise.withResolvers<void>();
  #kind: SourceState["kind"] = "starting";
  #stopReason: SourceState["stopReason"];
  #following: StreamFollowing | undefined;
  #caughtUpAtMs = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;

  constructor(options: StreamFollowerOptions) {
    this.#settings = streamSettings(options);
    const { upstream, clock, streamArn, requestTimeoutMs, recorder } = this.#settings;
    this.#api = new StreamApi({ upstream, clock, streamArn, requestTimeoutMs });
    this.#counts = new StreamCounts(clock, recorder);
    const { checkpoint: port, retentionMs, shardsMax: finishedMax } = this.#settings;
    this.#checkpoint = port && new StreamCheckpoint({ port, clock, retentionMs, finishedMax });
  }

  start(): Promise<void> {
    this.#running ??= this.#run();
    return this.#settled.promise;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#following?.abort();
    this.#running ??= Promise.resolve();
    await this.#running;
    this.#conclude("stopped");
  }

  state(): SourceState {
    const caughtUpAtMs = this.#caughtUp();
    const { records, unreadable, gaps, polls, throttled, backlogRecords, lastError } = this.#counts;
    return {
      kind: this.#kind,
      stopReason: this.#stopReason,
      caughtUpAtMs,
      lagMs: Math.max(0, this.#settings.clock.nowMs() - caughtUpAtMs),
      shardsOpen: this.#following?.shards ?? 0,
      records,
      unreadable,
      gaps,
      polls,
      throttled,
      backlogRecords,
      pollsPerMonth: this.#counts.pollsPerMonth(),
      lastError,
    };
  }

  /** What the present following has reached; between two of them, what the last one had. */
  #caughtUp(): number {
    if (this.#kind === "following" && this.#following !== undefined) {
      this.#caughtUpAtMs = this.#following.caughtUpAtMs;
    }
    return this.#caughtUpAtMs;
  }

  async #run(): Promise<void> {
    const { backoffMsMax: capMs, pollMs: baseMs, random, sleep, clock } = this.#settings;
    let reason: GapReason = "start";
    let gapsInRow = 0;
    let resumption = this.#checkpoint && (await this.#load(this.#checkpoint));
    while (!this.#stop.signal.aborted) {
      const beganAtMs = clock.nowMs();
      const outcome = await this.#follow(reason, resumption);
      if (outcome === undefined) return;
      if (outcome.kind === "stop") {
        const neverFollowed = reason === "start" && resumption === undefined && !this.#hasFollowed();
        return this.#end(outcome.reason, neverFollowed);
      }
      resumption = undefined;
      // A gap before the flush of the last one leaves that one's reason standing.
      reason = outcome.reason;
      gapsInRow = clock.nowMs() - beganAtMs < capMs ? gapsInRow + 1 : 0;
      if (gapsInRow > 1)
        await sleep(fullJitterMs(gapsInRow - 1, { baseMs, capMs, random }), this.#stop.signal);
    }
  }

  /** One following, from new iterators to its end. Undefined: stop() was called. */
  async #follow(reason: GapReason, resumption: Resumption | undefined): Promise<Outcome | undefined> {
    const checkpoint = this.#checkpoint;
    if (resumption !== undefined) checkpoint?.resume(resumption);
    else if (checkpoint !== undefined) await checkpoint.begin();
    if (this.#stop.signal.aborted) return undefined;
    const following = new StreamFollowing(this.#settings, this.#api, this.#counts, checkpoint);
    this.#following = following;
    await following.stand(resumption);
    const covered =
      following.outcome === undefined && (resumption !== undefined || (await this.#flush(reason)));
    if (covered) {
      if (this.#stop.signal.aborted) return undefined;
      this.#kind = "following";
      this.#settled.resolve();
      await following.follow();
    }
    this.#caughtUp();
    this.#kind = "starting";
    this.#counts.backlogRecords = 0;
    return following.outcome;
  }

  /** What another reader has left. Undefined: nothing that could be relied on. */
  async #load(checkpoint: StreamCheckpoint): Promise<Resumption | undefined> {
    const { pollMs: baseMs, backoffMsMax: capMs, random, sleep } = this.#settings;
    for (let failures = 1; failures <= LOADS_MAX && !this.#stop.signal.aborted; failures++) {
      try {
        return await checkpoint.load();
      } catch (error) {
        this.#counts.lastError = error instanceof Error ? error.message : String(error);
        await sleep(fullJitterMs(failures, { baseMs, capMs, random }), this.#stop.signal);
      }
    }
    return undefined;
  }

  #hasFollowed(): boolean {
    return this.#caughtUpAtMs > Number.NEGATIVE_INFINITY;
  }

  /** False if stop() came first. */
  async #flush(reason: GapReason): Promise<boolean> {
    const { sink, recorder, pollMs: baseMs, backoffMsMax: capMs, random, sleep } = this.#settings;
    for (let failures = 1; !this.#stop.signal.aborted; failures++) {
      try {
        await sink.flush(reason);
        if (reason !== "start") {
          this.#counts.gaps += 1;
          recorder.gap?.(reason);
        }
        return true;
      } catch (error) {
        this.#counts.lastError = error instanceof Error ? error.message : String(error);
        await sleep(fullJitterMs(failures, { baseMs, capMs, random }), this.#stop.signal);
      }
    }
    return false;
  }

  /** The stream gives nothing more: what is cached is no longer covered by it. */
  async #end(reason: GapReason, neverFollowed: boolean): Promise<void> {
    if (this.#checkpoint !== undefined) await this.#checkpoint.begin();
    if (!neverFollowed) await this.#flush(reason);
    if (this.#stop.signal.aborted) return;
    this.#conclude(reason);
    this.#settings.recorder.stopped?.(reason);
  }

  #conclude(reason: GapReason | "stopped"): void {
    this.#kind = "stopped";
    this.#stopReason ??= reason;
    this.#settled.resolve();
  }
}
