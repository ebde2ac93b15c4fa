// The byte scanner against JSON.parse.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  elementSlices,
  memberSlices,
  type Slice,
  withMember,
  withoutMember,
} from "../../../src/dynamodb/json-slices.ts";

const bytes = (text: string) => Buffer.from(text);
const textAt = (body: Uint8Array, slice: Slice) =>
  Buffer.from(body.subarray(slice.start, slice.end)).toString();

/** JSON texts with all the blanks, escapes and brackets inside strings that JSON allows. */
const jsonText: fc.Arbitrary<string> = fc
  .tuple(
    fc.jsonValue({ maxDepth: 4 }),
    fc.constantFrom(undefined, 1, "\t", "\n \r"),
    fc.constantFrom("", " ", "\r\n\t"),
    fc.boolean(),
  )
  .map(([value, indent, blank, escaped]) => {
    // JSON.stringify indents with ordinary characters only if they are blanks, which these are.
    const text = JSON.stringify(value, undefined, indent);
    const ascii = text.replace(
      /[^\x20-\x7e\n\r\t]/g,
      (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
    return blank + (escaped ? ascii : text) + blank;
  });

const name = fc.oneof(
  fc.constantFrom(
    "a",
    "b",
    "__proto__",
    "constructor",
    "",
    '"',
    "\\",
    '\\"',
    "{",
    "}],",
    "é",
    "😀",
    "\u0000",
  ),
  fc.string({ unit: "grapheme", maxLength: 5 }),
);

/** An object written out by hand: its members' names and value texts, and the whole. */
const objectText = fc
  .tuple(
    fc.uniqueArray(fc.tuple(name, jsonText), { maxLength: 6, selector: ([key]) => key }),
    fc.constantFrom("", " ", "\n\t"),
  )
  .map(([members, blank]) => {
    const parts = members.map(([key, value]) => `${blank}${JSON.stringify(key)}${blank}:${value}`);
    return { members, text: `${blank}{${parts.join(",")}${blank}}${blank}` };
  });

describe("memberSlices", () => {
  test("finds each member's value, blanks left out", () => {
    fc.assert(
      fc.property(objectText, ({ members, text }) => {
        const slices = memberSlices(bytes(text));
        expect([...(slices ?? [])].map(([key, slice]) => [key, textAt(bytes(text), slice)])).toEqual(
          members.map(([key, value]) => [key, value.trim()]),
        );
      }),
      { numRuns: 2000 },
    );
  });

  test("looks within a slice, also of bytes that do not start their buffer", () => {
    const body = bytes('xx[{"a":{"b":[1,{"c":"}"}]}}]').subarray(2);
    const element = elementSlices(body)?.[0];
    const a = memberSlices(body, element)?.get("a");
    const b = memberSlices(body, a)?.get("b");
    expect(b && textAt(body, b)).toBe('[1,{"c":"}"}]');
    expect(elementSlices(body, b)?.map((slice) => textAt(body, slice))).toEqual(["1", '{"c":"}"}']);
  });

  test.each([
    "",
    " ",
    "[]",
    '"a"',
    "1",
    "null",
    "{",
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1,',
    '{"a":1,}',
    "{a:1}",
  ])("%j is no object", (text) => expect(memberSlices(bytes(text))).toBeUndefined());

  test.each(['{"a":}', '{"a":1 2}', '{"a":1}x', '{"a":1}{}', "{} {}", '{,"a":1}', '{"a":[1}', '{"a":"x}'])(
    "%j is no object either",
    (text) => expect(memberSlices(bytes(text))).toBeUndefined(),
  );

  test("a name that comes twice, however it is written, is refused", () => {
    expect(memberSlices(bytes('{"a":1,"a":2}'))).toBeUndefined();
    expect(memberSlices(bytes('{"a":1,"\\u0061":2}'))).toBeUndefined();
  });
});

describe("elementSlices", () => {
  test("finds each element", () => {
    fc.assert(
      fc.property(fc.array(jsonText, { maxLength: 6 }), fc.constantFrom("", " \n"), (elements, blank) => {
        const body = bytes(`${blank}[${elements.join(",")}${blank}]${blank}`);
        expect(elementSlices(body)?.map((slice) => textAt(body, slice))).toEqual(
          elements.map((text) => text.trim()),
        );
      }),
      { numRuns: 2000 },
    );
  });

  test.each(["", "{}", "1", "[", "[1", "[1,", "[1,]", "[,1]", "[1]x", "[1 2]", '["]', "[[1]"])(
    "%j is no array",
    (text) => expect(elementSlices(bytes(text))).toBeUndefined(),
  );
});

describe("withoutMember and withMember", () => {
  test("cutting out leaves the other members as they were, byte for byte", () => {
    fc.assert(
      fc.property(objectText, fc.nat(), ({ members, text }, pick) => {
        const body = bytes(text);
        const name = members.length > 0 ? members[pick % members.length]![0] : "x";
        const cut = withoutMember(body, name);
        const slices = memberSlices(cut);
        expect([...(slices ?? [])].map(([key, slice]) => [key, textAt(cut, slice)])).toEqual(
          members.filter(([key]) => key !== name).map(([key, value]) => [key, value.trim()]),
        );
        expect(() => JSON.parse(Buffer.from(cut).toString())).not.toThrow();
        if (members.length === 0) expect(cut).toBe(body);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['{"a":1,"b":2,"c":3}', "a", '{"b":2,"c":3}'],
    ['{"a":1,"b":2,"c":3}', "b", '{"a":1,"c":3}'],
    ['{"a":1,"b":2,"c":3}', "c", '{"a":1,"b":2}'],
    ['{"a":1}', "a", "{}"],
    ['{ "a" : 1 , "b" : 2 }', "b", '{ "a" : 1 }'],
    ['{"x":{"a":1},"a":2}', "a", '{"x":{"a":1}}'],
    ['{"\\u0061":1,"b":2}', "a", '{"b":2}'],
    ['{"a":1,"b":0,"a":2}', "a", '{"b":0}'],
    ['{"b":0,"a":1,"a":2}', "a", '{"b":0}'],
    ['{"a":1,"a":2}', "a", "{}"],
  ])("%s without %s is %s", (text, member, rest) => {
    expect(Buffer.from(withoutMember(bytes(text), member)).toString()).toBe(rest);
  });

  test("what is not there, or no object, comes back itself", () => {
    for (const text of ['{"a":1}', "{}", "[1]", "", '{"a":1']) {
      const body = bytes(text);
      expect(withoutMember(body, "b")).toBe(body);
    }
  });

  test("adding and cutting out again gives the same bytes", () => {
    fc.assert(
      fc.property(objectText, name, jsonText, ({ members, text }, added, value) => {
        fc.pre(members.every(([key]) => key !== added));
        const grown = withMember(bytes(text), added, value);
        const slice = memberSlices(grown)?.get(added);
        expect(slice && textAt(grown, slice)).toBe(value.trim());
        expect(Buffer.from(withoutMember(grown, added)).toString().replace(/\s/g, "")).toBe(
          text.replace(/\s/g, ""),
        );
      }),
      { numRuns: 2000 },
    );
  });

  test("a member is added only to an object", () => {
    for (const text of ["[]", "", "1", "{", "}"])
      expect(() => withMember(bytes(text), "a", "1")).toThrow(TypeError);
  });

  test("a page of 1 MB takes milliseconds", () => {
    const item = JSON.stringify({
      id: { S: "x".repeat(80) },
      text: { S: 'a "quoted" \\ {brace} é'.repeat(8) },
    });
    const body = bytes(`{"Items":[${Array.from({ length: 4000 }, () => item).join(",")}],"Count":4000}`);
    expect(body.length).toBeGreaterThan(1_000_000);
    const startedAt = performance.now();
    const items = memberSlices(body)?.get("Items");
    expect(elementSlices(body, items)?.length).toBe(4000);
    expect(performance.now() - startedAt).toBeLessThan(500);
  });
});
