// One unbroken following of a stream: from new iterators to a gap, the stream's end, or stop(). It keeps the
// shards' readers; who drives it is stream-follower.ts, who looks for the next generation is shard-heirs.ts.

import type { GapReason } from "./change-source.ts";
import { DueQueue } from "./due-queue.ts";
import { ShardHeirs } from "./shard-heirs.ts";
import { byParent, ShardLineage } from "./shard-lineage.ts";
import { type ReaderContext, ShardReader, type ShardStart } from "./shard-reader.ts";
import type { Shard, StreamApi } from "./stream-api.ts";
import type { Resumption, StreamCheckpoint } from "./stream-checkpoint.ts";
import type { StreamCounts } from "./stream-counts.ts";
import { isOver, type Listing, type Outcome, StreamLister } from "./stream-lister.ts";
import { resumed } from "./stream-resumption.ts";
import type { StreamSettings } from "./stream-settings.ts";

/** With more shards than this the slowest is not sought anew on every question. */
const fewShards = 64;
const slowestForMs = 50;

export class StreamFollowing {
  readonly #settings: StreamSettings;
  readonly #checkpoint: StreamCheckpoint | undefined;
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

  /** @param checkpoint is told where every shard stands, and saved from time to time */
  constructor(settings: StreamSettings, api: StreamApi, counts: StreamCounts, checkpoint?: StreamCheckpoint) {
    const { clock, sleep, pollersMax: handsMax, shardsMax } = settings;
    this.#settings = settings;
    this.#checkpoint = checkpoint;
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
   * Waits until the stream is there and gets an iterator for every open shard, or for every shard where another reader
   * left off. Look at outcome afterwards.
   */
  async stand(resumption?: Resumption): Promise<void> {
    await this.#guarded(async () => {
      const starts = await this.#startsOf(resumption);
      for (const [shardId, start] of starts) this.#begin(new ShardReader(shardId, start, this.#context));
      await this.#readers.drain(this.#end.signal);
    });
    this.#stands = true;
  }

  /**
   * Reads until there is an outcome or abort(). Only after a flush, unless it was resumed: what was written before it is
   * not read.
   */
  async follow(): Promise<void> {
    const nowMs = this.#settings.clock.nowMs();
    for (const reader of this.#front) this.#readers.push(reader, nowMs);
    const { signal } = this.#end;
    await Promise.all([this.#readers.run(signal), this.#heirs.run(signal), this.#keepCheckpoint(signal)]);
    // For the next leader. After a gap there is nothing that it could rely on.
    if (this.#outcome === undefined) await this.#checkpoint?.save(this.caughtUpAtMs);
  }

  async #keepCheckpoint(signal: AbortSignal): Promise<void> {
    const { sleep, pollMs } = this.#settings;
    while (this.#checkpoint !== undefined && !signal.aborted) {
      await this.#checkpoint.save(this.caughtUpAtMs);
      await sleep(pollMs, signal);
    }
  }

  /** Once the stream is there. */
  async #startsOf(resumption: Resumption | undefined): Promise<ReadonlyMap<string, ShardStart>> {
    const { sleep, idlePollMs, shardsMax } = this.#settings;
    while (!this.#end.signal.aborted) {
      const listing = await this.#lister.whole();
      if (listing === undefined) break;
      if (typeof listing === "string") return this.#refuse(listing);
      if (isOver(listing.status)) return this.#refuse("stream disabled");
      const hasOpen = [...listing.tree.values()].some(({ open }) => open);
      if (listing.status === "ENABLED" && hasOpen) {
        const starts =
          resumption === undefined ? this.#latest(listing) : this.#resumedFrom(listing, resumption);
        return starts.size > shardsMax ? this.#refuse("too many shards") : starts;
      }
      await sleep(idlePollMs, this.#end.signal);
    }
    return new Map();
  }

  /** The open shards; and closed ones whose children are not listed yet, which their end will lead us to. */
  #latest({ tree }: Listing): ReadonlyMap<string, ShardStart> {
    const families = byParent(tree);
    const starts = new Map<string, ShardStart>();
    for (const { shardId, open, parentShardId } of tree.values()) {
      this.#lineage.pass(shardId);
      if (!open && families.has(shardId)) continue;
      starts.set(shardId, { type: "LATEST" });
      // A sibling that is listed later is read from its own beginning, not from its eldest ancestor's.
      if (parentShardId !== undefined && tree.has(parentShardId)) this.#checkpoint?.finished(parentShardId);
    }
    return starts;
  }

  #resumedFrom({ tree }: Listing, resumption: Resumption): ReadonlyMap<string, ShardStart> {
    const found = resumed(tree, resumption, this.#lineage);
    if (typeof found === "string") {
      this.#finish({ kind: "gap", reason: found });
      return new Map();
    }
    for (const shardId of found.unlisted) this.#checkpoint?.forget(shardId);
    return found.starts;
  }

  #refuse(reason: GapReason): ReadonlyMap<string, ShardStart> {
    this.#finish({ kind: "stop", reason });
    return new Map();
  }

  async #advance(reader: ShardReader): Promise<void> {
    const step = this.#stands ? await reader.step() : await reader.stand();
    if (this.#stands) this.#checkpoint?.reached(reader.shardId, reader.appliedSequenceNumber);
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
    const { caughtUpAtMs, readAtMs } = parent ?? {};
    const start = { type: "TRIM_HORIZON", caughtUpAtMs, readAtMs } as const;
    this.#begin(new ShardReader(shard.shardId, start, this.#context));
  }

  #begin(reader: ShardReader): void {
    this.#lineage.begin(reader.shardId);
    this.#checkpoint?.reached(reader.shardId, reader.appliedSequenceNumber);
    this.#front.add(reader);
    this.#readers.push(reader, this.#settings.clock.nowMs());
  }

  #release(reader: ShardReader): void {
    this.#lineage.pass(reader.shardId);
    this.#checkpoint?.finished(reader.shardId);
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
