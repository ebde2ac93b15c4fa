/**
 * What nodes tell each other through the log, in a compact binary form: a byte that says it is ours, one for the version,
 * one for the kind, then the parts in a row. Numbers are unsigned LEB128 unless noted, texts are UTF-8 after their
 * length, times are doubles, a tag is its hash in four bytes; all little-endian.
 *
 * | kind | parts |
 * |---|---|
 * | 1 invalidation | sender, flags, tag hashes after their count, [pendingForMs], [key, tag hashes, image hash] |
 * | 2 heartbeat | sender, vouchesAtMs, then name and time of each sign after their count |
 */

import type { CacheKey, TagHash } from "./tier.ts";

/** These tags have changed. */
export interface InvalidationMessage {
  readonly kind: "invalidation";
  /** Random id of the process that tells it. */
  readonly sender: string;
  readonly tagHashes: readonly TagHash[];
  /** The change may still land for so long after it was told (unknown outcome); 0 = it is over. */
  readonly pendingForMs: number;
  /** Confirm or kill: an entry under this key, with these tags, that shows this image may stay. */
  readonly image:
    | { readonly key: CacheKey; readonly tagHashes: readonly TagHash[]; readonly hash: string }
    | undefined;
}

/** The log was whole at `vouchesAtMs`: whoever has read up to here has everything that was appended before. */
export interface HeartbeatMessage {
  readonly kind: "heartbeat";
  readonly sender: string;
  /** Reference time; −Infinity = it vouches for nothing. */
  readonly vouchesAtMs: number;
  /** Reference time up to which each stream that the sender leads has been applied, by the stream's name. */
  readonly signs: ReadonlyMap<string, number>;
}

export type PeerMessage = InvalidationMessage | HeartbeatMessage;

const MAGIC = 0xd7;
const VERSION = 2;
const INVALIDATION = 1;
const HEARTBEAT = 2;
const HEAD_BYTES = 3;
const HASH_BYTES = 4;
const DOUBLE_BYTES = 8;
/** Of the longest unsigned 32-bit number. */
const NUMBER_BYTES_MAX = 5;

const IS_PENDING = 1;
const HAS_IMAGE = 2;

/** @throws RangeError for times that are no times */
export function encodePeerMessage(message: PeerMessage): Uint8Array {
  const kind = message.kind === "invalidation" ? INVALIDATION : HEARTBEAT;
  const writer = new Writer(sizeMax(message));
  for (const byte of [MAGIC, VERSION, kind]) writer.byte(byte);
  writer.text(message.sender);
  if (message.kind === "invalidation") writeInvalidation(writer, message);
  else writeHeartbeat(writer, message);
  return writer.written();
}

/** Undefined: not ours, damaged, or of another version. Who reads such a thing in the log has missed something. */
export function decodePeerMessage(bytes: Uint8Array): PeerMessage | undefined {
  if (bytes.byteLength < HEAD_BYTES || bytes[0] !== MAGIC || bytes[1] !== VERSION) return undefined;
  const reader = new Reader(bytes, HEAD_BYTES);
  try {
    const message = decodeParts[bytes[2] ?? 0]?.(reader);
    return reader.isAtEnd ? message : undefined;
  } catch (error) {
    // Cut off (RangeError), or no UTF-8 (TypeError).
    if (error instanceof RangeError || error instanceof TypeError) return undefined;
    throw error;
  }
}

const decodeParts: Readonly<Record<number, (reader: Reader) => PeerMessage>> = {
  [INVALIDATION]: readInvalidation,
  [HEARTBEAT]: readHeartbeat,
};

function writeInvalidation(writer: Writer, message: InvalidationMessage): void {
  const { tagHashes, pendingForMs, image } = message;
  const isPending = pendingForMs !== 0;
  writer.byte((isPending ? IS_PENDING : 0) | (image === undefined ? 0 : HAS_IMAGE));
  writer.hashes(tagHashes);
  if (isPending) writer.time(pendingForMs);
  if (image === undefined) return;
  writer.text(image.key);
  writer.hashes(image.tagHashes);
  writer.text(image.hash);
}

