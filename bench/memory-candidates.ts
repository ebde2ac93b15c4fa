/** Ways to keep a million answers that bench/memory.ts compares: only keeping and finding, no coherence. */

import { LRUCache } from "lru-cache";
import { EntryStore } from "../src/cache/entry-store.ts";
import { ownBytes } from "../src/util/own-bytes.ts";

/** Bounded by bytes. */
export interface Candidate {
  put(key: string, body: Uint8Array): void;
  /** What a reply's body is written from. */
  get(key: string): Uint8Array | string | undefined;
  readonly entries: number;
}

export const candidates = {
  "lru-cache, a Buffer each": (bytesMax: number) => new Buffers(bytesMax),
  "lru-cache, a one-byte string each": (bytesMax: number) => new Texts(bytesMax),
  "lru-cache over segments": (bytesMax: number) => new IndexedSegments(bytesMax),
  "entry store": (bytesMax: number) => new Store(bytesMax),
} as const satisfies Record<string, (bytesMax: number) => Candidate>;

export type CandidateName = keyof typeof candidates;

const facts = (at: number) => ({ crc32: at, readAtMs: at + 0.5, units: 0.5, negative: false });

/** As the memory tier was at first. */
class Buffers implements Candidate {
  readonly #entries;
  #count = 0;

  constructor(maxSize: number) {
    this.#entries = new LRUCache<
      string,
      { entry: { body: Uint8Array }; stamp: number; ageMsMax?: undefined }
    >({
      maxSize,
      sizeCalculation: ({ entry }, key) => entry.body.byteLength + key.length + 900,
    });
  }

  put(key: string, body: Uint8Array): void {
    this.#count += 1;
    const entry = { body: ownBytes(body.subarray()), ...facts(this.#count) };
    this.#entries.set(key, { entry, stamp: this.#count, ageMsMax: undefined });
  }

  get(key: string): Uint8Array | undefined {
    return this.#entries.get(key)?.entry.body;
  }

  get entries(): number {
    return this.#entries.size;
  }
}

class Texts implements Candidate {
  readonly #entries;
  #count = 0;

  constructor(maxSize: number) {
    this.#entries = new LRUCache<string, { body: string; stamp: number }>({
      maxSize,
      sizeCalculation: ({ body }, key) => body.length + key.length + 300,
    });
  }

  put(key: string, body: Uint8Array): void {
    this.#count += 1;
    const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1");
    this.#entries.set(key, { body: text, stamp: this.#count, ...facts(this.#count) });
  }

  get(key: string): string | undefined {
    return this.#entries.get(key)?.body;
  }

  get entries(): number {
    return this.#entries.size;
  }
}

const segmentBytes = 2 ** 20;
const slotHead = 4;

interface ViewedSegment {
  readonly bytes: Buffer;
  end: number;
  liveBytes: number;
}

/**
 * lru-cache finds a slot's number; what is known of the slot stands in columns, its bytes in a segment that is never written
 * twice. A look-up hands out a view. A segment that is half dead is emptied, a few records a put, and left to the collector.
 */
class IndexedSegments implements Candidate {
  readonly #index: LRUCache<string, number>;
  #columns = columns(1_024);
  #slots = 0;
  readonly #freeSlots: number[] = [];
  readonly #segments: (ViewedSegment | undefined)[] = [newSegment()];
  readonly #sparse: number[] = [];
  #sweptTo = 0;
  #count = 0;

