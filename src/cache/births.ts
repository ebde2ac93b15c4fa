/**
 * When tags were created in Redis, where it removes what nobody told it to remove: there an absent tag may have had a mark.
 *
 * 1 a node marks a tag, sends its write and dies · 2 Redis evicts the tag with its mark · 3 another node creates the tag anew
 * and reads the old item · 4 the write lands, and nobody is left to tell. So what is read under a young tag, one under
 * which a write announced before its birth may still land, is trusted for a short time only.
 */

import type { SharedStore, TagState } from "../redis/shared-store.ts";
import type { Clock } from "../util/clock.ts";
import type { WriteGuard } from "./tier.ts";

export interface BirthsOptions {
  readonly store: SharedStore;
  readonly clock: Clock;
  readonly guard: WriteGuard;
  /** As in TieredCacheOptions. */
  readonly landsWithinMs: number;
}

export interface Sending {
  /** Whether writes to it are marked, because nobody else would tell of them (LookupOptions). */
  readonly guarded: boolean;
  /** When the read, or the write that gave the answer, was sent. */
  readonly sentAtMs: number;
  /** How long such an answer may not show a write that has landed. */
  readonly lagMs: number;
}

export class Births {
  readonly #options: BirthsOptions;

  constructor(options: BirthsOptions) {
    this.#options = options;
  }

  /** When a tag was born that is created now, in reference time; 0 = what is absent was never marked. */
  nowMs(): number {
    const { store, clock } = this.#options;
    return store.mayEvict ? store.clock.latestMs(clock.nowMs()) : 0;
  }

  /** Whether an answer that depends on these tags may lack a write whose mark is gone. */
  mayHideWrites(tags: readonly Pick<TagState, "bornAtMs">[], { guarded, sentAtMs, lagMs }: Sending): boolean {
    const { store, guard, landsWithinMs } = this.#options;
    if (!guarded || guard === "after") return false;
    const since = store.clock.earliestMs(sentAtMs) - lagMs - landsWithinMs;
    return tags.some(({ bornAtMs }) => bornAtMs !== 0 && bornAtMs > since);
  }
}
