/** Entries on their way to Redis: off the reply's path, and no more of them than a bound in bytes. */

import type { SharedStore } from "../redis/shared-store.ts";
import type { Clock } from "../util/clock.ts";
import { encodeEntry } from "./redis-entry.ts";
import type { CacheEntry, CacheKey, Tag } from "./tier.ts";

export interface RedisFillsOptions {
  readonly store: SharedStore;
  readonly clock: Clock;
  /** Larger answers are not sent. */
  readonly entryBytesMax: number;
  /** Of all that is on its way; beyond it an entry is dropped. */
  readonly fillBytesMax: number;
  readonly compressBytesMin: number;
  /** Share of its lifetime by which an entry's expiry is shortened at random, so that not all expire at once. */
  readonly jitter: number;
  /** From 0 to 1. */
  readonly random: () => number;
  /** "" where the entry is not an item. */
  readonly imageHash: (key: CacheKey, entry: CacheEntry) => string;
}

export interface RedisFillCounts {
  stored: number;
  failed: number;
  /** Dropped, because too much was on its way. */
  dropped: number;
  tooLarge: number;
}

export class RedisFills {
  readonly counts: RedisFillCounts = { stored: 0, failed: 0, dropped: 0, tooLarge: 0 };
  readonly #options: RedisFillsOptions;
  #bytes = 0;

  constructor(options: RedisFillsOptions) {
    this.#options = options;
  }

  /** Bytes on their way. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Sends an entry that was read under these tokens. Where they are old by now, it is born dead: nobody has to look.
   */
  offer(
    key: CacheKey,
    tags: readonly Tag[],
    tokens: readonly string[],
    entry: CacheEntry,
    keepMs: number,
  ): void {
    const { clock, entryBytesMax, fillBytesMax } = this.#options;
    const size = entry.body.byteLength;
    const leftMs = keepMs - (clock.nowMs() - entry.readAtMs);
    if (leftMs < 1) return;
    if (size > entryBytesMax) this.counts.tooLarge += 1;
    else if (this.#bytes + size > fillBytesMax) this.counts.dropped += 1;
    else {
      this.#bytes += size;
      void this.#send(key, tags, tokens, entry, leftMs).finally(() => {
        this.#bytes -= size;
      });
    }
  }

  async #send(
    key: CacheKey,
    tags: readonly Tag[],
    tokens: readonly string[],
    entry: CacheEntry,
    leftMs: number,
  ): Promise<void> {
    const { store, jitter, random, imageHash, compressBytesMin } = this.#options;
    const { body, crc32, units, negative } = entry;
    const readAtMs = store.clock.earliestMs(entry.readAtMs);
    const far = { tokens, readAtMs, units, negative, crc32, body, imageHash: imageHash(key, entry) };
    try {
      const value = await encodeEntry(far, compressBytesMin);
      const expireMs = Math.max(1, Math.round(leftMs * (1 - jitter * random())));
      await store.put({ key, tag: tags[0] ?? key }, value, expireMs);
      this.counts.stored += 1;
    } catch {
      // A cache failure is a miss for somebody later, and no more.
      this.counts.failed += 1;
    }
  }
}