  constructor(maxSize: number) {
    this.#index = new LRUCache<string, number>({
      maxSize,
      sizeCalculation: (slot, key) => this.#columns.length[slot]! + key.length + 200,
      dispose: (slot) => this.#drop(slot),
    });
  }

  put(key: string, body: Uint8Array): void {
    this.#count += 1;
    const slot = this.#freeSlots.pop() ?? this.#slots++;
    if (slot >= this.#columns.place.length) this.#columns = grown(this.#columns);
    this.#write(slot, body);
    this.#columns.length[slot] = body.byteLength;
    this.#columns.stamp[slot] = this.#count;
    this.#columns.readAtMs[slot] = this.#count + 0.5;
    this.#columns.units[slot] = 0.5;
    this.#columns.crc32[slot] = this.#count;
    this.#index.set(key, slot);
    this.#sweep(8);
  }

  get(key: string): Uint8Array | undefined {
    const slot = this.#index.get(key);
    if (slot === undefined) return undefined;
    const place = this.#columns.place[slot]!;
    const from = place % segmentBytes;
    return this.#segments[Math.floor(place / segmentBytes)]!.bytes.subarray(
      from,
      from + this.#columns.length[slot]!,
    );
  }

  get entries(): number {
    return this.#index.size;
  }

  #write(slot: number, body: Uint8Array): void {
    let number = this.#segments.length - 1;
    let segment = this.#segments[number]!;
    const length = body.byteLength;
    if (segment.end + slotHead + length > segmentBytes) {
      segment = newSegment();
      number = this.#segments.push(segment) - 1;
    }
    segment.bytes.writeUInt32LE(slot, segment.end);
    segment.bytes.set(body, segment.end + slotHead);
    this.#columns.place[slot] = number * segmentBytes + segment.end + slotHead;
    segment.end += slotHead + length;
    segment.liveBytes += slotHead + length;
  }

  #drop(slot: number): void {
    const number = Math.floor(this.#columns.place[slot]! / segmentBytes);
    const segment = this.#segments[number]!;
    const wasFull = segment.liveBytes > segmentBytes / 2;
    segment.liveBytes -= slotHead + this.#columns.length[slot]!;
    if (wasFull && segment.liveBytes <= segmentBytes / 2) this.#sparse.push(number);
    this.#columns.place[slot] = -1;
    this.#freeSlots.push(slot);
  }

  #sweep(records: number): void {
    const number = this.#sparse[0];
    if (number === undefined || number === this.#segments.length - 1) return;
    const { bytes, end } = this.#segments[number]!;
    for (let turn = 0; turn < records && this.#sweptTo < end; turn += 1) {
      const slot = bytes.readUInt32LE(this.#sweptTo);
      const from = this.#sweptTo + slotHead;
      const isLive = this.#columns.place[slot] === number * segmentBytes + from;
      const length = isLive ? this.#columns.length[slot]! : this.#lengthOfDead;
      if (isLive) this.#write(slot, bytes.subarray(from, from + length));
      this.#sweptTo = from + length;
    }
    if (this.#sweptTo < end) return;
    this.#segments[number] = undefined;
    this.#sparse.shift();
    this.#sweptTo = 0;
  }

  /** All bodies of the benchmark are of one length: a real one would write it down. */
  get #lengthOfDead(): number {
    return this.#columns.length[0]!;
  }
}

function newSegment(): ViewedSegment {
  return { bytes: Buffer.allocUnsafeSlow(segmentBytes), end: 0, liveBytes: 0 };
}

function columns(slots: number) {
  return {
    place: new Float64Array(slots),
    length: new Uint32Array(slots),
    stamp: new Float64Array(slots),
    readAtMs: new Float64Array(slots),
    units: new Float32Array(slots),
    crc32: new Uint32Array(slots),
  };
}

function grown(old: ReturnType<typeof columns>): ReturnType<typeof columns> {
  const next = columns(2 * old.place.length);
  next.place.set(old.place);
  next.length.set(old.length);
  next.stamp.set(old.stamp);
  next.readAtMs.set(old.readAtMs);
  next.units.set(old.units);
  next.crc32.set(old.crc32);
  return next;
}

/** What the memory tier is built on. */
class Store implements Candidate {
  readonly #store: EntryStore;
  #count = 0;

  constructor(bytesMax: number) {
    this.#store = new EntryStore(bytesMax);
  }

  put(key: string, body: Uint8Array): void {
    this.#count += 1;
    this.#store.put(key, { body, ...facts(this.#count) }, this.#count, undefined);
  }

  get(key: string): Uint8Array | undefined {
    const place = this.#store.find(key);
    if (place === 0) return undefined;
    this.#store.visit(place);
    return this.#store.entry(place).body;
  }

  get entries(): number {
    return this.#store.counts().entries;
  }
}
