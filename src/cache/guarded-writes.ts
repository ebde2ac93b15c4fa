/**
 * Leases of writes where other nodes read the same Redis. The pending guard: before a write is sent, everything that it may
 * change gets a mark with a new token; until the mark goes or ends, nobody stores what it may change, and reads are strong.
 * So a node that dies between DynamoDB's commit and its invalidation leaves nothing stale behind.
 */

import type { ChangedTag, SharedStore, TagState } from "../redis/shared-store.ts";
import type { Clock } from "../util/clock.ts";
import type { Births } from "./births.ts";
import { storeImage, type Trust, trustIn } from "./image-trust.ts";
import type { MemoryImageLease, MemoryTier } from "./memory-tier.ts";
import { type OpenMark, OpenMarks } from "./open-marks.ts";
import type { RedisBarrier } from "./redis-barrier.ts";
import { isMarked, type Receipt, type RedisChanges } from "./redis-changes.ts";
import type { RedisFills } from "./redis-fills.ts";
import {
  type CacheEntry,
  type CacheKey,
  type EntryRef,
  type FillOutcome,
  type Tag,
  type Write,
  type WriteGuard,
  type WriteLease,
  WriteNotGuarded,
} from "./tier.ts";

export interface GuardedWritesOptions {
  readonly store: SharedStore;
  readonly clock: Clock;
  readonly memory: MemoryTier;
  readonly changes: RedisChanges;
  readonly fills: RedisFills;
  readonly guard: WriteGuard;
  readonly births: Births;
  /** How old an answer may be for which Redis did not vouch. */
  readonly degradedMaxAgeMs: number;
  readonly barrier: RedisBarrier;
  /** The tag on which everything depends. */
  readonly everything: Tag;
  /** Bound of what open marks are remembered for. */
  readonly openTagsMax: number;
  /** A mark that took longer than this to place is placed anew: the write it announces must not outlive it. */
  readonly markAgeMsMax: number;
}

interface Mark {
  readonly writer: string;
  readonly tags: readonly Tag[];
  /** What each tag was given that nobody else is changing. */
  readonly tokens: ReadonlyMap<Tag, string>;
  /** Tags that are not marked, but that an image depends on, as they stood. */
  readonly others: ReadonlyMap<Tag, TagState | undefined>;
}

/** So often a mark that grew old is placed again before the guard is given up. */
const placingsMax = 3;

export class GuardedWrites {
  readonly counts = { placed: 0, failed: 0 };
  readonly #options: GuardedWritesOptions;
  /** Of the writes under way. */
  readonly #open: OpenMarks;

  constructor(options: GuardedWritesOptions) {
    this.#options = options;
    this.#open = new OpenMarks(options.openTagsMax, options.everything);
  }

