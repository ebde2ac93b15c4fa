/**
 * The freshness gate: how old a hit may be, given when its sources were last caught up. There are two: the table's
 * stream, where it is followed, and the log in which other nodes tell of their changes, where there are others. It
 * covers a stalled stream, a silent log, a partition, a demoted master and a paused process: what is compared at serve
 * time is a past moment, which a pause only makes older. Recovery needs no flush.
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
  /** Whether there are other nodes to hear of: then every table needs the log's signs. Default: no. */
  readonly bus?: boolean | undefined;
}

/** What the gate knows of one table. Undefined = not followed. */
export interface SourceSign {
  /** Everything that happened before this moment of the clock has been applied; −Infinity = nothing was heard yet. */
  readonly caughtUpAtMs: number;
}

export class Freshness {
  readonly #options: FreshnessOptions;
  readonly #signs = new Map<string, SourceSign>();
  #busCaughtUpAtMs: number;

  constructor(options: FreshnessOptions) {
    this.#options = options;
    this.#busCaughtUpAtMs = options.bus ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }

  /** The oldest hit that this table may be answered with; 0 = it passes. Called on every read: two subtractions. */
  ageMsMax(tableId: string): number {
    const { clock, freshWithinMs, degradedMaxAgeMs, lagMsMax, required } = this.#options;
    const nowMs = clock.nowMs();
    const busMs = nowMs - this.#busCaughtUpAtMs > freshWithinMs ? degradedMaxAgeMs : Number.POSITIVE_INFINITY;
    const sign = this.#signs.get(tableId);
    if (sign === undefined) return required ? 0 : busMs;
    if (required && sign.caughtUpAtMs === Number.NEGATIVE_INFINITY) return 0;
    const silentMs = nowMs - sign.caughtUpAtMs;
    if (lagMsMax > 0 && silentMs > lagMsMax) return 0;
    return silentMs > freshWithinMs ? degradedMaxAgeMs : busMs;
  }

  /** Milliseconds since the table's source was caught up; undefined = not followed. */
  lagMs(tableId: string): number | undefined {
    const sign = this.#signs.get(tableId);
    return sign && Math.max(0, this.#options.clock.nowMs() - sign.caughtUpAtMs);
  }

  /** Milliseconds since this node had all that others had told; Infinity before the first sign; undefined = no others. */
  busLagMs(): number | undefined {
    if (!this.#options.bus) return undefined;
    return Math.max(0, this.#options.clock.nowMs() - this.#busCaughtUpAtMs);
  }

  /** Whether the table's changes are being heard of, whoever makes them: others need no warning of our writes to it. */
  isFollowed(tableId: string): boolean {
    const { clock, freshWithinMs } = this.#options;
    const sign = this.#signs.get(tableId);
    return sign !== undefined && clock.nowMs() - sign.caughtUpAtMs <= freshWithinMs;
  }

  /** A sign of life; undefined = the table is not followed any more. */
  set(tableId: string, sign: SourceSign | undefined): void {
    if (sign === undefined) this.#signs.delete(tableId);
    else this.#signs.set(tableId, sign);
  }

  /** Everything that other nodes had told before this moment of the clock has been applied. Never goes back. */
  setBus(caughtUpAtMs: number): void {
    if (caughtUpAtMs > this.#busCaughtUpAtMs) this.#busCaughtUpAtMs = caughtUpAtMs;
  }
}
