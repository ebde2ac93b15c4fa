/**
 * The memory of the entry store: segments of one size, outside of V8's heap, in the order in which they were filled. Nobody
 * outside of the store ever sees this memory, so a segment that is empty is written to again at once: no reply can be altered
 * by it, and nothing waits for a collector.
 */

import { type Memory, unitBytes } from "./record.ts";

const segmentBytesMax = 262_144;
const segmentBytesMin = 1_024;
/** So many segments at least, unless they would be too small. */
const segmentsMin = 32;
/** The last bytes of a segment are not used: with the allocator's head it then takes whole pages, not one more. */
const marginBytes = 64;
/** Places are 32 bits: 32 GiB of segments. */
const placesMax = 2 ** 32;
/** The objects of a segment beside its bytes, on both sides of V8's heap. */
const objectsBytes = 800;

export interface Segment extends Memory {
  /** The place of its first unit. */
  readonly base: number;
  /** Units written; each belongs to a record, live or dead. */
  end: number;
  /** Units of live records. */
  live: number;
}

export class SegmentLog {
  /** The room in one segment. */
  readonly segmentBytes: number;
  readonly segmentUnits: number;
  /** Units from one segment's first place to the next one's: a power of two. */
  readonly #stride: number;
  readonly #shift: number;
  /** By number, from 1, so that 0 is no place. */
  readonly #segments: (Segment | undefined)[] = [undefined];
  readonly #freeNumbers: number[] = [];
  /** Those with records, the oldest first. */
  readonly #used = new Set<Segment>();
  readonly #spare: Segment[] = [];
  #head: Segment | undefined;

  /** @param bytesMax bound of everything that is cached */
  constructor(bytesMax: number) {
    const wished = 2 ** Math.floor(Math.log2(bytesMax / segmentsMin));
    const bytes = Math.max(segmentBytesMin, Math.min(segmentBytesMax, wished));
    this.#stride = bytes / unitBytes;
    this.#shift = Math.log2(this.#stride);
    this.segmentBytes = bytes - marginBytes;
    this.segmentUnits = this.segmentBytes / unitBytes;
  }

  /** The memory that one more takes. */
  get costBytes(): number {
    return this.segmentBytes + marginBytes + objectsBytes;
  }

  /** The memory that all of them take. */
  get bytes(): number {
    return (this.#used.size + this.#spare.length) * this.costBytes;
  }

  /** The newest one, which is written to. */
  get head(): Segment | undefined {
    return this.#head;
  }

  /** The segment of a place. The unit in it is `place - base`. */
  at(place: number): Segment {
    return this.#segments[place >>> this.#shift]!;
  }

  /** Whether so many units fit behind what was written last. */
  hasRoom(units: number): boolean {
    return this.#head !== undefined && this.#head.end + units <= this.segmentUnits;
  }

  /** Begins a new segment, if there is a spare one or so many bytes are left. */
  extend(bytesLeft: number): boolean {
    const segment = this.#spare.pop() ?? (bytesLeft < this.costBytes ? undefined : this.#create());
    if (segment === undefined) return false;
    this.#used.add(segment);
    this.#head = segment;
    return true;
  }

  /** Gives the memory of a spare segment back, if there is one. */
  release(): boolean {
    const segment = this.#spare.pop();
    if (segment === undefined) return false;
    const number = segment.base / this.#stride;
    this.#segments[number] = undefined;
    this.#freeNumbers.push(number);
    return true;
  }

  /** The segment to be swept next. It is written to no more. */
  choose(which: "oldest" | "most dead"): Segment | undefined {
    let chosen: Segment | undefined;
    for (const segment of this.#used) {
      if (chosen === undefined || deadOf(segment) > deadOf(chosen)) chosen = segment;
      if (which === "oldest") break;
    }
    if (chosen === this.#head) this.#head = undefined;
    return chosen;
  }

  /** A segment has been swept; its first `end` units are left in use. */
  swept(segment: Segment, end: number): void {
    segment.end = end;
    this.#used.delete(segment);
    if (end === 0) {
      this.#spare.push(segment);
      return;
    }
    this.#used.add(segment);
    this.#head = segment;
  }

  #create(): Segment | undefined {
    const number = this.#freeNumbers.pop() ?? this.#segments.length;
    const base = number * this.#stride;
    if (base >= placesMax) return undefined;
    const memory = new ArrayBuffer(this.segmentBytes);
    const segment: Segment = {
      base,
      bytes: Buffer.from(memory),
      words: new Uint32Array(memory),
      doubles: new Float64Array(memory),
      end: 0,
      live: 0,
    };
    this.#segments[number] = segment;
    return segment;
  }
}

/** Units of records that are no longer needed. */
function deadOf({ end, live }: Segment): number {
  return end - live;
}
