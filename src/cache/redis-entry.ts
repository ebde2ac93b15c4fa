/**
 * How an entry stands in Redis: a header of fixed places, then the tokens under which it was read, then the body.
 *
 *     0      format (1)
 *     1..16  token of the first tag  ┐ where the store's script finds them to confirm
 *     17..38 image hash, or zeros    ┘ an entry or to leave it dead (shared-store.ts)
 *     39     flags: 1 = negative, 2 = compressed
 *     40     when its upstream read began, reference time, earliest estimate (double)
 *     48     read units (double)
 *     56     CRC-32 of the body, uncompressed
 *     60     bytes of the body, uncompressed
 *     64     number of further tokens, 16 bytes each, in the order of the tags
 */

import { promisify } from "node:util";
import { crc32, zstdCompress, zstdDecompress, zstdDecompressSync } from "node:zlib";

export interface FarEntry extends FarAnswer {
  /** One for each tag of the entry, in their order. */
  readonly tokens: readonly string[];
  /** "" = not an item, or one without a canonical form. */
  readonly imageHash: string;
}

/** An entry without what it is checked by. */
export interface FarAnswer {
  readonly readAtMs: number;
  readonly units: number;
  readonly negative: boolean;
  readonly crc32: number;
  readonly body: Uint8Array;
}

const format = 1;
const tokenBytes = 16;
const hashBytes = 22;
const headBytes = 65;
const flags = { negative: 1, compressed: 2 };
/** Above this, decompression leaves the event loop alone. */
const syncBytesMax = 64 * 1024;

// Node before 22.15 has no zstd: then nothing is compressed, and what others compressed is not read.
const compress = typeof zstdCompress === "function" ? promisify(zstdCompress) : undefined;
const decompress = typeof zstdDecompress === "function" ? promisify(zstdDecompress) : undefined;

/** @param compressBytesMin bodies from this size on are compressed; 0 = none are */
export async function encodeEntry(entry: FarEntry, compressBytesMin: number): Promise<Uint8Array> {
  const { body, tokens } = entry;
  let packed: Uint8Array = body;
  if (compress !== undefined && compressBytesMin > 0 && body.byteLength >= compressBytesMin) {
    const smaller = await compress(body);
    if (smaller.byteLength < body.byteLength) packed = smaller;
  }
  const further = tokens.length - 1;
  const value = Buffer.alloc(headBytes + further * tokenBytes + packed.byteLength);
  value[0] = format;
  value.write(tokens[0] ?? "", 1, tokenBytes, "latin1");
  value.write(entry.imageHash, 1 + tokenBytes, hashBytes, "latin1");
  value[39] = (entry.negative ? flags.negative : 0) | (packed === body ? 0 : flags.compressed);
  value.writeDoubleLE(entry.readAtMs, 40);
  value.writeDoubleLE(entry.units, 48);
  value.writeUInt32LE(entry.crc32, 56);
  value.writeUInt32LE(body.byteLength, 60);
  value[64] = further;
  tokens.slice(1).forEach((token, at) => {
    value.write(token, headBytes + at * tokenBytes, tokenBytes, "latin1");
  });
  value.set(packed, headBytes + further * tokenBytes);
  return value;
}

/** The tokens of an entry, without looking at its body; undefined = not an entry that we can read. */
export function tokensOf(value: Uint8Array): string[] | undefined {
  const bytes = bytesOf(value);
  if (!isEntry(bytes)) return undefined;
  return Array.from({ length: 1 + (bytes[64] ?? 0) }, (_, at) => {
    const start = tokenStart(at);
    return bytes.toString("latin1", start, start + tokenBytes);
  });
}

/** Whether it carries exactly these tokens; false for what is not an entry that we can read. Makes no text of them. */
export function hasTokens(value: Uint8Array, states: readonly { readonly token: string }[]): boolean {
  if (!isEntry(value) || states.length !== 1 + (value[64] ?? 0)) return false;
  return states.every(({ token }, at) => isAt(value, tokenStart(at), token));
}

/** What it answers; undefined where it is damaged, or compressed in a way that this Node cannot undo. */
export function decodeEntry(value: Uint8Array): FarAnswer | undefined | Promise<FarAnswer | undefined> {
  const bytes = bytesOf(value);
  if (!isEntry(bytes)) return undefined;
  const packed = bytes.subarray(headBytes + (bytes[64] ?? 0) * tokenBytes);
  const size = bytes.readUInt32LE(60);
  const isCompressed = ((bytes[39] ?? 0) & flags.compressed) !== 0;
  if (isCompressed && size > syncBytesMax)
    return unpacked(packed, size).then((body) => answerOf(bytes, body));
  return answerOf(bytes, isCompressed ? unpackedNow(packed, size) : packed);
}

function answerOf(bytes: Buffer, body: Uint8Array | undefined): FarAnswer | undefined {
  const checksum = bytes.readUInt32LE(56);
  if (body?.byteLength !== bytes.readUInt32LE(60) || crc32(body) !== checksum) return undefined;
  return {
    readAtMs: bytes.readDoubleLE(40),
    units: bytes.readDoubleLE(48),
    negative: ((bytes[39] ?? 0) & flags.negative) !== 0,
    crc32: checksum,
    // Memory of its own: what came from the socket or out of zstd may be a small part of a large buffer.
    body: new Uint8Array(body),
  };
}

function bytesOf(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

function isEntry(value: Uint8Array): boolean {
  if (value.byteLength < headBytes || value[0] !== format) return false;
  return value.byteLength >= headBytes + (value[64] ?? 0) * tokenBytes;
}

/** The first one stands apart from the others. */
function tokenStart(at: number): number {
  return at === 0 ? 1 : headBytes + (at - 1) * tokenBytes;
}

function isAt(value: Uint8Array, start: number, token: string): boolean {
  if (token.length !== tokenBytes) return false;
  for (let at = 0; at < tokenBytes; at += 1) if (value[start + at] !== token.charCodeAt(at)) return false;
  return true;
}

async function unpacked(packed: Uint8Array, size: number): Promise<Uint8Array | undefined> {
  return decompress?.(packed, boundOf(size)).catch(() => undefined);
}

function unpackedNow(packed: Uint8Array, size: number): Uint8Array | undefined {
  if (decompress === undefined) return undefined;
  try {
    return zstdDecompressSync(packed, boundOf(size));
  } catch {
    return undefined;
  }
}

/** No more memory than was announced, whatever comes out. */
function boundOf(size: number) {
  return { maxOutputLength: Math.max(size, 1) };
}
