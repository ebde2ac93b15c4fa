// What is claimed about stored items, and what is not. test/wire/stored-image.test.ts compares it with
// DynamoDB Local.

import { describe, expect, test } from "vitest";
import { storedImage } from "../../../src/dynamodb/stored-image.ts";

const unchanged: readonly unknown[] = [
  {},
  { pk: { S: "a" }, n: { N: "1" }, b: { B: "YQ==" }, t: { BOOL: false }, z: { NULL: true } },
  {
    e: { S: "" },
    f: { B: "" },
    l: { L: [] },
    m: { M: {} },
    s: { SS: ["a"] },
    n: { NS: ["0.5"] },
    b: { BS: ["YQ=="] },
  },
  { m: { M: { a: { L: [{ M: { b: { N: "-1.5" } } }] } } } },
];

const unknown: readonly unknown[] = [
  ...[
    undefined,
    null,
    1,
    [],
    { a: null },
    { a: {} },
    { a: { X: "b" } },
    { a: { S: "b", N: "1" } },
    { a: { S: 1 } },
  ],
  ...[
    { a: { N: "1e2" } },
    { a: { N: "1E0" } },
    { a: { N: "x" } },
    { a: { N: 1 } },
    { a: { N: `1${"0".repeat(38)}` } },
  ],
  ...[
    { a: { N: "0.0000001" } },
    { a: { N: "1".repeat(39) } },
    { a: { NS: ["1e1"] } },
    { a: { NS: ["1", "2"] } },
  ],
  ...[{ a: { SS: ["a", "b"] } }, { a: { BS: ["YQ==", "Yg=="] } }, { a: { SS: [] } }, { a: { SS: "a" } }],
  ...[
    { a: { B: "YR==" } },
    { a: { BS: ["YQ"] } },
    { a: { NULL: false } },
    { a: { BOOL: "true" } },
    { a: { L: {} } },
  ],
  ...[
    { a: { M: [] } },
    { a: { M: { "": { S: "a" } } } },
    { "": { S: "a" } },
    { a: { L: [{ SS: ["a", "b"] }] } },
  ],
  ...[{ a: { L: [{ N: "1.0" }] } }, { a: { M: { b: { N: "+1" } } } }, { a: { L: [{ NS: ["01"] }] } }],
  ...[{ a: { S: "\ud800" } }, { "\ud800": { S: "a" } }, { a: { toString: "b" } }, nested(32)],
];

describe("storedImage", () => {
  test.each(unchanged.map((item) => [item]))("%j is stored as it is", (item) => {
    expect(storedImage(item)).toBe(item);
  });

  test.each(unknown.map((item) => [item]))("%j is not vouched for", (item) => {
    expect(storedImage(item)).toBeUndefined();
  });

  test("numbers come back as plain decimals, and the request's item stays as it was", () => {
    const item = {
      same: { S: "x" },
      n: { N: "+01.50" },
      s: { NS: ["-0"] },
      l: { L: [{ N: "1" }] },
    };
    const before = structuredClone(item);
    const image = storedImage(item);
    expect(image).toEqual({
      same: { S: "x" },
      n: { N: "1.5" },
      s: { NS: ["0"] },
      l: { L: [{ N: "1" }] },
    });
    expect(item).toEqual(before);
    expect(image?.same).toBe(item.same);
  });

  test("31 levels within an attribute are stored", () => {
    expect(storedImage(nested(31))).toBeDefined();
  });

  test("a member named __proto__ stays a member", () => {
    for (const text of [
      '{"__proto__":{"N":"1.0"},"a":{"N":"2.0"}}',
      '{"a":{"M":{"__proto__":{"S":"y"},"constructor":{"S":"x"}}},"__proto__":{"N":"1"},"b":{"N":"01"}}',
    ]) {
      const image = storedImage(JSON.parse(text));
      expect(JSON.stringify(image)).toBe(text.replaceAll(".0", "").replace("01", "1"));
      expect(Object.getPrototypeOf(image)).toBe(Object.prototype);
    }
  });
});

function nested(levels: number): unknown {
  let value: unknown = { S: "leaf" };
  for (let level = 0; level < levels; level += 1) value = level % 2 ? { L: [value] } : { M: { a: value } };
  return { a: value };
}
