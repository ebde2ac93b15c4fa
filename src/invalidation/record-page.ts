/**
 * A page of GetRecords, taken apart where it stands. Nine tenths of it are images, of items that mostly nobody has cached:
 * they are passed over, and parsed when somebody asks for one.
 */

import { isUtf8 } from "node:buffer";
import { afterBlanks, afterPlainString, afterValue, none } from "../dynamodb/json-slices.ts";
import * as placed from "./placed-records.ts";
import { noPlaces, PlacedRecords, parsed, type RecordList } from "./placed-records.ts";

export interface RecordTexts {
  readonly records: RecordList;
  readonly next: unknown;
}

/**
 * @param body a reply to GetRecords
 * @returns undefined if it is none. What is passed over is not checked: an image that is no JSON becomes one without an
 * item. A record whose own members are spelt with escapes or named twice, which JSON parsers read differently, has nothing.
 */
export function readRecordPage(body: Uint8Array): RecordTexts | undefined {
  return isUtf8(body) ? new PageReader(body).read() : undefined;
}

const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;
const colon = 0x3a;

/** Reads the value that begins here; returns the position behind it, or `none`. */
type Read = (at: number) => number;
type Members = readonly { readonly name: Uint8Array; readonly read: Read }[];

class PageReader {
  readonly #body: Buffer;
  /** Of all records, one behind the other. */
  readonly #places: number[] = [];
  /** Where those of the current record begin. */
  #base = 0;
  #hasRecords = false;
  #next: unknown;

  readonly #dynamodbMembers = this.#members({
    Keys: this.#place(placed.KEYS),
    NewImage: this.#place(placed.NEW_IMAGE),
    OldImage: this.#place(placed.OLD_IMAGE),
    SequenceNumber: this.#place(placed.SEQUENCE_NUMBER),
    ApproximateCreationDateTime: this.#place(placed.CREATED_AT),
  });
  readonly #recordMembers = this.#members({
    eventName: this.#place(placed.EVENT_NAME),
    dynamodb: this.#place(placed.DYNAMODB, (at) => this.#object(at, this.#dynamodbMembers)),
  });
  readonly #pageMembers = this.#members({
    Records: (at) => this.#records(at),
    NextShardIterator: (at) => this.#nextIterator(at),
  });

  constructor(body: Uint8Array) {
    this.#body = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  }

  read(): RecordTexts | undefined {
    const body = this.#body;
    const end = this.#object(afterBlanks(body, 0, body.length), this.#pageMembers);
    if (end === none || afterBlanks(body, end, body.length) !== body.length) return undefined;
    if (!this.#hasRecords) return undefined;
    return { records: new PlacedRecords(body, this.#places), next: this.#next };
  }

  #members(reads: Readonly<Record<string, Read>>): Members {
    return Object.entries(reads).map(([name, read]) => ({ name: Buffer.from(name), read }));
  }

  /** Notes where the value stands. */
  #place(slot: number, read: Read = (at) => this.#skip(at)): Read {
    return (at) => {
      const places = this.#places;
      const place = this.#base + slot;
      const end = places[place] === 0 ? read(at) : none;
      places[place] = at;
      places[place + 1] = end;
      return end;
    };
  }

  #skip(at: number): number {
    return afterValue(this.#body, at, this.#body.length);
  }

  #nextIterator(at: number): number {
    const end = this.#next === undefined ? this.#skip(at) : none;
    if (end !== none) this.#next = parsed(this.#body, at, end);
    // What cannot be read must not be taken for none, which is the end of the shard.
    return this.#next === undefined ? none : end;
  }

  #records(start: number): number {
    const body = this.#body;
    const { length } = body;
    if (this.#hasRecords || body[start] !== openBracket) return none;
    this.#hasRecords = true;
    let at = afterBlanks(body, start + 1, length);
    if (body[at] === closeBracket) return at + 1;
    for (;;) {
      at = this.#record(at);
      if (at === none) return none;
      at = afterBlanks(body, at, length);
      if (body[at] === closeBracket) return at + 1;
      if (body[at] !== comma) return none;
      at = afterBlanks(body, at + 1, length);
    }
  }

  #record(at: number): number {
    const places = this.#places;
    this.#base = places.length;
    places.push(...noPlaces);
    const end = this.#object(at, this.#recordMembers);
    if (end !== none) return end;
    places.fill(0, this.#base);
    return this.#skip(at);
  }

  /** An object of which these members are read, the others passed over. */
  #object(start: number, members: Members): number {
    const body = this.#body;
    const { length } = body;
    if (body[start] !== openBrace) return none;
    let at = afterBlanks(body, start + 1, length);
    if (body[at] === closeBrace) return at + 1;
    for (;;) {
      const nameEnd = afterPlainString(body, at, length);
      if (nameEnd === none) return none;
      const read = readOf(members, body, at + 1, nameEnd - 1);
      at = afterBlanks(body, nameEnd, length);
      if (body[at] !== colon) return none;
      at = afterBlanks(body, at + 1, length);
      at = read === undefined ? this.#skip(at) : read(at);
      if (at === none) return none;
      at = afterBlanks(body, at, length);
      if (body[at] === closeBrace) return at + 1;
      if (body[at] !== comma) return none;
      at = afterBlanks(body, at + 1, length);
    }
  }
}

function readOf(members: Members, body: Uint8Array, start: number, end: number): Read | undefined {
  for (const { name, read } of members) {
    if (name.length !== end - start) continue;
    let at = 0;
    while (at < name.length && name[at] === body[start + at]) at += 1;
    if (at === name.length) return read;
  }
  return undefined;
}
