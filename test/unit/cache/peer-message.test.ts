// What nodes tell each other survives the way through bytes; bytes that are no message never throw.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodePeerMessage,
  encodePeerMessage,
  type HeartbeatMessage,
  type InvalidationMessage,
  type PeerMessage,
} from "../../../src/cache/peer-message.ts";
import type { CacheKey, TagHash } from "../../../src/cache/tier.ts";

const hashes = fc.array(fc.integer({ min: 0, max: 0xffff_ffff }).map((hash) => hash as TagHash));
const text = fc.string({ unit: "grapheme", maxLength: 300 });
const time = fc
  .double({ noNaN: true })
  .filter((ms) => ms < Number.POSITIVE_INFINITY)
  .map((ms) => ms + 0);

const invalidation: fc.Arbitrary<InvalidationMessage> = fc.record({
  kind: fc.constant("invalidation" as const),
  sender: text,
  tagHashes: hashes,
  pendingForMs: fc.oneof(fc.constant(0), fc.double({ min: 0.001, max: 1e9, noNaN: true })),
  image: fc.option(fc.record({ key: text.map((key) => key as CacheKey), tagHashes: hashes, hash: text }), {
    nil: undefined,
  }),
});

const heartbeat: fc.Arbitrary<HeartbeatMessage> = fc.record({
  kind: fc.constant("heartbeat" as const),
  sender: text,
  vouchesAtMs: time,
  signs: fc.array(fc.tuple(text, time)).map((signs) => new Map(signs)),
});

const message: fc.Arbitrary<PeerMessage> = fc.oneof(invalidation, heartbeat);

const plain: InvalidationMessage = {
  kind: "invalidation",
  sender: "s",
  tagHashes: [1, 2, 3].map((hash) => hash as TagHash),
  pendingForMs: 0,
  image: undefined,
};

describe("a peer message", () => {
  it("is what it was, after its way through bytes", () => {
    fc.assert(
      fc.property(message, (one) => {
        expect(decodePeerMessage(encodePeerMessage(one))).toEqual(one);
      }),
    );
  });

  it("is read wherever in its buffer it stands", () => {
    const bytes = encodePeerMessage(plain);
    const buffer = new Uint8Array(bytes.byteLength + 10).fill(255);
    buffer.set(bytes, 5);
    expect(decodePeerMessage(buffer.subarray(5, 5 + bytes.byteLength))).toEqual(plain);
  });

  it("takes four bytes for a tag", () => {
    const more = { ...plain, tagHashes: [...plain.tagHashes, 0xffff_ffff as TagHash] };
    expect(encodePeerMessage(more).byteLength - encodePeerMessage(plain).byteLength).toBe(4);
    expect(encodePeerMessage(plain).byteLength).toBe(3 + 2 + 1 + 1 + 12);
  });

  it("is not written with a time that is none", () => {
    const beat = { kind: "heartbeat", sender: "s", vouchesAtMs: Number.NaN, signs: new Map() } as const;
    expect(() => encodePeerMessage(beat)).toThrow(RangeError);
    expect(() => encodePeerMessage({ ...plain, pendingForMs: Number.POSITIVE_INFINITY })).toThrow(RangeError);
  });
});

describe("bytes that are no message", () => {
  it("never throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decodePeerMessage(bytes);
        decodePeerMessage(Uint8Array.from([0xd7, 1, 1, ...bytes]));
        decodePeerMessage(Uint8Array.from([0xd7, 1, 2, ...bytes]));
      }),
    );
  });

  it("are no message either if they were one, and were cut or lengthened", () => {
    fc.assert(
      fc.property(message, fc.nat(), (one, at) => {
        const bytes = encodePeerMessage(one);
        expect(decodePeerMessage(bytes.subarray(0, at % bytes.byteLength))).toBeUndefined();
        expect(decodePeerMessage(Uint8Array.from([...bytes, 0]))).toBeUndefined();
      }),
    );
  });

  it.each([
    ["nothing", []],
    ["another magic", [0xd8, 2, 1]],
    ["another version", [0xd7, 1, 1, 0, 0, 0]],
    ["another kind", [0xd7, 2, 3, 0, 0, 0]],
    ["kind 0", [0xd7, 2, 0, 0, 0, 0]],
    ["unknown flags", [0xd7, 2, 1, 0, 4, 0]],
    ["four thousand million tags", [0xd7, 2, 1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ["a number without end", [0xd7, 2, 1, 0, 0, ...Array.from({ length: 40 }, () => 0xff)]],
    ["no UTF-8", [0xd7, 2, 1, 1, 0xff, 0, 0]],
    ["a time that is none", [0xd7, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f, 0]],
  ])("%s", (_, bytes) => {
    expect(decodePeerMessage(Uint8Array.from(bytes))).toBeUndefined();
  });
});
