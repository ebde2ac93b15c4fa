// The normal form of numbers: a table of spellings, and properties against exact rational arithmetic on
// bigints.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalNumber } from "../../../src/dynamodb/canonical-number.ts";

const accepted: readonly (readonly [string, string])[] = [
  ["0", "0"],
  ["-0", "0"],
  ["+0", "0"],
  ["00", "0"],
  ["-0.0", "0"],
  ["0e5", "0"],
  ["7", "7"],
  ["-7", "-7"],
  ["+7", "7"],
  ["007", "7"],
  ["-007", "-7"],
  ["1.0", "1"],
  ["1.10", "1.1"],
  ["-1.50", "-1.5"],
  [".5", "0.5"],
  ["-.5", "-0.5"],
  ["5.", "5"],
  ["1e2", "100"],
  ["1E+2", "100"],
  ["1e-2", "0.01"],
  ["12e-1", "1.2"],
  ["123456.7890e3", "123456789"],
  ["1e0002", "100"],
  ["1e20", "100000000000000000000"],
  ["9007199254740993", "9007199254740993"],
  ["0.30000000000000000004", "0.30000000000000000004"],
  ["1".repeat(38), "1".repeat(38)],
  [`${"1".repeat(38)}0`, `${"1".repeat(38)}0`],
  [`0.${"1".repeat(38)}0`, `0.${"1".repeat(38)}`],
  [`${"0".repeat(50)}1`, "1"],
  ["1e125", `1${"0".repeat(125)}`],
  ["9.9999999999999999999999999999999999999E+125", `${"9".repeat(38)}${"0".repeat(88)}`],
  ["1e-130", `0.${"0".repeat(129)}1`],
  ["0.1e-129", `0.${"0".repeat(129)}1`],
];

const refused: readonly string[] = [
  ...["", "-", "+", ".", "-.", "e1", "1e", "1e+", "--1", "+-1", "1e1.5", "1.2.3", "1,000", "1_000", "0x10"],
  ...["NaN", "Infinity", "-Infinity", "1f", "1d", "1L", " 1", "1 ", "1\n", "\t1", "1 2", "١", "１"],
  ...["1".repeat(39), `0.${"1".repeat(39)}`, "1e126", "-1e126", "9e-131", "-1e-131", `1${"0".repeat(126)}`],
  ...["1e99999", "0e99999", "0e500", `1.${"0".repeat(300)}`],
];

describe("canonicalNumber", () => {
  test.each(accepted)("%s is %s", (text, canonical) => {
    expect(canonicalNumber(text)).toBe(canonical);
  });

  test.each(refused)("%j has no normal form", (text) => {
    expect(canonicalNumber(text)).toBeUndefined();
  });

  test("every normal form is its own normal form", () => {
    fc.assert(
      fc.property(spelling, (text) => {
        const canonical = canonicalNumber(text);
        fc.pre(canonical !== undefined);
        expect(canonicalNumber(canonical)).toBe(canonical);
        expect(canonical).not.toMatch(/[eE+]|^-?0[0-9]|\.$|\..*0$|^-0$/);
      }),
    );
  });

  test("two texts are the same number exactly if their normal forms are the same", () => {
    let same = 0;
    fc.assert(
      fc.property(closeSpelling, closeSpelling, (one, other) => {
        const [a, b] = [canonicalNumber(one), canonicalNumber(other)];
        fc.pre(a !== undefined && b !== undefined);
        if (a === b) same += 1;
        expect(a === b).toBe(scaled(one) === scaled(other));
      }),
      { numRuns: 5000 },
    );
    expect(same).toBeGreaterThan(100);
  });

  test("a number keeps its value in its normal form", () => {
    fc.assert(
      fc.property(spelling, (text) => {
        const canonical = canonicalNumber(text);
        fc.pre(canonical !== undefined);
        expect(scaled(canonical)).toBe(scaled(text));
      }),
      { numRuns: 2000 },
    );
  });
});

const digits = fc.oneof(
  fc.constantFrom("", "0", "1", "00", "10", "01", "12"),
  fc.stringMatching(/^[0-9]{0,20}$/),
);
const exponent = fc.oneof(
  fc.constantFrom("", "e0", "E1", "e-1", "e+2"),
  fc.integer({ min: -140, max: 140 }).map((power) => `e${power}`),
);

const spelling = spellingOf(digits, exponent);
/** Spellings of so few values that two of them often mean the same. */
const closeSpelling = spellingOf(
  fc.constantFrom("", "0", "1", "10", "01"),
  fc.constantFrom("", "e1", "e-1", "E+2"),
);

function spellingOf(half: fc.Arbitrary<string>, power: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom("", "-", "+"), half, fc.constantFrom("", "."), half, power)
    .map((parts) => parts.join(""))
    .filter((text) => /[0-9]/.test(text.replace(/e.*/i, "")));
}

/** The number times 10^400, exactly. */
function scaled(text: string): bigint {
  const [mantissa = "", power = "0"] = text.toLowerCase().split("e");
  const [whole = "", fraction = ""] = mantissa.replace(/^[+-]/, "").split(".");
  const value = BigInt(whole + fraction) * 10n ** BigInt(400 + Number(power) - fraction.length);
  return mantissa.startsWith("-") ? -value : value;
}
