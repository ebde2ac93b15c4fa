/**
 * THE RULE. An answer may be served, shared or stored only if nothing it depends on has been invalidated since
 * its upstream read began.
 *
 * Everything an answer depends on is a tag; a tag is hashed to one of a fixed number of slots; a slot has a version
 * that only grows. A *stamp* is the sum over the slots of an answer's tags: equal stamps mean that none moved. A
 * collision of two tags costs a miss, never a stale answer. Three places check: serve and store
 * (memory-tier.ts) and share (single-flight.ts).
 *
 * A slot also knows when its last change was over. Three states follow from that one number:
 * - in the future: a write with unknown outcome may still land; nothing may be stored (*pending*);
 * - less than a settle window ago: a lagging replica may still show the old state (*unsettled*);
 * - longer ago: settled.
 * The end of the pending time must count as one more change (a read that began before the write landed may not be
 * shared with one that begins after). It does so without a timer: a slot contributes twice its version to a
 * stamp, plus one unless it is pending. Becoming pending adds 2 − 1, its end adds 1: every event moves the sum up.
 */

import type { Clock } from "../util/clock.ts";
import type { Tag } from "./tier.ts";

export interface VersionClockOptions {
  readonly clock: Clock;
  /** A power of two. */
  readonly slots: number;
}

/** What one bump of one slot adds to a stamp. */
export const bumpStep = 2;

export class VersionClock {
  readonly #clock: Clock;
  readonly #mask: number;
  readonly #versions: Int32Array;
  /** When the slot's last change was over, in clock milliseconds; 0 = it never changed. */
  readonly #changedAtMs: Float64Array;

  /** When each open wait for an unknown outcome ends; as many as there are such writes in unknownOutcomeMs. */
  #pendingUntilMs: number[] = [];

  constructor(options: VersionClockOptions) {
    const { slots } = options;
    if (slots < 1 || (slots & (slots - 1)) !== 0)
      throw new RangeError(`slots must be a power of two, not ${slots}`);
    this.#clock = options.clock;
    this.#mask = slots - 1;
    this.#versions = new Int32Array(slots);
    this.#changedAtMs = new Float64Array(slots);
  }

  /** The state of everything these tags name. Take it before the upstream read begins. */
  stamp(tags: readonly Tag[]): number {
    const nowMs = this.#clock.nowMs();
    let sum = 0;
    for (const tag of tags) {
      const slot = hash(tag) & this.#mask;
      sum += bumpStep * this.#versions[slot]! + (this.#changedAtMs[slot]! > nowMs ? 0 : 1);
    }
    return sum;
  }

  /** True while a replica that lags up to `settleMs` may not show the last change of one of these tags. */
  unsettled(tags: readonly Tag[], settleMs: number): boolean {
    const since = this.#clock.nowMs() - settleMs;
    for (const tag of tags) {
      const changedAtMs = this.#changedAtMs[hash(tag) & this.#mask]!;
      if (changedAtMs > since && changedAtMs !== 0) return true;
    }
    return false;
  }

  /** True while a write with unknown outcome may still change what one of these tags names. */
  pending(tags: readonly Tag[]): boolean {
    const nowMs = this.#clock.nowMs();
    for (const tag of tags) if (this.#changedAtMs[hash(tag) & this.#mask]! > nowMs) return true;
    return false;
  }

  /**
   * These tags have changed.
   * @param pendingForMs the change may still land for so long (unknown outcome); 0 = it is over
   */
  bump(tags: readonly Tag[], pendingForMs = 0): void {
    const overAtMs = this.#clock.nowMs() + pendingForMs;
    if (pendingForMs > 0) {
      this.pendingChanges();
      this.#pendingUntilMs.push(overAtMs);
    }
    for (const tag of tags) {
      const slot = hash(tag) & this.#mask;
      this.#versions[slot]! += 1;
      // Never back: a later write that succeeds does not end the wait for an earlier one that may still land.
      if (overAtMs > this.#changedAtMs[slot]!) this.#changedAtMs[slot] = overAtMs;
    }
  }

  /** How many changes with unknown outcome may still land. */
  pendingChanges(): number {
    const nowMs = this.#clock.nowMs();
    const open = this.#pendingUntilMs.findIndex((untilMs) => untilMs > nowMs);
    if (open !== 0) this.#pendingUntilMs = open < 0 ? [] : this.#pendingUntilMs.slice(open);
    return this.#pendingUntilMs.length;
  }

  /** How long the last of these may still land; 0 if there is none. */
  pendingForMs(): number {
    return Math.max(0, (this.#pendingUntilMs.at(-1) ?? 0) - this.#clock.nowMs());
  }

  /** How much one bump of `bumped` moves the stamp of `tags`, collisions of slots included. */
  stepOf(bumped: readonly Tag[], tags: readonly Tag[]): number {
    let step = 0;
    for (const changed of bumped) {
      const slot = hash(changed) & this.#mask;
      for (const tag of tags) if ((hash(tag) & this.#mask) === slot) step += bumpStep;
    }
    return step;
  }
}

/** FNV-1a over UTF-16 units, finished so that the low bits are mixed. Unkeyed: a forced collision costs only misses. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
