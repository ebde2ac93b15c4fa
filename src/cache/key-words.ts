/** A key as whole words of memory: written once for each look-up, then hashed and compared a word at a time. */

const encoder = new TextEncoder();

export class KeyWords {
  readonly words: Uint32Array;
  byteLength = 0;
  wordLength = 0;
  /** Not all of it is ASCII: two bytes a character. Otherwise one. */
  isWide = false;
  hash = 0;
  readonly #bytes: Buffer;
  /** Nobody outside can choose keys that all have the same hash. */
  readonly #seed = crypto.getRandomValues(new Uint32Array(1))[0]!;

  /** @param bytesMax of a key, a multiple of 4 */
  constructor(bytesMax: number) {
    const memory = new ArrayBuffer(bytesMax);
    this.#bytes = Buffer.from(memory);
    this.words = new Uint32Array(memory);
  }

  /** @returns false if the key is too long */
  read(key: string): boolean {
    const { length } = key;
    const bytes = this.#bytes;
    if (length + 4 > bytes.length) return false;
    // A character outside of ASCII takes more than one byte of UTF-8, or is lost: then the key's own form is taken.
    this.isWide = encoder.encodeInto(key, bytes).written !== length;
    if (this.isWide) {
      if (2 * length + 4 > bytes.length) return false;
      bytes.write(key, "utf16le");
    }
    this.byteLength = this.isWide ? 2 * length : length;
    bytes[this.byteLength] = bytes[this.byteLength + 1] = bytes[this.byteLength + 2] = 0;
    this.wordLength = (this.byteLength + 3) >>> 2;
    this.hash = this.#hash();
    return true;
  }

  /** Rotated before each product, which only moves up what is in it; mixed at the end. */
  #hash(): number {
    const { words, wordLength } = this;
    let h = this.#seed ^ this.byteLength;
    for (let at = 0; at < wordLength; at += 1)
      h = Math.imul(((h << 5) | (h >>> 27)) ^ words[at]!, 0x9e3779b1);
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return (h ^ (h >>> 16)) >>> 0;
  }
}