  /** @throws WriteNotGuarded */
  async lease(write: Write): Promise<WriteLease> {
    // Before anything is awaited: what changes from here on is seen.
    const leases = new Map(
      write.images.map((ref) => [ref.key, this.#options.memory.imageLease(ref.key, ref.tags)]),
    );
    const mark = await this.#guard(write);
    return new GuardedWriteLease(this.#options, write, leases, mark, () =>
      this.#open.remove(mark?.writer ?? ""),
    );
  }

  /** Puts back the marks of all writes that may still land: Redis has lost them. Rejects where it cannot. */
  async restore(): Promise<void> {
    const { clock, changes } = this.#options;
    const marks = [...this.#open.list(clock.nowMs()), ...changes.landing];
    await Promise.all(marks.map((mark) => this.#mark(mark, [])));
  }

  /**
   * The marks, and then a message, so that the other nodes drop what they have in memory: 1 another node has the item ·
   * 2 this write is sent and committed · 3 this node dies: nobody would ever tell.
   */
  async #mark({ writer, tags, untilMs }: OpenMark, also: readonly Tag[]) {
    const { store, changes, barrier, births } = this.#options;
    // 1 a settling tag is evicted · 2 a mark makes it anew · 3 the write is refused: nobody else would know it settles.
    const placed = await store.mark(tags, writer, store.clock.latestMs(untilMs), also, births.nowMs());
    const message = changes.message(tags, 0);
    await store.change({ tags: [], changedAtMs: 0, writer, pendingUntilMs: 0, bornAtMs: 0, message });
    if (!barrier.means(store.identity)) throw new Error("another thread is in contact with other servers");
    return placed;
  }

  async #guard(write: Write): Promise<Mark | undefined> {
    const { guard, changes } = this.#options;
    if (guard === "after" || (guard === "auto" && !write.guarded)) return undefined;
    const writer = changes.newWriter();
    this.#open.add(writer, write.tags, write.landsUntilMs);
    try {
      const mark = await this.#place(write, writer);
      this.counts.placed += 1;
      return mark;
    } catch {
      this.counts.failed += 1;
      if (guard === "require") {
        this.#open.remove(writer);
        throw new WriteNotGuarded("The write was not sent: Redis cannot warn the other nodes of it.");
      }
      // A mark may stand all the same; it stays known, so that the outcome removes it.
      return { writer, tags: write.tags, tokens: new Map(), others: new Map() };
    }
  }

  async #place(write: Write, writer: string): Promise<Mark> {
    const { clock, markAgeMsMax } = this.#options;
    const { tags, landsUntilMs: untilMs, images } = write;
    const also = [...new Set(images.flatMap((image) => image.tags))].filter((tag) => !tags.includes(tag));
    for (let placings = 0; placings < placingsMax; placings += 1) {
      const sentAtMs = clock.nowMs();
      const placed = await this.#mark({ writer, tags, untilMs }, also);
      if (clock.nowMs() - sentAtMs > markAgeMsMax) continue;
      const tokens = new Map(tags.flatMap((tag, at) => ownToken(tag, placed.marked[at], writer)));
      const others = new Map(also.map((tag, at) => [tag, placed.also[at]]));
      return { writer, tags, tokens, others };
    }
    throw new Error("the mark grew old before the write could be sent");
  }
}

class GuardedWriteLease implements WriteLease {
  readonly #options: GuardedWritesOptions;
  readonly #write: Write;
  readonly #leases: ReadonlyMap<CacheKey, MemoryImageLease>;
  readonly #mark: Mark | undefined;
  readonly #close: () => void;
  #receipt: Receipt | undefined;

  constructor(
    options: GuardedWritesOptions,
    write: Write,
    leases: ReadonlyMap<CacheKey, MemoryImageLease>,
    mark: Mark | undefined,
    close: () => void,
  ) {
    this.#options = options;
    this.#write = write;
    this.#leases = leases;
    this.#mark = mark;
    this.#close = close;
  }

  async invalidate(tags: readonly Tag[], pendingForMs: number): Promise<void> {
    const { changes, memory } = this.#options;
    const writer = this.#mark?.writer;
    const receipt = await changes.send({ tags, pendingForMs, writer });
    this.#receipt = receipt;
    // The same tags as often: an image is stored only if exactly this has happened.
    memory.invalidate(receipt.tags, pendingForMs);
    this.#unmark(tags, pendingForMs);
    this.#close();
  }

  release(): void {
    this.#unmark([], 0);
    this.#close();
  }

  store(key: CacheKey, entry: CacheEntry): FillOutcome {
    const lease = this.#leases.get(key);
    const receipt = this.#receipt;
    const ref = this.#write.images.find((image) => image.key === key);
    if (lease === undefined || receipt === undefined || ref === undefined) return "stale_lease";
    const trust = this.#trust(ref, entry, receipt);
    const outcome = storeImage(lease, entry, receipt, trust, this.#options.degradedMaxAgeMs);
    const tokens = trust === "full" ? this.#tokensFor(ref, receipt) : undefined;
    if (tokens !== undefined && (outcome === "stored" || outcome === "too_large")) {
      this.#options.fills.offer(key, ref.tags, tokens, entry, this.#write.keepMs);
    }
    return outcome;
  }

  #trust(ref: EntryRef, entry: CacheEntry, receipt: Receipt): Trust {
    const { births } = this.#options;
    const absent = { bornAtMs: births.nowMs(), marks: new Map<string, number>() };
    const others = ref.tags
      .filter((tag) => !receipt.tags.includes(tag))
      .map((tag) => this.#mark?.others.get(tag) ?? absent);
    return trustIn(ref.tags, entry, receipt, { births, guarded: this.#write.guarded, others });
  }

  /**
   * The tokens under which the image may stand in Redis: those that our own change gave, if it replaced those that our
   * own mark gave; and for tags that the write does not change, those read before it was sent.
   */
  #tokensFor(ref: EntryRef, { tags, changed }: Receipt): string[] | undefined {
    const mark = this.#mark;
    if (mark === undefined || changed === undefined) return undefined;
    const tokens: string[] = [];
    for (const tag of ref.tags) {
      const at = tags.indexOf(tag);
      const other = mark.others.get(tag);
      const ours = at < 0 ? undefined : changed.tags[at];
      const token = ours === undefined ? settledToken(other) : tokenAfter(ours, mark.tokens.get(tag));
      if (token === undefined) return undefined;
      tokens.push(token);
    }
    return tokens;
  }

  /** Ends the marks that the change has not: on what the write might have changed and has not. */
  #unmark(changed: readonly Tag[], pendingForMs: number): void {
    if (this.#mark === undefined || pendingForMs > 0) return;
    const { tags, writer } = this.#mark;
    const rest = tags.filter((tag) => !changed.includes(tag));
    // If it is not heard, the marks end by themselves.
    if (rest.length > 0) this.#options.store.unmark(rest, writer).catch(() => {});
  }
}

/** The token that our mark gave, unless another writer's mark stands beside it: whose commit comes last cannot be told. */
function ownToken(tag: Tag, state: TagState | undefined, writer: string): [Tag, string][] {
  return state === undefined || isMarked([state], writer) ? [] : [[tag, state.token]];
}

/** The token of a tag that nobody is changing. */
function settledToken(state: TagState | undefined): string | undefined {
  return state === undefined || isMarked([state]) ? undefined : state.token;
}

/** The new token, if the change was the only one since the mark. */
function tokenAfter(
  { token, before, markedByOthers }: ChangedTag,
  marked: string | undefined,
): string | undefined {
  return markedByOthers || marked === undefined || before !== marked ? undefined : token;
}
