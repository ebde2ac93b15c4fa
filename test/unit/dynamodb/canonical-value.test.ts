// The canonical text of attribute values: never the same for two values, always the same for one.

import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalValue } from "../../../src/dynamodb/canonical-value.ts";
import type { AttributeValue } from "../../../src/dynamodb/model.ts";

const refused: readonly unknown[] = [
  ...[undefined, null, 1, "a", [], {}, { X: "a" }, { s: "a" }, { S: "a", N: "1" }, { S: "a", X: "b" }],
  ...[{ S: 1 }, { S: null }, { S: ["a"] }, { S: "\ud800" }, { N: 1 }, { N: "" }, { N: "x" }, { N: "1e126" }],
  ...[{ B: "YR==" }, { B: "YQ" }, { B: "YQ==\n" }, { B: "-_-_" }, { B: "YQ==YQ==" }, { B: "====" }, { B: 1 }],
  ...[{ BOOL: "true" }, { BOOL: 1 }, { BOOL: null }, { NULL: false }, { NULL: "true" }, { NULL: null }],
  ...[{ SS: [] }, { NS: [] }, { BS: [] }, { SS: "a" }, { SS: [1] }, { SS: [null] }, { SS: ["a", "a"] }],
  ...[
    { NS: ["1", "1.0"] },
    { NS: ["x"] },
    { BS: ["YQ==", "YQ=="] },
    { BS: ["YR=="] },
    { L: {} },
    { L: null },
  ],
  ...[{ L: [null] }, { L: [{}] }, { M: [] }, { M: null }, { M: { "": { S: "a" } } }, { M: { a: null } }],
  ...[
    { toString: "a" },
    { constructor: "a" },
    JSON.parse('{"__proto__":"a"}'),
    { M: { "\udc00": { S: "a" } } },
  ],
];

describe("canonicalValue", () => {
  test.each(refused.map((value) => [value]))("%j has no canonical text", (value) => {
    expect(canonicalValue(value)).toBeUndefined();
  });

  test("types are kept apart", () => {
    const values = [{ S: "1" }, { N: "1" }, { B: "1111" }, { S: "1111" }, { SS: ["1"] }, { NS: ["1"] }];
    const empty = [
      { S: "" },
      { B: "" },
      { L: [] },
      { M: {} },
      { SS: [""] },
      { BS: [""] },
      { L: [{ S: "" }] },
    ];
    const more = [{ BOOL: true }, { BOOL: false }, { NULL: true }, { S: "true" }, { L: [{ N: "1" }] }];
    const texts = [...values, ...empty, ...more].map(canonicalValue);
    expect(texts).not.toContain(undefined);
    expect(new Set(texts).size).toBe(texts.length);
  });

  test("31 levels of lists and maps are taken, 32 are not", () => {
    expect(canonicalValue(nested(31))).toBeDefined();
    expect(canonicalValue(nested(32))).toBeUndefined();
  });

  test("a member named __proto__ counts", () => {
    const value: unknown = JSON.parse('{"M":{"__proto__":{"S":"a"}}}');
    expect(canonicalValue(value)).not.toBe(canonicalValue({ M: {} }));
    expect(canonicalValue(value)).not.toBe(canonicalValue(JSON.parse('{"M":{"__proto__":{"S":"b"}}}')));
  });

  test("values have the same text exactly if they are the same", () => {
    let same = 0;
    fc.assert(
      fc.property(anyValue(), anyValue(), (one, other) => {
        const equal = isDeepStrictEqual(one, other);
        if (equal) same += 1;
        expect(canonicalValue(one) === canonicalValue(other)).toBe(equal);
      }),
      { numRuns: 5000 },
    );
    expect(same).toBeGreaterThan(20);
  });

  test("spelling does not matter: number forms, order of sets and of map members", () => {
    fc.assert(
      fc.property(anyValue(), (value) => {
        const text = canonicalValue(value);
        expect(text).toBeDefined();
        expect(canonicalValue(respelt(value))).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });
});

function nested(levels: number): AttributeValue {
  let value: AttributeValue = { S: "leaf" };
  for (let level = 0; level < levels; level += 1) value = level % 2 ? { L: [value] } : { M: { a: value } };
  return value;
}

/** Values in normal form over a tiny alphabet, so that equal and almost equal ones are common. */
function anyValue(): fc.Arbitrary<AttributeValue> {
  const text = fc.string({ unit: fc.constantFrom("a", "1", ":", ";", "S", "N", "é", "😀"), maxLength: 3 });
  const name = text.filter((chars) => chars !== "");
  const number = fc.constantFrom("0", "1", "-1", "10", "11", "0.1", "1.5");
  const binary = text.map((chars) => Buffer.from(chars).toString("base64"));
  const setOf = (element: fc.Arbitrary<string>) =>
    fc.uniqueArray(element, { minLength: 1, maxLength: 3 }).map((set) => set.sort());
  return fc.letrec<{ value: AttributeValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      fc.oneof(
        text.map((S) => ({ S })),
        number.map((N) => ({ N })),
        binary.map((B) => ({ B })),
        fc.boolean().map((BOOL) => ({ BOOL })),
        fc.constant({ NULL: true }),
        setOf(text).map((SS) => ({ SS })),
        setOf(number).map((NS) => ({ NS })),
        setOf(binary).map((BS) => ({ BS })),
      ),
      fc.array(tie("value"), { maxLength: 2 }).map((L) => ({ L })),
      fc
        .uniqueArray(fc.tuple(name, tie("value")), { maxLength: 2, selector: ([key]) => key })
        .map((members) => ({
          M: Object.fromEntries(members.sort()),
        })),
    ),
  })).value;
}

/** The same value, written as differently as possible. */
function respelt(value: AttributeValue): AttributeValue {
  const number = (text: string) => (text.includes(".") ? `${text}00` : `${text}0e-1`);
  if ("N" in value) return { N: number(value.N) };
  if ("NS" in value) return { NS: value.NS.map(number).reverse() };
  if ("SS" in value) return { SS: [...value.SS].reverse() };
  if ("BS" in value) return { BS: [...value.BS].reverse() };
  if ("L" in value) return { L: value.L.map(respelt) };
  if (!("M" in value)) return value;
  const members = Object.entries(value.M).map(([name, member]) => [name, respelt(member)] as const);
  return { M: Object.fromEntries(members.reverse()) };
}
