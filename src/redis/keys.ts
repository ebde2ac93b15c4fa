/**
 * Names of keys in Redis. Names of the callers are hashed, so keys are short whatever the name is, and what stands in
 * braces is all that a Cluster computes the slot from: an entry stands in the slot of its tag.
 */

import { hash } from "node:crypto";
import type { EntryName } from "./shared-store.ts";

const HASH_BYTES = 16;
export const SLOTS = 16_384;

export interface Key {
  readonly name: string;
  /** The slot of a Cluster. */
  readonly slot: number;
}

/** The keys of one fleet: those that share a prefix. */
export class Keys {
  readonly #prefix: string;
  readonly log: Key;

  /** Throws if the prefix has a brace: it would decide about slots. */
  constructor(prefix: string) {
    if (/[{}]/.test(prefix)) throw new Error("the prefix of keys in Redis must not have braces");
    this.#prefix = prefix;
    this.log = this.#key("log:", "log", "");
  }

  tag(tag: string): Key {
    return this.#key("t:", hashed(tag), "");
  }

  entry({ key, tag }: EntryName): Key {
    return this.#key("e:", hashed(tag), hashed(key));
  }

  lease(name: string): Key {
    return this.#key("l:", hashed(name), "");
  }

  checkpoint(name: string): Key {
    return this.#key("c:", hashed(name), "");
  }

  /** Where a master keeps its ids: in a slot that is its own, the same one for everybody who sees the same Cluster. */
  ids(owns: (slot: number) => boolean): Key {
    for (let at = 0; at < IDS_TRIES_MAX; at++) {
      const slot = slotOf(String(at));
      if (owns(slot)) return { name: `${this.#prefix}ids:{${at}}`, slot };
    }
    throw new Error("a master has no slot that could be named");
  }

  #key(kind: string, braced: string, rest: string): Key {
    return { name: `${this.#prefix}${kind}{${braced}}${rest}`, slot: slotOf(braced) };
  }
}

/** So many numbers hit each of the 16,384 slots, with one or two to spare: a master with a single slot is found too. */
const IDS_TRIES_MAX = 1_000_000;

/** 128 bits of SHA-256, 22 characters. */
function hashed(name: string): string {
  return hash("sha256", name, "buffer").subarray(0, HASH_BYTES).toString("base64url");
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
