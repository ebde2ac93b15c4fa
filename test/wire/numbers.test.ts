// Our normal form of numbers is DynamoDB's: what it returns, what it refuses, and what it takes for the same
// key.

import fc from "fast-check";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { canonicalNumber } from "../../src/dynamodb/canonical-number.ts";
import { call } from "../support/raw-client.ts";
import { testTables } from "../support/tables.ts";

const url = inject("dynamoDbLocalUrl");
const tables = testTables(url);
let byText = "";
let byNumber = "";

beforeAll(async () => {
  byText = await tables.create();
  byNumber = await tables.create({ hash: "pk:N" });
});
afterAll(() => tables.deleteAll());

test("a stored number comes back in our normal form, and what has none is refused", {
  timeout: 120_000,
}, async () => {
  let stored = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(numberText, async (N) => {
      const Key = { pk: { S: "a" } };
      const put = await call(url, "PutItem", { TableName: byText, Item: { ...Key, n: { N } } });
      const canonical = canonicalNumber(N);
      if (put.status !== 200) {
        refused += 1;
        expect(canonical).toBeUndefined();
        return;
      }
      // The two oddities that DynamoDB Local takes and we leave alone: huge exponents of zero, very long
      // texts.
      if (canonical === undefined) expect(N.length > 256 || /^[-+]?[0.]+[eE]/.test(N)).toBe(true);
      if (canonical === undefined) return;
      stored += 1;
      const got = await call<{ Item?: { n?: unknown } }>(url, "GetItem", {
        TableName: byText,
        Key,
        ConsistentRead: true,
      });
      expect(got.body.Item?.n).toEqual({ N: canonical });
    }),
    { numRuns: 1500 },
  );
  expect(stored).toBeGreaterThan(300);
  expect(refused).toBeGreaterThan(50);
});

test("every spelling of a number finds the same item", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(closeNumber, closeNumber, async (one, other) => {
      const TableName = byNumber;
      const put = await call(url, "PutItem", { TableName, Item: { pk: { N: one } } });
      expect(put.status).toBe(200);
      const Key = { pk: { N: other } };
      const got = await call(url, "GetItem", { TableName, Key, ConsistentRead: true });
      expect(got.status).toBe(200);
      expect(got.body.Item !== undefined).toBe(canonicalNumber(one) === canonicalNumber(other));
      await call(url, "DeleteItem", { TableName, Key: { pk: { N: one } } });
    }),
    { numRuns: 400 },
  );
});

/** Few values in many spellings: all valid. */
const closeNumber = fc
  .tuple(
    fc.constantFrom("", "-", "+"),
    fc.constantFrom("0", "1", "10", "01", "100"),
    fc.constantFrom("", ".", ".0", ".10", ".1"),
    fc.constantFrom("", "e0", "E1", "e-1", "e+2"),
  )
  .map((parts) => parts.join(""));

const digits = fc.oneof(
  fc.stringMatching(/^[0-9]{0,42}$/),
  fc.stringMatching(/^[1-9]{37,40}$/),
  fc.nat({ max: 130 }).map((zeros) => "0".repeat(zeros)),
  fc.nat({ max: 126 }).map((zeros) => `1${"0".repeat(zeros)}`),
);
const exponent = fc.oneof(
  fc.constant(""),
  fc.integer({ min: -135, max: 130 }).map((power) => `e${power}`),
  fc.constantFrom("E+5", "e", "e+", "e99999", "e1.5", "e0003"),
);

/** Numbers of all sizes around the limits, and texts that are none. */
const numberText = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(fc.constantFrom("", "", "-", "+"), digits, exponent).map((p) => p.join("")),
  },
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.constantFrom("", "-", "+"), digits, fc.constant("."), digits, exponent)
      .map((parts) => parts.join("")),
  },
  { weight: 2, arbitrary: closeNumber },
  { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom(..."0123.eE+- _,x"), maxLength: 6 }) },
  { weight: 1, arbitrary: fc.constantFrom("NaN", "Infinity", " 1", "1 ", "0x10", "1f", "1d", "", "1\n") },
);
