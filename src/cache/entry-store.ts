/**
 * The memory tier's entries: found by key, bounded by the memory that they take, outside of V8's heap. Knows nothing of what
 * makes an entry valid. Why it is built like this: docs/decisions/0006.
 *
 * Records (record.ts) are written behind one another into segments and found through a hash table, whose chains run through
 * the records. When memory is full, a segment is *swept*, record by record: the dead go; who is spared moves to the newest
 * segment, or to the front of its own if that is full; what is left is the newest segment then. Bodies that would be long to
 * copy stand apart.
 *
 * Who leaves (CLOCK, docs/decisions/0014): while the dead take more than a tenth of the segments nobody does, and the
 * segment with most of them is swept. Otherwise it is the oldest, and who was served since it was last swept is spared.
 */

import { ApartBodies, apartOverheadBytes } from "./apart-bodies.ts";
import { KeyWords } from "./key-words.ts";
import * as record from "./record.ts";
import { headBytes, unitBytes } from "./record.ts";
import { type Segment, SegmentLog } from "./segment-log.ts";
import type { CacheEntry } from "./tier.ts";

/** A longer body stands apart. */
const copiedBytesMax = 4_096;
/** The hash table has one chain for so many bytes of the bound. */
const bytesPerChain = 512;
const chainsMax = 2 ** 28;
const deadShareMax = 0.1;
/** So many segments' worth of records is moved for one put; then everybody leaves who is met. */
const movedSegmentsMax = 4;

export interface StoreCounts {
  /** Memory taken. */
  readonly bytes: number;
  readonly entries: number;
  readonly evictions: number;
  readonly evictedBytes: number;
}

export class EntryStore {
  readonly #bytesMax: number;
  readonly #log: SegmentLog;
  readonly #entryBytesMax: number;
  readonly #key: KeyWords;
  /** For each chain the place of its first record; 0 = it is empty. */
  readonly #chains: Uint32Array;
  readonly #apart = new ApartBodies();
  /** What records that are no longer needed take. */
  #deadBytes = 0;
  #entries = 0;
  #evictions = 0;
  #evictedBytes = 0;
  /** The segment that is being swept, the unit of the next record to be looked at, and where the next one that stays goes. */
  #swept: Segment | undefined;
  #readAt = 0;
  #writeAt = 0;

  /**
   * @param bytesMax bound of the memory taken
   * @param entryBytesMax a larger entry is not stored
   */
  constructor(bytesMax: number, entryBytesMax = bytesMax) {
    this.#bytesMax = bytesMax;
    this.#entryBytesMax = entryBytesMax;
    this.#log = new SegmentLog(bytesMax);
    this.#key = new KeyWords(this.#log.segmentBytes);
    const chains = Math.max(1, Math.min(chainsMax, Math.floor(bytesMax / bytesPerChain)));
    this.#chains = new Uint32Array(chains);
  }

  counts(): StoreCounts {
    return {
      bytes: this.#bytes,
      entries: this.#entries,
      evictions: this.#evictions,
      evictedBytes: this.#evictedBytes,
    };
  }

  /** The place of this key's record, good until the next put or remove; 0 = there is none. */
  find(key: string): number {
    return this.#key.read(key) ? this.#findKey() : 0;
  }

