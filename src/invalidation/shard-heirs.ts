// From a shard that was read to its end to the shards that continue it.
//
//   ended ─→ asked for by filter, or among all shards ─┬─ two children: both are read, the parent is done
//              ↑ a little later, at most so often      ├─ one: it is read; looked once more for a second
//              └───────────────────────────────────────┴─ none: in the end, all shards are looked through
//
// A parent that waits holds caughtUpAt where its own reading left it: its children may hold what came since.

import { DueQueue } from "./due-queue.ts";
import { byParent, type ShardLineage, type ShardTree } from "./shard-lineage.ts";
import type { ShardReader } from "./shard-reader.ts";
import type { Shard } from "./stream-api.ts";
import { isOver, type Listing, type Outcome, type StreamLister } from "./stream-lister.ts";
import type { StreamSettings } from "./stream-settings.ts";

export interface ShardHeirsOptions {
  readonly settings: StreamSettings;
  readonly lister: StreamLister;
  readonly lineage: ShardLineage;
  /** Turns an error into the following's outcome. */
  readonly guarded: (work: () => Promise<void>) => Promise<void>;
  /** Begins to read a shard, unless that is done already. */
  readonly adopt: (shard: Shard, parent: ShardReader | undefined) => void;
  /** The children are taken over, or there are none: the shard's progress no longer counts. */
  readonly release: (reader: ShardReader) => void;
  /** How many shards are being read. */
  readonly reading: () => number;
  readonly slowest: () => ShardReader | undefined;
  readonly finish: (outcome: Outcome) => void;
}

interface Ended {
  readonly reader: ShardReader;
  /** Looks that found no child. */
  tries: number;
  /** One child was found: a second may be listed a little later than the first. */
  hasChild: boolean;
  dueAtMs: number;
}

export class ShardHeirs {
  readonly #options: ShardHeirsOptions;
  readonly #waiting = new Set<Ended>();
  readonly #looks: DueQueue<Ended | "audit">;
  /** Until the next look through all shards for one that nobody knows. */
  #auditPauseMs: number;

  constructor(options: ShardHeirsOptions) {
    const { clock, sleep, pollMs, auditMs } = options.settings;
    // Close behind one another at first: 1 a shard is split, one of its children is listed · 2 the following begins, with that
    // child · 3 the other one is listed, and nobody reads their parent, whose end would lead to it.
    this.#auditPauseMs = Math.min(2 * pollMs, auditMs);
    this.#options = options;
    // One at a time, and not by the readers' hands: looking for children must not keep anyone from reading.
    const perform = (work: Ended | "audit"): Promise<void> => options.guarded(() => this.#look(work));
    this.#looks = new DueQueue({ handsMax: 1, clock, sleep, perform });
  }

  /** Shards that were read to their end and are not yet released. */
  get waiting(): number {
    return this.#waiting.size;
  }

  ended(reader: ShardReader): void {
    const ended = { reader, tries: 0, hasChild: false, dueAtMs: this.#options.settings.clock.nowMs() };
    this.#waiting.add(ended);
    this.#looks.push(ended, ended.dueAtMs);
  }

  run(signal: AbortSignal): Promise<void> {
    this.#auditLater();
    return this.#looks.run(signal);
  }

  #auditLater(): void {
    const { clock, auditMs } = this.#options.settings;
    this.#looks.push("audit", clock.nowMs() + this.#auditPauseMs);
    this.#auditPauseMs = Math.min(2 * this.#auditPauseMs, auditMs);
  }

  async #look(work: Ended | "audit"): Promise<void> {
    const { settings, lister } = this.#options;
    const nowMs = settings.clock.nowMs();
    if (work === "audit") {
      await this.#lookThroughAll();
      this.#auditLater();
      return;
    }
    // Done by a look through all, or put off by one.
    if (!this.#waiting.has(work) || work.dueAtMs > nowMs) return;
    if (lister.filters && work.tries < settings.childTriesMax && !this.#manyAreDue(nowMs)) {
      const found = await lister.children(work.reader.shardId);
      if (found !== undefined && !isOver(found.status)) return this.#resolve(work, found.shards);
    }
    await this.#lookThroughAll();
  }

  /** Once each page of the whole listing would serve more than one shard, it is the cheaper way. */
  #manyAreDue(nowMs: number): boolean {
    let due = 0;
    for (const { dueAtMs } of this.#waiting) if (dueAtMs <= nowMs) due += 1;
    return due > this.#options.lister.pages;
  }

  async #lookThroughAll(): Promise<void> {
    const { lister, lineage, adopt, slowest, finish } = this.#options;
    // Who ends while the listing is on its way is not judged by it.
    const judged = [...this.#waiting];
    const listing = await lister.whole();
    if (listing === undefined) return;
    if (typeof listing === "string") return finish({ kind: "stop", reason: listing });
    const families = byParent(listing.tree);
    for (const ended of judged) this.#resolve(ended, families.get(ended.reader.shardId) ?? []);
    const { eldest, orphaned } = lineage.unseen(listing.tree);
    if (orphaned) return finish({ kind: "gap", reason: "unknown lineage" });
    for (const shard of eldest) adopt(shard, slowest());
    this.#judge(judged, listing);
  }

  #resolve(ended: Ended, children: readonly Shard[]): void {
    const { settings, adopt } = this.#options;
    const { pollMs, idlePollMs, clock } = settings;
    for (const child of children) adopt(child, ended.reader);
    if (children.length > 1 || ended.hasChild) {
      this.#release(ended);
      return;
    }
    if (children.length === 1) ended.hasChild = true;
    else ended.tries += 1;
    const pauseMs = ended.hasChild ? 2 * pollMs : Math.min(idlePollMs, pollMs * 2 ** (ended.tries - 1));
    ended.dueAtMs = clock.nowMs() + pauseMs;
    this.#looks.push(ended, ended.dueAtMs);
  }

  /** What becomes of those who have no children even after the last look. */
  #judge(judged: readonly Ended[], { status, tree }: Listing): void {
    const { settings, reading, finish } = this.#options;
    const childless = judged.filter((ended) => this.#waiting.has(ended) && !ended.hasChild);
    if (hasOpen(tree)) {
      // Its range is now another's: a merged shard names only one of its parents.
      for (const ended of childless) if (ended.tries >= settings.childTriesMax) this.#release(ended);
      return;
    }
    if (childless.length === 0 || reading() > 0 || judged.length < this.#waiting.size) return;
    const patience = isOver(status) ? 1 : 2 * settings.childTriesMax;
    if (childless.every(({ tries }) => tries >= patience))
      finish({ kind: "stop", reason: "stream disabled" });
  }

  #release(ended: Ended): void {
    this.#waiting.delete(ended);
    this.#options.release(ended.reader);
  }
}

function hasOpen(tree: ShardTree): boolean {
  for (const { open } of tree.values()) if (open) return true;
  return false;
}
