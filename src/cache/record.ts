/**
 * How the entry store writes an entry into memory: a head of words and doubles, the key, the body. Records stand one behind
 * the other in segments (segment-log.ts).
 */

import type { KeyWords } from "./key-words.ts";
import type { CacheEntry } from "./tier.ts";

/** Records begin and end at multiples of 8 bytes. Their places and lengths are counted in these units. */
export const unitBytes = 8;

/** The words (32 bits) of a record's head. The place of the next record of its chain: */
export const NEXT = 0;
export const HASH = 1;
export const LENGTH = 2;
export const FLAGS = 3;
export const KEY_BYTES = 4;
/** The body's length; of a body apart, its number. */
export const BODY = 5;
export const CRC32 = 6;
/** In milliseconds, or `ageless`. */
export const AGE_MAX = 7;
/** The doubles behind them, in units from the record's beginning. */
export const STAMP = 4;
export const READ_AT = 5;
export const READ_UNITS = 6;
export const headBytes = 56;
const headWords = headBytes / 4;

/** Flags. The key has two bytes a character: */
export const WIDE = 1;
export const NEGATIVE = 2;
/** The body is not in the record. */
export const APART = 4;
/** It was served since it came, or since it was last spared. */
export const VISITED = 8;
export const DEAD = 16;

export const ageless = 0xffffffff;

/** The same memory in the three ways in which it is read. */
export interface Memory {
  readonly bytes: Buffer;
  readonly words: Uint32Array;
  readonly doubles: Float64Array;
}

/** Whether the record that begins at this word has this key. */
export function holdsKey({ words }: Memory, word: number, key: KeyWords): boolean {
  if (words[word + HASH] !== key.hash || words[word + KEY_BYTES] !== key.byteLength) return false;
  if ((words[word + FLAGS]! & WIDE) !== (key.isWide ? WIDE : 0)) return false;
  const from = word + headWords;
  for (let at = 0; at < key.wordLength; at += 1) if (words[from + at] !== key.words[at]) return false;
  return true;
}

/** What is written of an entry whose body, unless it stands apart, is `entry.body`. */
export interface NewRecord {
  readonly key: KeyWords;
  readonly next: number;
  readonly entry: CacheEntry;
  readonly stamp: number;
  /** A bound of its own; undefined = none. */
  readonly ageMsMax: number | undefined;
  /** The number of a body that stands apart; undefined = it belongs into the record. */
  readonly bodyNumber: number | undefined;
}

/** @param unit where it begins; there must be room for lengthOf */
export function writeRecord({ words, doubles, bytes }: Memory, unit: number, record: NewRecord): void {
  const { key, entry, bodyNumber, ageMsMax } = record;
  const word = 2 * unit;
  const isApart = bodyNumber !== undefined;
  words[word + NEXT] = record.next;
  words[word + HASH] = key.hash;
  words[word + LENGTH] = lengthOf(key.byteLength, isApart ? 0 : entry.body.byteLength);
  words[word + FLAGS] = (key.isWide ? WIDE : 0) | (entry.negative ? NEGATIVE : 0) | (isApart ? APART : 0);
  words[word + KEY_BYTES] = key.byteLength;
  words[word + BODY] = bodyNumber ?? entry.body.byteLength;
  words[word + CRC32] = entry.crc32;
  words[word + AGE_MAX] = ageMsMax === undefined ? ageless : Math.min(Math.floor(ageMsMax), ageless - 1);
  doubles[unit + STAMP] = record.stamp;
  doubles[unit + READ_AT] = entry.readAtMs;
  doubles[unit + READ_UNITS] = entry.units;
  const keyAt = word + headWords;
  for (let at = 0; at < key.wordLength; at += 1) words[keyAt + at] = key.words[at]!;
  if (!isApart) bytes.set(entry.body, 4 * (keyAt + key.wordLength));
}

/** The length of a record, in units. */
export function lengthOf(keyBytes: number, bodyBytes: number): number {
  return Math.ceil((headBytes + 4 * Math.ceil(keyBytes / 4) + bodyBytes) / unitBytes);
}

/** The body in a record, as bytes of the caller's own: what happens to the record later does not alter them. */
export function copyOfBody({ words, bytes }: Memory, word: number): Uint8Array {
  const length = words[word + BODY]!;
  const from = 4 * (word + headWords + Math.ceil(words[word + KEY_BYTES]! / 4));
  const copy = Buffer.allocUnsafe(length);
  bytes.copy(copy, 0, from, from + length);
  return copy;
}