  /** The place of the record of #key. */
  #findKey(): number {
    let place = this.#chains[this.#key.hash % this.#chains.length]!;
    while (place !== 0) {
      const segment = this.#log.at(place);
      const word = 2 * (place - segment.base);
      if (record.holdsKey(segment, word, this.#key)) return place;
      place = segment.words[word + record.NEXT]!;
    }
    return 0;
  }

  stampOf(place: number): number {
    return this.#double(place, record.STAMP);
  }

  restamp(place: number, stamp: number): void {
    const { doubles, base } = this.#log.at(place);
    doubles[place - base + record.STAMP] = stamp;
  }

  readAtMs(place: number): number {
    return this.#double(place, record.READ_AT);
  }

  isNegative(place: number): boolean {
    return (this.#word(place, record.FLAGS) & record.NEGATIVE) !== 0;
  }

  /** The entry's own bound of its age, in whole milliseconds; undefined = none. */
  ageMsMax(place: number): number | undefined {
    const ageMsMax = this.#word(place, record.AGE_MAX);
    return ageMsMax === record.ageless ? undefined : ageMsMax;
  }

  /** What was stored. Whatever happens here later does not alter its bytes. */
  entry(place: number): CacheEntry {
    const segment = this.#log.at(place);
    const { words, doubles, base } = segment;
    const unit = place - base;
    const word = 2 * unit;
    const flags = words[word + record.FLAGS]!;
    return {
      body:
        (flags & record.APART) !== 0
          ? this.#apart.body(words[word + record.BODY]!)
          : record.copyOfBody(segment, word),
      crc32: words[word + record.CRC32]!,
      readAtMs: doubles[unit + record.READ_AT]!,
      units: doubles[unit + record.READ_UNITS]!,
      negative: (flags & record.NEGATIVE) !== 0,
    };
  }

  /** It was served, and will be spared. */
  visit(place: number): void {
    const { words, base } = this.#log.at(place);
    words[2 * (place - base) + record.FLAGS]! |= record.VISITED;
  }

  /**
   * Stores an entry, in place of the one that the key may have.
   * @param ageMsMax a bound of its own; undefined = none
   * @returns false if it is too large; then nothing is left under the key
   */
  put(key: string, entry: CacheEntry, stamp: number, ageMsMax: number | undefined): boolean {
    const words = this.#key;
    if (!words.read(key)) return false;
    const old = this.#findKey();
    if (old !== 0) this.remove(old);
    const { body } = entry;
    const inside = headBytes + words.byteLength + body.byteLength;
    const isApart = this.#isApart(inside, body);
    if ((isApart ? inside + apartOverheadBytes : inside) > this.#entryBytesMax) return false;
    const units = record.lengthOf(words.byteLength, isApart ? 0 : body.byteLength);
    const segment = this.#makeRoom(units, isApart ? ApartBodies.costBytes(body) : 0);
    if (segment === undefined) return false;
    const unit = segment.end;
    const chain = words.hash % this.#chains.length;
    const next = this.#chains[chain]!;
    const bodyNumber = isApart ? this.#apart.keep(body) : undefined;
    record.writeRecord(segment, unit, { key: words, next, entry, stamp, ageMsMax, bodyNumber });
    this.#chains[chain] = segment.base + unit;
    segment.end += units;
    segment.live += units;
    this.#entries += 1;
    return true;
  }

  remove(place: number): void {
    const segment = this.#log.at(place);
    const { words } = segment;
    const word = 2 * (place - segment.base);
    this.#redirect(place, words[word + record.HASH]!, words[word + record.NEXT]!);
    this.#entries -= 1;
    this.#deadBytes += unitBytes * words[word + record.LENGTH]!;
    segment.live -= words[word + record.LENGTH]!;
    if ((words[word + record.FLAGS]! & record.APART) !== 0) this.#apart.drop(words[word + record.BODY]!);
    words[word + record.FLAGS]! |= record.DEAD;
  }

  get #bytes(): number {
    return this.#chains.byteLength + this.#log.bytes + this.#apart.bytes;
  }

  /** At most an eighth of a segment may be left unused at its end because the next record is longer; half of a very small one. */
  #isApart(inside: number, { byteLength }: Uint8Array): boolean {
    return byteLength > copiedBytesMax || inside > Math.max(this.#log.segmentBytes / 8, 512);
  }

  /** The memory of a live record. */
  #bytesOf({ words }: Segment, word: number): number {
    const inside = unitBytes * words[word + record.LENGTH]!;
    if ((words[word + record.FLAGS]! & record.APART) === 0) return inside;
    return inside + ApartBodies.costBytes(this.#apart.body(words[word + record.BODY]!));
  }

  /** Where something led to this place, it leads to another from now on. */
  #redirect(from: number, hash: number, to: number): void {
    const chain = hash % this.#chains.length;
    let place = this.#chains[chain]!;
    if (place === from) {
      this.#chains[chain] = to;
      return;
    }
    for (;;) {
      const { words, base } = this.#log.at(place);
      const next = 2 * (place - base) + record.NEXT;
      place = words[next]!;
      if (place !== from) continue;
      words[next] = to;
      return;
    }
  }

  /** A segment with so many units free at its end, while so many bytes more fit apart; undefined = that can never be. */
  #makeRoom(units: number, outsideBytes: number): Segment | undefined {
    const leastBytes = this.#chains.byteLength + this.#log.costBytes + outsideBytes;
    if (units > this.#log.segmentUnits || leastBytes > this.#bytesMax) return undefined;
    let movedUnits = 0;
    for (;;) {
      const bytesLeft = this.#bytesMax - this.#bytes - outsideBytes;
      if (bytesLeft >= 0) {
        if (this.#log.hasRoom(units)) return this.#log.head;
        if (this.#log.extend(bytesLeft)) continue;
      } else if (this.#log.release()) continue;
      movedUnits += this.#sweep(movedUnits > movedSegmentsMax * this.#log.segmentUnits);
    }
  }

  /**
   * Looks at one record.
   * @param isImpatient nobody is spared any more
   * @returns units that were spared
   */
  #sweep(isImpatient: boolean): number {
    const sparesAll = !isImpatient && this.#deadBytes > deadShareMax * this.#log.bytes;
    if (this.#swept === undefined) {
      this.#swept = this.#log.choose(sparesAll ? "most dead" : "oldest");
      this.#readAt = this.#writeAt = 0;
    }
    const segment = this.#swept!;
    if (this.#readAt === segment.end) {
      this.#log.swept(segment, this.#writeAt);
      this.#swept = undefined;
      return 0;
    }
    const unit = this.#readAt;
    const word = 2 * unit;
    const { words } = segment;
    const units = words[word + record.LENGTH]!;
    this.#readAt += units;
    const flags = words[word + record.FLAGS]!;
    const isDead = (flags & record.DEAD) !== 0;
    const isSpared = !isDead && (sparesAll || (!isImpatient && (flags & record.VISITED) !== 0));
    if (!isSpared) {
      if (!isDead) this.#evict(segment, word);
      this.#deadBytes -= unitBytes * units;
      return 0;
    }
    if (!sparesAll) words[word + record.FLAGS] = flags & ~record.VISITED;
    this.#spare(segment, unit, units);
    return units;
  }

  #evict(segment: Segment, word: number): void {
    this.#evictions += 1;
    this.#evictedBytes += this.#bytesOf(segment, word);
    this.remove(segment.base + word / 2);
  }

  /** Moves a record to the newest segment, or to the front of its own. */
  #spare(segment: Segment, unit: number, units: number): void {
    let target = segment;
    let to = this.#writeAt;
    if (this.#log.hasRoom(units)) {
      target = this.#log.head!;
      to = target.end;
      target.end += units;
      target.live += units;
      segment.live -= units;
    } else this.#writeAt += units;
    if (target === segment && to === unit) return;
    segment.bytes.copy(target.bytes, unitBytes * to, unitBytes * unit, unitBytes * (unit + units));
    this.#redirect(segment.base + unit, target.words[2 * to + record.HASH]!, target.base + to);
  }

  #word(place: number, field: number): number {
    const { words, base } = this.#log.at(place);
    return words[2 * (place - base) + field]!;
  }

  #double(place: number, field: number): number {
    const { doubles, base } = this.#log.at(place);
    return doubles[place - base + field]!;
  }
}
