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
import type { Tag, TagHash, TagRef } from "./tier.ts";

export interface VersionClockOptions {
  readonly clock: Clock;
  /** A power of two. */
  readonly slots: number;
  /** Another thread's versions, to share them; undefined = new ones. */
  readonly shared?: SharedArrayBuffer | undefined;
}

/** Tags whose hash is remembered; a table has one for itself and one for each index. */
const commonTagsMax = 4096;

/** What one bump of one slot adds to a stamp. */
export const bumpStep = 2;

/** Before the slots: how many changes are pending until when, at most (one double). */
const headBytes = 8;
const timeBytes = 8;
/** A version and how many threads are changing it, side by side. */
const versionBytes = 8;

/**
 * Versions and times live in shared memory, so that a bump by one thread is seen by the next look-up of any other, with no
 * message. A slot's time and version cannot be changed in one step, so a slot that is being changed says so (*busy*),
 * and a stamp that meets one is NaN: equal to nothing, not even to itself (1 a thread makes a slot pending, which takes
 * one off the stamp · 2 it is interrupted before it raises the version · 3 another slot of the same entry becomes
 * pending, which adds one · 4 the sum is what it was). A thread that dies there leaves misses behind, nothing stale.
 * Times are doubles, compared and exchanged by their bits, whose order is the same for positive numbers; they are only
 * ever raised.
 */
export class VersionClock {
  /** To be given to this process' other threads. */
  readonly shared: SharedArrayBuffer;
  readonly #clock: Clock;
  readonly #mask: number;
  /** For each slot its version, and how many threads are changing it. */
  readonly #versions: Int32Array;
  /** When the slot's last change was over, in clock milliseconds; 0 = it never changed. The same memory twice. */
  readonly #changedAtMs: Float64Array;
  readonly #changedAtBits: BigInt64Array;
  /** The end of the last wait for an unknown outcome, of any thread. */
  readonly #lastPendingBits: BigInt64Array;
  /** Of tags that do not stand first. */
  readonly #commonHashes = new Map<Tag, TagHash>();
  /** When each open wait of this thread ends; as many as there are such writes in unknownOutcomeMs. */
  #pendingUntilMs: number[] = [];

  constructor(options: VersionClockOptions) {
    const { slots } = options;
    if (slots < 1 || (slots & (slots - 1)) !== 0)
      throw new RangeError(`slots must be a power of two, not ${slots}`);
    const bytes = headBytes + slots * (timeBytes + versionBytes);
    this.shared = options.shared ?? new SharedArrayBuffer(bytes);
    if (this.shared.byteLength !== bytes) throw new RangeError("the shared versions have other slots");
    this.#clock = options.clock;
    this.#mask = slots - 1;
    this.#lastPendingBits = new BigInt64Array(this.shared, 0, 1);
    this.#changedAtMs = new Float64Array(this.shared, headBytes, slots);
    this.#changedAtBits = new BigInt64Array(this.shared, headBytes, slots);
    this.#versions = new Int32Array(this.shared, headBytes + slots * timeBytes, 2 * slots);
  }

