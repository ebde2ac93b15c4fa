/**
 * Binary values as they stand on the wire: base64 text, taken only where the text is the bytes' one spelling.
 */

/**
 * True where `text` is the base64 that DynamoDB itself would return for these bytes. It also accepts others
 * (`"YR=="`, line ends: test/wire/keys.test.ts); those are left to it, because two spellings of one key would
 * otherwise look like two keys.
 */
export function isCanonicalBase64(text: string): boolean {
  if (text.length % 4 !== 0) return false;
  return Buffer.from(text, "base64").toString("base64") === text;
}

/** Number of bytes that a canonical base64 text stands for. */
export function base64ByteLength(text: string): number {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return (text.length / 4) * 3 - padding;
}
