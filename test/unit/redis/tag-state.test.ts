/** Tags as Redis gives them: the short way for the usual ones says the same as the long one. */

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tagOf } from "../../../src/redis/tag-state.ts";

const nowMs = 1_000;
const token = fc.string({ minLength: 16, maxLength: 16, unit: fc.constantFrom(..."abcXYZ019-_") });
const ends = fc.array(fc.nat({ max: 2_000 }), { maxLength: 3 });
const bytes = (...texts: readonly string[]): Buffer[] => texts.map((text) => Buffer.from(text));

describe("a tag", () => {
  it("is the same in whatever order its fields come, with marks and without", () => {
    fc.assert(
      fc.property(token, fc.nat(), fc.nat({ max: 2 }), ends, (t, changed, born, ends) => {
        const birth = born > 0 ? [bytes("b", String(born))] : [];
        const marks = ends.map((endsMs, at) => bytes(`m:${at}`, String(endsMs)));
        const fields = [bytes("t", t), bytes("c", String(changed)), ...birth, ...marks];
        const expected = {
          token: t,
          changedAtMs: Math.max(changed, ...ends.filter((endsMs) => endsMs <= nowMs)),
          bornAtMs: born,
          marks: new Map(ends.flatMap((endsMs, at) => (endsMs > nowMs ? [[`${at}`, endsMs] as const] : []))),
        };
        expect(tagOf(fields.flat(), nowMs)).toEqual(expected);
        expect(tagOf(fields.reverse().flat(), nowMs)).toEqual(expected);
      }),
    );
  });

  it("is absent when it has no fields, and refused when it is none", () => {
    expect(tagOf([], nowMs)).toBeUndefined();
    const damaged = [
      bytes("t", "short", "c", "1"),
      bytes("t", "a".repeat(16), "c", "1.5"),
      bytes("t", "a".repeat(16), "x", "1"),
      bytes("t", "a".repeat(16)),
      bytes("t", "a".repeat(16), "c", "1", "b", "x"),
      [...bytes("t"), 1, ...bytes("c", "1")],
    ];
    for (const fields of damaged) expect(() => tagOf(fields, nowMs)).toThrow();
    for (const reply of [null, 1, Buffer.from("t")]) expect(() => tagOf(reply, nowMs)).toThrow();
  });
});
