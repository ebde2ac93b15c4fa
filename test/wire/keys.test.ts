// Two keys have the same canonical text exactly if DynamoDB finds the same item by them.

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { canonicalKey, itemKey } from "../../src/dynamodb/canonical-key.ts";
import type { Input, KeyType, TableSchema } from "../../src/dynamodb/model.ts";
import { call } from "../support/raw-client.ts";
import { type TableShape, testTables } from "../support/tables.ts";

const url = inject("dynamoDbLocalUrl");
const tables = testTables(url);
afterAll(() => tables.deleteAll());

const sizes = ["a".repeat(1024), "a".repeat(1025), "é".repeat(512), "é".repeat(513), "a".repeat(2048)];
const text = mostly(["a", "1", ":", "a1", "1:a", "é", "😀", "\u0000"], ["", "a".repeat(2049), ...sizes]);
const number = mostly(
  ["1", "1.0", "01", "+1", "10e-1", "10", "1e1", "-1", "0", "-0", "0.0"],
  ["x", "", "1e126"],
);
const binary = mostly(["YQ==", "YWI=", "YWJj"], ["YR==", "YWJ=", "YWJj\n", "", "YQ", "YQ==YQ==", "####"]);

const values: Readonly<Record<KeyType, fc.Arbitrary<unknown>>> = {
  S: text.map((S) => ({ S })),
  N: number.map((N) => ({ N })),
  B: binary.map((B) => ({ B })),
};
/** What does not belong in a key of any type. */
const oddValue = fc.constantFrom<unknown>({ BOOL: true }, { SS: ["a"] }, { S: "a", N: "1" }, {}, null, {
  NULL: true,
});

const shapes: readonly (readonly [KeyType, KeyType | undefined])[] = [
  ["S", undefined],
  ["N", undefined],
  ["B", undefined],
  ["S", "S"],
  ["S", "N"],
  ["N", "B"],
  ["B", "S"],
];

describe.each(shapes)("keys of type %s, %s", (hash, range) => {
  let TableName = "";
  const schema: TableSchema = {
    TableName: "t",
    tableId: "t",
    partitionKey: { name: "pk", type: hash },
    sortKey: range && { name: "sk", type: range },
    indexes: new Map(),
    fingerprint: "",
    streamArn: undefined,
  };
  beforeAll(async () => {
    const shape: TableShape = range ? { hash: `pk:${hash}`, range: `sk:${range}` } : { hash: `pk:${hash}` };
    TableName = await tables.create(shape);
  });

  test("same text, same item", { timeout: 120_000 }, async () => {
    const key = keyOf(hash, range);
    let same = 0;
    await fc.assert(
      fc.asyncProperty(key, fc.oneof(key, fc.constant(undefined)), async (one, second) => {
        const other = second ?? one;
        const put = await call(url, "PutItem", { TableName, Item: { ...one, more: { S: "x" } } });
        const written = itemKey({ ...one, more: { S: "x" } }, schema);
        if (put.status !== 200) return void expect(written).toBeUndefined();
        const got = await call(url, "GetItem", { TableName, Key: other, ConsistentRead: true });
        const read = canonicalKey(other, schema);
        if (got.status !== 200) expect(read).toBeUndefined();
        if (read !== undefined && written !== undefined) {
          expect(read === written).toBe(got.body.Item !== undefined);
          if (read === written) same += 1;
        }
        // A spelling that we do not vouch for must not have a text that leads to another item.
        if (got.status === 200 && read !== undefined) {
          const Item = got.body.Item as Input | undefined;
          if (Item) expect(itemKey(Item, schema)).toBe(read);
        }
        const Key = range ? { pk: one.pk, sk: one.sk } : { pk: one.pk };
        await call(url, "DeleteItem", { TableName, Key });
      }),
      { numRuns: 250 },
    );
    expect(same).toBeGreaterThan(20);
  });
});

function mostly(usual: readonly string[], odd: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...usual) },
    { weight: 1, arbitrary: fc.constantFrom(...odd) },
  );
}

/** Mostly well-formed keys; now and then one too few, one too many, or a value of the wrong type. */
function keyOf(hash: KeyType, range: KeyType | undefined): fc.Arbitrary<Record<string, unknown>> {
  const half = (type: KeyType) =>
    fc.oneof({ weight: 12, arbitrary: values[type] }, { weight: 1, arbitrary: oddValue });
  const whole = range ? fc.record({ pk: half(hash), sk: half(range) }) : fc.record({ pk: half(hash) });
  return fc.oneof(
    { weight: 20, arbitrary: whole },
    { weight: 1, arbitrary: fc.record({ pk: half(hash), extra: fc.constant({ S: "e" }) }) },
    { weight: 1, arbitrary: fc.constant({}) },
  );
}
