/** The freshness gate where followers and readers are in different threads: signs of life go to the readers by message. */

import { Freshness, type FreshnessOptions, type SourceSign } from "../invalidation/freshness.ts";
import type { Sign } from "./messages.ts";

/**
 * Every sign is posted after whatever was applied when it was given: it vouches for that, and a follower applies a record
 * to the shared versions before its source says that it is caught up. A worker that has not read the message yet has
 * an older sign, which promises less.
 */
export class PostedFreshness extends Freshness {
  readonly #signs = new Map<string, SourceSign>();
  readonly #post: (signs: readonly Sign[], busCaughtUpAtMs: number) => void;
  #busAtMs = Number.NEGATIVE_INFINITY;
  #isSending = false;
  #waiting = new Map<string, SourceSign | undefined>();

  /** @param post told which signs are new, and up to when this process has heard the others (−Infinity = it has not) */
  constructor(options: FreshnessOptions, post: (signs: readonly Sign[], busCaughtUpAtMs: number) => void) {
    super(options);
    this.#post = post;
  }

  /** For a worker that is about to start. */
  get signs(): readonly Sign[] {
    return [...this.#signs];
  }

  override set(tableId: string, sign: SourceSign | undefined): void {
    super.set(tableId, sign);
    if (sign !== undefined) this.#signs.set(tableId, sign);
    else if (!this.#signs.delete(tableId)) return;
    this.#waiting.set(tableId, sign);
    this.#sendSoon();
  }

  override setBus(caughtUpAtMs: number): void {
    super.setBus(caughtUpAtMs);
    this.#busAtMs = Math.max(this.#busAtMs, caughtUpAtMs);
    this.#sendSoon();
  }

  /** One message for all that a tick says. */
  #sendSoon(): void {
    if (this.#isSending) return;
    this.#isSending = true;
    setImmediate(() => {
      this.#isSending = false;
      const signs = [...this.#waiting];
      this.#waiting = new Map();
      this.#post(signs, this.#busAtMs);
    });
  }
}
