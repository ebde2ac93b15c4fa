/**
 * Changes on their way to the other nodes: new tokens in Redis, then a message in the log. What is not acknowledged in
 * time is kept and sent again, and until then this process reads nothing from Redis.
 *
 * The order is the caller's to keep: Redis, then the own clock, then the reply. The own clock first would be wrong: 1 this
 * node's clock moves · 2 a read takes the old entry from Redis under the new stamp · 3 the tokens change; nobody moves
 * this node's clock again.
 */

import type { Changed, SharedStore, TagState } from "../redis/shared-store.ts";
import type { Clock } from "../util/clock.ts";
import type { Births } from "./births.ts";
import { hashOf } from "./coherence.ts";
import { type OpenMark, OpenMarks } from "./open-marks.ts";
import { encodePeerMessage, type InvalidationMessage } from "./peer-message.ts";
import type { RedisBarrier } from "./redis-barrier.ts";
import type { KnownImage, Tag } from "./tier.ts";
import { Unacknowledged } from "./unacknowledged.ts";

export interface RedisChangesOptions {
  readonly store: SharedStore;
  readonly clock: Clock;
  readonly barrier: RedisBarrier;
  readonly births: Births;
  /** Names this process in the log; no other has this name. */
  readonly sender: string;
  /** Names this thread among the process' writers. */
  readonly thread: number;
  readonly everything: Tag;
  readonly queuedTagsMax: number;
  /** Between two attempts to send again what was not acknowledged. */
  readonly retryMs: number;
}

/** What became of a change. `changed` is undefined where Redis has not acknowledged it. */
export interface Receipt {
  readonly tags: readonly Tag[];
  readonly changed: Changed | undefined;
}

export interface ChangeWish {
  readonly tags: readonly Tag[];
  readonly pendingForMs: number;
  /** The writer whose marks it ends; undefined = it has none. */
  readonly writer?: string | undefined;
  readonly image?: KnownImage | undefined;
}

/** So many tags go into one change and one message. */
const batchTagsMax = 1000;

export class RedisChanges {
  readonly counts = { acknowledged: 0, unacknowledged: 0 };
  readonly #options: RedisChangesOptions;
  readonly #queue: Unacknowledged;
  readonly #landing: OpenMarks;
  #writers = 0;
  #draining: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: RedisChangesOptions) {
    this.#options = options;
    const { queuedTagsMax: tagsMax, everything, barrier } = options;
    this.#landing = new OpenMarks(tagsMax, everything);
    this.#queue = new Unacknowledged({
      tagsMax,
      everything,
      onChange: (isEmpty) => (isEmpty ? barrier.lower() : barrier.raise()),
    });
  }

  /** Tags that Redis has yet to be told of, and how often there were too many. */
  get queued(): { readonly tags: number; readonly overflows: number } {
    return { tags: this.#queue.size, overflows: this.#queue.overflows };
  }

  /** A name that no other writer has or had. */
  newWriter(): string {
    this.#writers += 1;
    const { sender, thread } = this.#options;
    return `${sender}.${thread}.${this.#writers.toString(36)}`;
  }

  /** What the log is told of a change. */
  message(tags: readonly Tag[], pendingForMs: number, image?: InvalidationMessage["image"]): Uint8Array {
    return encodePeerMessage({
      kind: "invalidation",
      sender: this.#options.sender,
      tagHashes: tags.map(hashOf),
      pendingForMs,
      image,
    });
  }

  /** Changes of unknown outcome that may still land: their marks, in case that Redis loses them. */
  get landing(): readonly OpenMark[] {
    return this.#landing.list(this.#options.clock.nowMs());
  }

  /** Never rejects: what Redis does not take now, it is told later. */
  async send(wish: ChangeWish): Promise<Receipt> {
    const tags = [...new Set(wish.tags)];
    if (tags.length === 0) return { tags, changed: { tags: [], confirmed: false } };
    const { clock } = this.#options;
    const untilMs = wish.pendingForMs > 0 ? clock.nowMs() + wish.pendingForMs : 0;
    try {
      const changed = await this.#tell({ ...wish, tags }, untilMs);
      this.counts.acknowledged += 1;
      return { tags, changed };
    } catch {
      this.counts.unacknowledged += 1;
      this.#queue.add(tags, untilMs);
      this.#retryLater();
      return { tags, changed: undefined };
    }
  }

  /** Sends everything that waits. Rejects where Redis does not take it. */
  drain(): Promise<void> {
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
    });
    return this.#draining;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
  }

  async #drain(): Promise<void> {
    for (let batch = this.#queue.take(batchTagsMax); batch; batch = this.#queue.take(batchTagsMax)) {
      const { tags, untilMs } = batch;
      const pendingForMs = Math.max(0, untilMs - this.#options.clock.nowMs());
      try {
        await this.#tell({ tags, pendingForMs }, pendingForMs > 0 ? untilMs : 0);
      } catch (error) {
        this.#queue.add(tags, untilMs);
        throw error;
      }
    }
    this.#queue.settle();
  }

  /** One change that is slow does not take Redis down; then nobody else would send again what it was to say. */
  #retryLater(): void {
    if (this.#closed || this.#retry !== undefined) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      if (this.#closed || this.#queue.size === 0) return;
      this.drain().catch(() => this.#retryLater());
    }, this.#options.retryMs);
    this.#retry.unref?.();
  }

  /** Rejects where the servers that were told are not those that the process means by now. */
  async #tell(wish: ChangeWish, untilMs: number): Promise<Changed> {
    const { store, barrier } = this.#options;
    const writer = wish.writer ?? this.newWriter();
    if (untilMs > 0) this.#landing.add(writer, wish.tags, untilMs);
    const changed = await this.#change({ ...wish, writer }, untilMs);
    if (!barrier.means(store.identity)) throw new Error("another thread is in contact with other servers");
    return changed;
  }

  #change(wish: ChangeWish & { readonly writer: string }, untilMs: number): Promise<Changed> {
    const { store, clock, births } = this.#options;
    const { tags, pendingForMs, image } = wish;
    const nowMs = clock.nowMs();
    const hash = image?.hash() ?? "";
    const known = hash === "" ? undefined : image;
    const told = known && { key: known.key, tagHashes: known.tags.map(hashOf), hash };
    const message = this.message(tags, pendingForMs, told);
    const [first] = tags;
    return store.change({
      tags,
      changedAtMs: store.clock.latestMs(nowMs),
      writer: wish.writer,
      pendingUntilMs: untilMs > 0 ? store.clock.latestMs(untilMs) : 0,
      bornAtMs: births.nowMs(),
      // The store compares with the first tag's token: it has to be the item's.
      confirm:
        known === undefined || first === undefined || first !== known.tags[0]
          ? undefined
          : { name: { key: known.key, tag: first }, imageHash: hash },
      message,
    });
  }
}

/** Whether somebody else may be changing one of these tags. */
export function isMarked(states: readonly Pick<TagState, "marks">[], own?: string): boolean {
  return states.some(({ marks }) => [...marks.keys()].some((writer) => writer !== own));
}