function readInvalidation(reader: Reader): InvalidationMessage {
  const sender = reader.text();
  const flags = reader.byte();
  if ((flags & ~(IS_PENDING | HAS_IMAGE)) !== 0) throw new RangeError("unknown flags");
  const tagHashes = reader.hashes();
  const pendingForMs = flags & IS_PENDING ? reader.time() : 0;
  if (pendingForMs < 0) throw new RangeError("pending for less than nothing");
  const image =
    flags & HAS_IMAGE
      ? { key: reader.text() as CacheKey, tagHashes: reader.hashes(), hash: reader.text() }
      : undefined;
  return { kind: "invalidation", sender, tagHashes, pendingForMs, image };
}

function writeHeartbeat(writer: Writer, { vouchesAtMs, signs }: HeartbeatMessage): void {
  writer.time(vouchesAtMs);
  writer.number(signs.size);
  for (const [name, atMs] of signs) {
    writer.text(name);
    writer.time(atMs);
  }
}

function readHeartbeat(reader: Reader): HeartbeatMessage {
  const sender = reader.text();
  const vouchesAtMs = reader.time();
  const signs = new Map<string, number>();
  for (let left = reader.number(); left > 0; left--) signs.set(reader.text(), reader.time());
  return { kind: "heartbeat", sender, vouchesAtMs, signs };
}

/** Three bytes of UTF-8 for a UTF-16 unit are enough. */
const textBytesMax = (text: string) => NUMBER_BYTES_MAX + 3 * text.length;
const hashesBytes = (hashes: readonly TagHash[]) => NUMBER_BYTES_MAX + HASH_BYTES * hashes.length;

function sizeMax(message: PeerMessage): number {
  let size = HEAD_BYTES + textBytesMax(message.sender) + DOUBLE_BYTES + NUMBER_BYTES_MAX;
  if (message.kind === "heartbeat") {
    for (const name of message.signs.keys()) size += textBytesMax(name) + DOUBLE_BYTES;
    return size;
  }
  const { tagHashes, image } = message;
  size += 1 + hashesBytes(tagHashes);
  if (image === undefined) return size;
  return size + textBytesMax(image.key) + hashesBytes(image.tagHashes) + textBytesMax(image.hash);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

class Writer {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(size: number) {
    this.#bytes = new Uint8Array(size);
    this.#view = new DataView(this.#bytes.buffer);
  }

  byte(value: number): void {
    this.#bytes[this.#at] = value;
    this.#at += 1;
  }

  number(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  text(value: string): void {
    const utf8 = encoder.encode(value);
    this.number(utf8.byteLength);
    this.#bytes.set(utf8, this.#at);
    this.#at += utf8.byteLength;
  }

  hashes(hashes: readonly TagHash[]): void {
    this.number(hashes.length);
    for (const hash of hashes) {
      this.#view.setUint32(this.#at, hash, true);
      this.#at += HASH_BYTES;
    }
  }

  time(ms: number): void {
    if (!isTime(ms)) throw new RangeError(`not a time: ${ms}`);
    this.#view.setFloat64(this.#at, ms, true);
    this.#at += DOUBLE_BYTES;
  }

  /** A copy without what was reserved and not used: it may wait in a queue. */
  written(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }
}

/** Throws a RangeError where the bytes end too early. */
class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.byteLength;
  }

  byte(): number {
    const value = this.#view.getUint8(this.#at);
    this.#at += 1;
    return value;
  }

  number(): number {
    let value = 0;
    for (let shift = 0; shift < 7 * NUMBER_BYTES_MAX; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError("a number too long");
  }

  text(): string {
    return decoder.decode(this.#take(this.number()));
  }

  hashes(): TagHash[] {
    const count = this.number();
    const from = this.#at;
    // Before the array is made: the bytes bound it, not what they claim.
    this.#take(count * HASH_BYTES);
    return Array.from(
      { length: count },
      (_, at) => this.#view.getUint32(from + HASH_BYTES * at, true) as TagHash,
    );
  }

  time(): number {
    const ms = this.#view.getFloat64(this.#at, true);
    this.#at += DOUBLE_BYTES;
    if (!isTime(ms)) throw new RangeError("not a time");
    return ms;
  }

  #take(length: number): Uint8Array {
    if (length > this.#bytes.byteLength - this.#at) throw new RangeError("cut off");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

/** −Infinity is one: before everything. */
function isTime(ms: number): boolean {
  return ms < Number.POSITIVE_INFINITY;
}
