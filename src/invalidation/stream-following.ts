// One unbroken following of a stream: from new iterators to a gap, the stream's end, or stop(). It keeps the
// shards' readers; who drives it is stream-follower.ts, who looks for the next generation is shard-heirs.ts.

import type { GapReason } from "./change-source.ts";
import { DueQueue } from "./due-queue.ts";
import { ShardHeirs } from "./shard-heirs.ts";
import { byParent, ShardLineage } from "./shard-lineage.ts";
import { type ReaderContext, ShardReader } from "./shard-reader.ts";
import type { Shard, StreamApi } from "./stream-api.ts";
import type { StreamCounts } from "./stream-counts.ts";
import { isOver, type Outcome, StreamLister } from "./stream-lister.ts";
import type { StreamSettings } from "./stream-settings.ts";

/** With more shards than this the slowest is not sought anew on every question. */
const fewShards = 64;
const slowestForMs = 50;

export class StreamFollowing {
  readonly #settings: StreamSettings;
  readonly #context: ReaderContext;
  readonly #end = new AbortController();
  readonly #lister: StreamLister;
  readonly #lineage: ShardLineage;
  readonly #heirs: ShardHeirs;
  readonly #readers: DueQueue<ShardReader>;
  /** All whose progress counts: being read, or at their end with children still to be found. */
  readonly #front = new Set<ShardReader>();
  #stands = false;
  #outcome: Outcome | undefined;
  #caughtUpAtMs = Number.NEGATIVE_INFINITY;
  #soughtAtMs = Number.NEGATIVE_INFINITY;

  constructor(settings: StreamSettings, api: StreamApi, counts: StreamCounts) {
    const { clock, sleep, pollersMax: handsMax, shardsMax } = settings;
    this.#settings = settings;
    this.#context = { settings, api, counts, signal: this.#end.signal };
    this.#lister = new StreamLister(this.#context);
    this.#lineage = new ShardLineage(shardsMax);
    const perform = (reader: ShardReader): Promise<void> => this.#guarded(() => this.#advance(reader));
    this.#readers = new DueQueue({ handsMax, clock, sleep, perform });
    this.#heirs = new ShardHeirs({
      settings,
      lister: this.#lister,
      lineage: this.#lineage,
      guarded: (work) => this.#guarded(work),
      adopt: (shard, parent) => this.#adopt(shard, parent),
      release: (reader) => this.#release(reader),
      reading: () => this.#front.size - this.#heirs.waiting,
      slowest: () => this.#slowest(),
      finish: (outcome) => this.#finish(outcome),
    });
  }

  /** Undefined while it goes on, and after abort(). */
  get outcome(): Outcome | undefined {
    return this.#outcome;
  }

  get shards(): number {
    return this.#front.size;
  }

  /** The slowest shard's, up to 50 ms old where there are many: it only ever rises. */
  get caughtUpAtMs(): number {
    const nowMs = this.#settings.clock.nowMs();
    if (this.#front.size > fewShards && nowMs - this.#soughtAtMs < slowestForMs) return this.#caughtUpAtMs;
    this.#soughtAtMs = nowMs;
    this.#caughtUpAtMs = this.#slowest()?.caughtUpAtMs ?? this.#caughtUpAtMs;
    return this.#caughtUpAtMs;
  }

  /** Ends everything. stand() and follow() return once nothing of them runs any more. */
  abort(): void {
    this.#end.abort();
  }

  /**
   * Waits until the stream is there and gets an iterator for every open shard. Look at outcome afterwards.
   */
  async stand(): Promise<void> {
    await this.#guarded(async () => {
      const shards = await this.#shardsAtStart();
      for (const shard of shards) this.#begin(new ShardReader(shard.shardId, "LATEST", this.#context));
      await this.#readers.drain(this.#end.signal);
    });
    this.#stands = true;
  }

  /**
   * Reads until there is an outcome or abort(). Only after a flush: what was written before it is not read.
   */
  async follow(): Promise<void> {
    const nowMs = this.#settings.clock.nowMs();
    for (const reader of this.#front) this.#readers.push(reader, nowMs);
    const { signal } = this.#end;
    await Promise.all([this.#readers.run(signal), this.#heirs.run(signal)]);
  }

  /** The open shards; and closed ones whose children are not listed yet, which their end will lead us to. */
  async #shardsAtStart(): Promise<Shard[]> {
    const { sleep, idlePollMs, shardsMax } = this.#settings;
    while (!this.#end.signal.aborted) {
      const listing = await this.#lister.whole();
      if (listing === undefined) break;
      if (typeof listing === "string") return this.#refuse(listing);
      const { status, tree } = listing;
      if (isOver(status)) return this.#refuse("stream disabled");
      const shards = [...tree.values()];
      if (status === "ENABLED" && shards.some(({ open }) => open)) {
        const families = byParent(tree);
        const current = shards.filter(({ open, shardId }) => open || !families.has(shardId));
        if (current.length > shardsMax) return this.#refuse("too many shards");
        for (const { shardId } of shards) this.#lineage.pass(shardId);
        return current;
      }
      await sleep(idlePollMs, this.#end.signal);
    }
    return [];
  }

  #refuse(reason: GapReason): Shard[] {
    this.#finish({ kind: "stop", reason });
    return [];
  }

  async #advance(reader: ShardReader): Promise<void> {
    const step = this.#stands ? await reader.step() : await reader.stand();
    if (step === undefined || this.#end.signal.aborted) return;
    if (step.kind === "gap") this.#finish(step);
    else if (step.kind === "ended") this.#heirs.ended(reader);
    else this.#readers.push(reader, this.#settings.clock.nowMs() + step.delayMs);
  }

  /** A shard that nobody reads yet: from its beginning, with its parent's progress. */
  #adopt(shard: Shard, parent: ShardReader | undefined): void {
    if (this.#lineage.isKnown(shard.shardId)) return;
    if (this.#lineage.size >= this.#settings.shardsMax) {
      this.#finish({ kind: "stop", reason: "too many shards" });
      return;
    }
    this.#begin(new ShardReader(shard.shardId, "TRIM_HORIZON", this.#context, parent));
  }

  #begin(reader: ShardReader): void {
    this.#lineage.begin(reader.shardId);
    this.#front.add(reader);
    this.#readers.push(reader, this.#settings.clock.nowMs());
  }

  #release(reader: ShardReader): void {
    this.#lineage.pass(reader.shardId);
    this.#front.delete(reader);
  }

  #slowest(): ShardReader | undefined {
    let slowest: ShardReader | undefined;
    for (const reader of this.#front) {
      if (slowest === undefined || reader.caughtUpAtMs < slowest.caughtUpAtMs) slowest = reader;
    }
    return slowest;
  }

  /** A bug must not end the process, nor leave a shard unread without anybody knowing. */
  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#context.counts.lastError =
        error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      this.#finish({ kind: "gap", reason: "internal error" });
    }
  }

  #finish(outcome: Outcome): void {
    if (this.#end.signal.aborted) return;
    this.#outcome = outcome;
    this.#end.abort();
  }
}
