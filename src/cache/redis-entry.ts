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

export interface FarEntry {
  /** One for each tag of the entry, in their order. */
  readonly tokens: readonly string[];
  /** "" = not an item, or one without a canonical form. */
  readonly imageHash: string;
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
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (bytes.byteLength < headBytes || bytes[0] !== format) return undefined;
  const further = bytes[64] ?? 0;
  if (bytes.byteLength < headBytes + further * tokenBytes) return undefined;
  const tokens = [bytes.toString("latin1", 1, 1 + tokenBytes)];
  for (let at = 0; at < further; at += 1) {
    const start = headBytes + at * tokenBytes;
    tokens.push(bytes.toString("latin1", start, start + tokenBytes));
  }
  return tokens;
}

/** The whole entry; undefined where it is damaged, or compressed in a way that this Node cannot undo. */
export async function decodeEntry(value: Uint8Array): Promise<FarEntry | undefined> {
  const tokens = tokensOf(value);
  if (tokens === undefined) return undefined;
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const packed = bytes.subarray(headBytes + (tokens.length - 1) * tokenBytes);
  const flag = bytes[39] ?? 0;
  const size = bytes.readUInt32LE(60);
  const body = (flag & flags.compressed) === 0 ? packed : await unpacked(packed, size);
  const checksum = bytes.readUInt32LE(56);
  if (body?.byteLength !== size || crc32(body) !== checksum) return undefined;
  const hash = bytes.toString("latin1", 1 + tokenBytes, 1 + tokenBytes + hashBytes);
  return {
    tokens,
    imageHash: hash.startsWith("\0") ? "" : hash,
    readAtMs: bytes.readDoubleLE(40),
    units: bytes.readDoubleLE(48),
    negative: (flag & flags.negative) !== 0,
    crc32: checksum,
    // Memory of its own: what was read from the socket may be part of a larger buffer.
    body: body === packed ? Uint8Array.from(body) : body,
  };
}

async function unpacked(packed: Uint8Array, size: number): Promise<Uint8Array | undefined> {
  if (decompress === undefined) return undefined;
  try {
    const options = { maxOutputLength: Math.max(size, 1) };
    return size > syncBytesMax ? await decompress(packed, options) : zstdDecompressSync(packed, options);
  } catch {
    return undefined;
  }
}
