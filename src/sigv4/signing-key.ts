/** The key that signs for one access key on one day in one region and service, ready to compute HMACs quickly. */

import { createHmac, hash } from "node:crypto";

const blockBytes = 64;
const digestBytes = 32;

/** HMAC-SHA256 as RFC 2104 builds it, with the padded key prepared: half the time of createHmac on texts this short. */
export class SigningKey {
  readonly #outer: Buffer;
  /** The padded key followed by the text. Texts of one scope are all of one length, so it is rarely replaced. */
  #inner: Buffer;

  /** @param key the 32 bytes of kSigning */
  constructor(key: Uint8Array) {
    this.#inner = Buffer.alloc(blockBytes, 0x36);
    this.#outer = Buffer.alloc(blockBytes + digestBytes, 0x5c);
    for (const [at, byte] of key.entries()) {
      this.#inner[at] = byte ^ 0x36;
      this.#outer[at] = byte ^ 0x5c;
    }
  }

  /** Lower-case hex HMAC-SHA256 of an ASCII text. */
  sign(text: string): string {
    if (this.#inner.byteLength !== blockBytes + text.length) {
      const longer = Buffer.alloc(blockBytes + text.length);
      this.#inner.copy(longer, 0, 0, blockBytes);
      this.#inner = longer;
    }
    this.#inner.write(text, blockBytes, "latin1");
    this.#outer.write(hash("sha256", this.#inner, "latin1"), blockBytes, "latin1");
    return hash("sha256", this.#outer, "hex");
  }
}

/**
 * kSigning = HMAC(HMAC(HMAC(HMAC("AWS4" + secret, date), region), service), "aws4_request")
 * (IAM user guide, "Create a signed AWS API request").
 * @param date YYYYMMDD
 */
export function deriveSigningKey(secret: string, date: string, region: string, service: string): SigningKey {
  let key: string | Buffer = `AWS4${secret}`;
  for (const part of [date, region, service, "aws4_request"])
    key = createHmac("sha256", key).update(part).digest();
  return new SigningKey(Buffer.from(key));
}
