/** Bytes that keep nothing else alive: what is stored for long must not pin a larger buffer that it was cut from. */

/**
 * The parts in one buffer of exactly their length. Small Buffers otherwise share 8 KiB slabs, and a slice of a reply
 * holds all of it, so that the cache's byte bound would count a fraction of what it keeps.
 */
export function ownBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only && only.byteLength === only.buffer.byteLength) return only;
  let length = 0;
  for (const part of parts) length += part.byteLength;
  const bytes = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}