  /** The state of everything these tags name; NaN while one is being changed. Take it before the upstream read begins. */
  stamp(tags: readonly TagRef[]): number {
    const nowMs = this.#clock.nowMs();
    let sum = 0;
    for (let at = 0; at < tags.length; at += 1) {
      const tag = tags[at]!;
      const slot = (at === 0 ? hashOf(tag) : this.#hashOfCommon(tag)) & this.#mask;
      const version = Atomics.load(this.#versions, 2 * slot);
      const settled = this.#changedAtMs[slot]! > nowMs ? 0 : 1;
      const busy = Atomics.load(this.#versions, 2 * slot + 1) !== 0;
      if (busy || Atomics.load(this.#versions, 2 * slot) !== version) return Number.NaN;
      sum += bumpStep * version + settled;
    }
    return sum;
  }

  /** As hashOf, for tags that many answers have: behind an answer's own tag stand those of its table and of everything. */
  #hashOfCommon(tag: TagRef): TagHash {
    if (typeof tag !== "string") return tag;
    const known = this.#commonHashes.get(tag);
    if (known !== undefined) return known;
    if (this.#commonHashes.size >= commonTagsMax) this.#commonHashes.clear();
    const hash = hashOf(tag);
    this.#commonHashes.set(tag, hash);
    return hash;
  }

  /** True while a replica that lags up to `settleMs` may not show the last change of one of these tags. */
  unsettled(tags: readonly TagRef[], settleMs: number): boolean {
    const since = this.#clock.nowMs() - settleMs;
    for (const tag of tags) {
      const changedAtMs = this.#changedAtMs[hashOf(tag) & this.#mask]!;
      if (changedAtMs > since && changedAtMs !== 0) return true;
    }
    return false;
  }

  /** True while a write with unknown outcome may still change what one of these tags names. */
  pending(tags: readonly TagRef[]): boolean {
    const nowMs = this.#clock.nowMs();
    for (const tag of tags) if (this.#changedAtMs[hashOf(tag) & this.#mask]! > nowMs) return true;
    return false;
  }

  /**
   * These tags have changed.
   * @param pendingForMs the change may still land for so long (unknown outcome); 0 = it is over
   */
  bump(tags: readonly TagRef[], pendingForMs = 0): void {
    const overAtMs = this.#clock.nowMs() + pendingForMs;
    if (pendingForMs > 0) {
      this.pendingChanges();
      this.#pendingUntilMs.push(overAtMs);
      raise(this.#lastPendingBits, 0, overAtMs);
    }
    for (const tag of tags) {
      const slot = hashOf(tag) & this.#mask;
      Atomics.add(this.#versions, 2 * slot + 1, 1);
      // Never back: a later write that succeeds does not end the wait for an earlier one that may still land.
      raise(this.#changedAtBits, slot, overAtMs);
      Atomics.add(this.#versions, 2 * slot, 1);
      Atomics.sub(this.#versions, 2 * slot + 1, 1);
    }
  }

  /** How many changes that this thread knows of, with unknown outcome, may still land. */
  pendingChanges(): number {
    const nowMs = this.#clock.nowMs();
    const open = this.#pendingUntilMs.findIndex((untilMs) => untilMs > nowMs);
    if (open !== 0) this.#pendingUntilMs = open < 0 ? [] : this.#pendingUntilMs.slice(open);
    return this.#pendingUntilMs.length;
  }

  /** How long the last change with unknown outcome, of any thread, may still land; 0 if there is none. */
  pendingForMs(): number {
    return Math.max(0, timeOf(Atomics.load(this.#lastPendingBits, 0)) - this.#clock.nowMs());
  }

  /** How much one bump of `bumped` moves the stamp of `tags`, collisions of slots included. */
  stepOf(bumped: readonly TagRef[], tags: readonly TagRef[]): number {
    let moved = 0;
    const slots = tags.map((tag) => hashOf(tag) & this.#mask);
    for (const changed of bumped) {
      const changedSlot = hashOf(changed) & this.#mask;
      for (const slot of slots) if (slot === changedSlot) moved += bumpStep;
    }
    return moved;
  }
}

const scratch = new Float64Array(1);
const scratchBits = new BigInt64Array(scratch.buffer);

function bitsOf(timeMs: number): bigint {
  scratch[0] = timeMs;
  return scratchBits[0]!;
}

function timeOf(bits: bigint): number {
  scratchBits[0] = bits;
  return scratch[0]!;
}

/** Raises a shared time to this one, whatever other threads do at the same moment. */
function raise(times: BigInt64Array, at: number, timeMs: number): void {
  const wanted = bitsOf(timeMs);
  let seen = Atomics.load(times, at);
  while (wanted > seen) {
    const found = Atomics.compareExchange(times, at, seen, wanted);
    if (found === seen) return;
    seen = found;
  }
}

/** A tag as 32 bits. Nodes name tags to each other by it: whoever changes it changes the messages' version (peer-message.ts). */
export function hashOf(tag: TagRef): TagHash {
  return typeof tag === "string" ? hash(tag) : tag;
}

/**
 * Two halves side by side, two UTF-16 units a step, as item tags have a hundred and every look-up needs one; rotated, for what
 * is multiplied only moves up; mixed at the end. Unkeyed: a forced collision costs only misses.
 */
function hash(text: string): TagHash {
  const { length } = text;
  let a = 0x811c9dc5 ^ length;
  let b = 0x27d4eb2f;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    a = step(a, text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16));
    b = step(b, text.charCodeAt(at + 2) | (text.charCodeAt(at + 3) << 16));
  }
  for (; at < length; at += 1) a = step(a, text.charCodeAt(at));
  let h = a ^ ((b << 13) | (b >>> 19));
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) as TagHash;
}

function step(h: number, units: number): number {
  return Math.imul(((h << 5) | (h >>> 27)) ^ units, 0x9e3779b1);
}
