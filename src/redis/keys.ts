/**
 * Names of keys in Redis. Names of the callers are hashed, so keys are short whatever the name is, and what stands in
 * braces is all that a Cluster computes the slot from: an entry stands in the slot of its tag.
 */

import { hash } from "node:crypto";
import type { EntryName } from "./shared-store.ts";

const HASH_LENGTH = 22;
export const SLOTS = 16_384;

export interface Key {
  readonly name: string;
  /** The slot of a Cluster. */
  readonly slot: number;
}

/** What stands in braces, and the slot that a Cluster computes from it. */
interface Braced {
  readonly text: string;
  readonly slot: number;
}

function bracedOf(text: string): Braced {
  return { text, slot: slotOf(text) };
}

/** The keys of one fleet: those that share a prefix. */
export class Keys {
  readonly #prefix: string;
  readonly log: Key;
  /** The tag that was asked for last: its entry's key is asked for beside it. */
  #lastTag = "";
  #lastBraced: Braced;

  /** Throws if the prefix has a brace: it would decide about slots. */
  constructor(prefix: string) {
    if (/[{}]/.test(prefix)) throw new Error("the prefix of keys in Redis must not have braces");
    this.#prefix = prefix;
    this.log = this.#key("log:", bracedOf("log"), "");
    this.#lastBraced = bracedOf(hashed(this.#lastTag));
  }

  tag(tag: string): Key {
    return this.#key("t:", this.#ofTag(tag), "");
  }

  entry({ key, tag }: EntryName): Key {
    return this.#key("e:", this.#ofTag(tag), hashed(key));
  }

  lease(name: string): Key {
    return this.#key("l:", bracedOf(hashed(name)), "");
  }

  checkpoint(name: string): Key {
    return this.#key("c:", bracedOf(hashed(name)), "");
  }

  /** Where a master keeps its ids: in a slot that is its own, the same one for everybody who sees the same Cluster. */
  ids(owns: (slot: number) => boolean): Key {
    for (let at = 0; at < IDS_TRIES_MAX; at++) {
      const slot = slotOf(String(at));
      if (owns(slot)) return { name: `${this.#prefix}ids:{${at}}`, slot };
    }
    throw new Error("a master has no slot that could be named");
  }

  #ofTag(tag: string): Braced {
    if (tag !== this.#lastTag) {
      this.#lastTag = tag;
      this.#lastBraced = bracedOf(hashed(tag));
    }
    return this.#lastBraced;
  }

  #key(kind: string, { text, slot }: Braced, rest: string): Key {
    return { name: `${this.#prefix}${kind}{${text}}${rest}`, slot };
  }
}

/** So many numbers hit each of the 16,384 slots, with one or two to spare: a master with a single slot is found too. */
const IDS_TRIES_MAX = 1_000_000;

/** 132 bits of SHA-256. As text at once: a buffer in between would cost more than the hash. */
function hashed(name: string): string {
  return hash("sha256", name, "base64url").slice(0, HASH_LENGTH);
}

/** CRC-16/XMODEM, as Redis Cluster's specification has it. */
const CRC: Uint16Array = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

/** The slot of a hash tag in ASCII. */
export function slotOf(braced: string): number {
  let crc = 0;
  for (let at = 0; at < braced.length; at++) {
    crc = ((crc << 8) & 0xffff) ^ (CRC[((crc >> 8) ^ braced.charCodeAt(at)) & 0xff] ?? 0);
  }
  return crc % SLOTS;
}
