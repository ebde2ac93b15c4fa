/** The records of a page of GetRecords, by the places in its bytes that record-page.ts has found. Parsed is what is asked for. */

import { afterPlainString } from "../dynamodb/json-slices.ts";
import { type Input, isObject } from "../dynamodb/model.ts";

/** An item as it stands in a record. */
export interface RecordImage {
  /** Its JSON, UTF-8. */
  readonly bytes: Uint8Array;
  /** Parsed when it is first asked for; undefined if it is no JSON object. */
  item(): Input | undefined;
}

/** One record, unchecked: what it does not have, or not in the right JSON type, is undefined. */
export interface StreamRecord {
  readonly eventName: unknown;
  readonly keys: unknown;
  readonly oldImage: RecordImage | undefined;
  readonly newImage: RecordImage | undefined;
  readonly sequenceNumber: unknown;
  /** ApproximateCreationDateTime: UNIX seconds. */
  readonly createdAtSeconds: unknown;
}

/** The records of a page, in order. Whoever keeps one keeps the page's bytes. */
export interface RecordList {
  readonly length: number;
  at(index: number): StreamRecord;
}

/** Of each record: where a value begins and, behind it, where it ends; 0 = there is none. */
export const EVENT_NAME = 0;
export const DYNAMODB = 2;
export const KEYS = 4;
export const OLD_IMAGE = 6;
export const NEW_IMAGE = 8;
export const SEQUENCE_NUMBER = 10;
export const CREATED_AT = 12;
export const noPlaces = new Array<number>(14).fill(0);

const openBrace = 0x7b;
const zero = 0x30;
/** A whole number of so many digits is a double. */
const exactDigits = 15;

export class PlacedRecords implements RecordList {
  readonly length: number;
  readonly #body: Buffer;
  readonly #places: readonly number[];

  constructor(body: Buffer, places: readonly number[]) {
    this.#body = body;
    this.#places = places;
    this.length = places.length / noPlaces.length;
  }

  at(index: number): StreamRecord {
    return new PlacedRecord(this.#body, this.#places, index * noPlaces.length);
  }
}

class PlacedRecord implements StreamRecord {
  readonly #body: Buffer;
  readonly #places: readonly number[];
  readonly #base: number;

  constructor(body: Buffer, places: readonly number[], base: number) {
    this.#body = body;
    this.#places = places;
    this.#base = base;
  }

  get eventName(): unknown {
    return this.#text(EVENT_NAME);
  }

  get keys(): unknown {
    return this.#value(KEYS);
  }

  get oldImage(): RecordImage | undefined {
    return this.#image(OLD_IMAGE);
  }

  get newImage(): RecordImage | undefined {
    return this.#image(NEW_IMAGE);
  }

  get sequenceNumber(): unknown {
    return this.#text(SEQUENCE_NUMBER);
  }

  get createdAtSeconds(): unknown {
    return this.#number(CREATED_AT);
  }

  /** A text in its plainest form needs no parser. */
  #text(slot: number): unknown {
    const start = this.#places[this.#base + slot]!;
    const end = this.#places[this.#base + slot + 1]!;
    const isPlain = start !== 0 && afterPlainString(this.#body, start, end) === end;
    return isPlain ? this.#body.toString("utf8", start + 1, end - 1) : this.#value(slot);
  }

  /** Nor does a number of a few digits. */
  #number(slot: number): unknown {
    const start = this.#places[this.#base + slot]!;
    const end = this.#places[this.#base + slot + 1]!;
    if (start === end || end - start > exactDigits || this.#body[start] === zero) return this.#value(slot);
    let number = 0;
    for (let at = start; at < end; at += 1) {
      const digit = this.#body[at]! - zero;
      if (digit < 0 || digit > 9) return this.#value(slot);
      number = 10 * number + digit;
    }
    return number;
  }

  #value(slot: number): unknown {
    const start = this.#places[this.#base + slot]!;
    return start === 0 ? undefined : parsed(this.#body, start, this.#places[this.#base + slot + 1]!);
  }

  #image(slot: number): RecordImage | undefined {
    const start = this.#places[this.#base + slot]!;
    if (this.#body[start] !== openBrace || start === 0) return undefined;
    return new PlacedImage(this.#body, start, this.#places[this.#base + slot + 1]!);
  }
}

class PlacedImage implements RecordImage {
  readonly #body: Buffer;
  readonly #start: number;
  readonly #end: number;
  #item: Input | undefined;

  constructor(body: Buffer, start: number, end: number) {
    this.#body = body;
    this.#start = start;
    this.#end = end;
  }

  get bytes(): Uint8Array {
    return this.#body.subarray(this.#start, this.#end);
  }

  item(): Input | undefined {
    if (this.#item === undefined) {
      const item = parsed(this.#body, this.#start, this.#end);
      if (isObject(item)) this.#item = item;
    }
    return this.#item;
  }
}

/** Of a page that has been found to be UTF-8. */
export function parsed(body: Buffer, start: number, end: number): unknown {
  try {
    return JSON.parse(body.toString("utf8", start, end));
  } catch {
    return undefined;
  }
}
