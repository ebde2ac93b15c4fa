/** Entries as they stand in Redis: everything comes back, and damage is noticed. */

import { crc32 } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeEntry,
  encodeEntry,
  type FarEntry,
  hasTokens,
  tokensOf,
} from "../../../src/cache/redis-entry.ts";

const token = fc.string({ minLength: 16, maxLength: 16, unit: fc.constantFrom(..."abcXYZ019-_") });
const entries: fc.Arbitrary<FarEntry> = fc
  .record({
    tokens: fc.array(token, { minLength: 1, maxLength: 6 }),
    imageHash: fc.constantFrom("", "0123456789abcdefghijkl"),
    readAtMs: fc.double({ min: 0, max: 4e12, noNaN: true }),
    units: fc.double({ min: 0, max: 1e6, noNaN: true }),
    negative: fc.boolean(),
    body: fc.uint8Array({ maxLength: 5_000 }),
  })
  .map((entry) => ({ ...entry, crc32: crc32(entry.body) }));

describe("an entry in Redis", () => {
  it("comes back as it went, compressed or not", async () => {
    await fc.assert(
      fc.asyncProperty(entries, fc.constantFrom(0, 1, 1000), async (entry, compressBytesMin) => {
        const value = await encodeEntry(entry, compressBytesMin);
        expect(tokensOf(value)).toEqual(entry.tokens);
        const { body, ...rest } = (await decodeEntry(value)) ?? expect.fail("not decoded");
        const { body: sent, tokens: _tokens, imageHash: _imageHash, ...expected } = entry;
        expect(rest).toEqual(expected);
        expect(Buffer.compare(body, sent)).toBe(0);
      }),
    );
  });

  it("has its own tokens, and no others", async () => {
    const foreign = fc.array(token, { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(
        entries,
        foreign,
        fc.nat(),
        fc.nat({ max: 15 }),
        async (entry, others, which, place) => {
          const value = await encodeEntry(entry, 0);
          const states = (tokens: readonly string[]) => tokens.map((one) => ({ token: one }));
          expect(hasTokens(value, states(entry.tokens))).toBe(true);
          expect(hasTokens(value, states(others))).toBe(others.join() === entry.tokens.join());
          expect(hasTokens(value, states([...entry.tokens, ...others]))).toBe(false);
          expect(hasTokens(value, states(entry.tokens.slice(1)))).toBe(false);
          expect(
            hasTokens(value.subarray(0, which % (49 + 16 * entry.tokens.length)), states(entry.tokens)),
          ).toBe(false);
          const at = which % entry.tokens.length;
          const altered = entry.tokens.map((one, index) =>
            index === at ? `${one.slice(0, place)}#${one.slice(place + 1)}` : one,
          );
          expect(hasTokens(value, states(altered))).toBe(false);
          expect(hasTokens(value, states(altered.map((one) => one.slice(1))))).toBe(false);
        },
      ),
    );
  });

  it("comes back in memory that is no larger than it", async () => {
    const body = Buffer.alloc(2_000, "abc");
    const entry = { tokens: ["t".repeat(16)], imageHash: "", readAtMs: 1, units: 1, negative: false };
    for (const compressBytesMin of [0, 1_000]) {
      const value = await encodeEntry({ ...entry, body, crc32: crc32(body) }, compressBytesMin);
      expect((await decodeEntry(value))?.body.buffer.byteLength).toBe(2_000);
    }
  });

  it("has its first token and its image hash where the store's script looks for them", async () => {
    const body = Buffer.from("{}");
    const entry = { tokens: ["A".repeat(16), "B".repeat(16)], readAtMs: 1, units: 0.5, negative: true, body };
    const value = await encodeEntry({ ...entry, imageHash: "h".repeat(22), crc32: crc32(body) }, 0);
    expect(value[0]).toBe(1);
    expect(Buffer.from(value.subarray(1, 17)).toString()).toBe("A".repeat(16));
    expect(Buffer.from(value.subarray(17, 39)).toString()).toBe("h".repeat(22));
  });

  it("is smaller when compressed, and never larger than it was", async () => {
    const large = Buffer.alloc(100_000, "abc");
    const entry = { tokens: ["t".repeat(16)], imageHash: "", readAtMs: 1, units: 1, negative: false };
    const packed = await encodeEntry({ ...entry, body: large, crc32: crc32(large) }, 1);
    expect(packed.byteLength).toBeLessThan(2_000);
    expect((await decodeEntry(packed))?.body.byteLength).toBe(large.byteLength);
    const dense = Uint8Array.from({ length: 300 }, (_, at) => (at * 7919 + ((at * at) % 251)) % 256);
    const stored = await encodeEntry({ ...entry, body: dense, crc32: crc32(dense) }, 1);
    expect(stored.byteLength).toBeLessThanOrEqual(65 + dense.byteLength);
  });

  it("is not read when it is cut short, altered in its body, or something else", async () => {
    await fc.assert(
      fc.asyncProperty(entries, fc.nat(), fc.integer({ min: 1, max: 255 }), async (entry, where, change) => {
        fc.pre(entry.body.byteLength > 0);
        const value = await encodeEntry(entry, 0);
        expect(await decodeEntry(value.subarray(0, where % value.byteLength))).toBeUndefined();
        const altered = Uint8Array.from(value);
        const at = value.byteLength - 1 - (where % entry.body.byteLength);
        altered[at] = altered[at]! ^ change;
        expect(await decodeEntry(altered)).toBeUndefined();
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (garbage) => {
        fc.pre(garbage[0] !== 1);
        expect(await decodeEntry(garbage)).toBeUndefined();
      }),
    );
  });
});
