/**
 * The freshness gate of followed tables: how old a hit may be, given when its change source was last caught up. It
 * covers a stalled stream, a partition and a paused process: what is compared at serve time is a past moment, which
 * a pause only makes older. Recovery needs no flush.
 */

import type { Clock } from "../util/clock.ts";

export interface FreshnessOptions {
  readonly clock: Clock;
  /** How old the last sign of life may be. */
  readonly freshWithinMs: number;
  /** How old a hit may be when it is older; 0 = pass through. */
  readonly degradedMaxAgeMs: number;
  /** Lag beyond which the table is passed through; 0 = no bound. */
  readonly lagMsMax: number;
  /** Whether a table that is not followed is passed through. */
  readonly required: boolean;
}

/** What the gate knows of one table. Undefined = not followed. */
export interface SourceSign {
  /** Everything that happened before this moment of the clock has been applied. */
  readonly caughtUpAtMs: number;
}

export class Freshness {
  readonly #options: FreshnessOptions;
  readonly #signs = new Map<string, SourceSign>();

  constructor(options: FreshnessOptions) {
    this.#options = options;
  }

  /** The oldest hit that this table may be answered with; 0 = it passes. Called on every read: one subtraction. */
  ageMsMax(tableId: string): number {
    const { clock, freshWithinMs, degradedMaxAgeMs, lagMsMax, required } = this.#options;
    const sign = this.#signs.get(tableId);
    if (sign === undefined) return required ? 0 : Number.POSITIVE_INFINITY;
    const silentMs = clock.nowMs() - sign.caughtUpAtMs;
    if (lagMsMax > 0 && silentMs > lagMsMax) return 0;
    return silentMs > freshWithinMs ? degradedMaxAgeMs : Number.POSITIVE_INFINITY;
  }

  /** Milliseconds since the table's source was caught up; undefined = not followed. */
  lagMs(tableId: string): number | undefined {
    const sign = this.#signs.get(tableId);
    return sign && Math.max(0, this.#options.clock.nowMs() - sign.caughtUpAtMs);
  }

  /** A sign of life; undefined = the table is not followed any more. */
  set(tableId: string, sign: SourceSign | undefined): void {
    if (sign === undefined) this.#signs.delete(tableId);
    else this.#signs.set(tableId, sign);
  }
}
