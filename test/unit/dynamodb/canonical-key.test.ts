// The canonical text of keys: what is taken, what is refused, and that read and write side agree.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  canonicalKey,
  canonicalPartition,
  itemKey,
  partitionOf,
} from "../../../src/dynamodb/canonical-key.ts";
import type { KeyAttribute, KeyType, TableSchema } from "../../../src/dynamodb/model.ts";

describe("canonicalKey", () => {
  const hashOnly = schema({ name: "pk", type: "S" });
  const both = schema({ name: "pk", type: "S" }, { name: "sk", type: "N" });
  const binary = schema({ name: "pk", type: "B" }, { name: "sk", type: "B" });

  test("a key has a text, and spelling a number otherwise does not change it", () => {
    expect(canonicalKey({ pk: { S: "a" } }, hashOnly)).toBe("Sa");
    const text = canonicalKey({ pk: { S: "a" }, sk: { N: "1" } }, both);
    expect(text).toBeDefined();
    expect(canonicalKey({ sk: { N: "+1.0" }, pk: { S: "a" } }, both)).toBe(text);
    expect(canonicalKey({ pk: { S: "a" }, sk: { N: "10" } }, both)).not.toBe(text);
  });

  test.each([
    ["no object", null],
    ["an array", [{ S: "a" }]],
    ["no attribute", {}],
    ["another attribute", { id: { S: "a" } }],
    ["one too many", { pk: { S: "a" }, x: { S: "b" } }],
    ["the wrong type", { pk: { N: "1" } }],
    ["two types", { pk: { S: "a", N: "1" } }],
    ["a wrong JSON type", { pk: { S: 1 } }],
    ["an empty value", { pk: { S: "" } }],
    ["a lone surrogate", { pk: { S: "\ud800" } }],
    ["2049 bytes", { pk: { S: "a".repeat(2049) } }],
    ["2049 bytes in fewer characters", { pk: { S: "é".repeat(1025) } }],
    ["null as value", { pk: null }],
  ])("refuses %s", (_, key) => {
    expect(canonicalKey(key, hashOnly)).toBeUndefined();
  });

  test("takes the largest keys", () => {
    expect(canonicalKey({ pk: { S: "é".repeat(1024) } }, hashOnly)).toBeDefined();
    const bytes = (count: number) => ({ B: Buffer.alloc(count).toString("base64") });
    expect(canonicalKey({ pk: bytes(2048), sk: bytes(1024) }, binary)).toBeDefined();
    expect(canonicalKey({ pk: bytes(2049), sk: bytes(1024) }, binary)).toBeUndefined();
    expect(canonicalKey({ pk: bytes(2048), sk: bytes(1025) }, binary)).toBeUndefined();
    expect(canonicalKey({ pk: { B: "YR==" }, sk: { B: "YQ==" } }, binary)).toBeUndefined();
  });

  test("attributes with the names of an object's own methods are ordinary", () => {
    for (const name of ["__proto__", "constructor", "toString"]) {
      const odd = schema({ name, type: "S" });
      expect(canonicalKey({ x: { S: "a" } }, odd)).toBeUndefined();
      expect(canonicalKey(JSON.parse(`{"${name}":{"S":"a"}}`), odd)).toBe("Sa");
      expect(itemKey({}, odd)).toBeUndefined();
    }
  });

  test("different keys of one table have different texts", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "1", ":", "S", "2"), minLength: 1, maxLength: 4 });
    const strings = schema({ name: "pk", type: "S" }, { name: "sk", type: "S" });
    fc.assert(
      fc.property(text, text, text, text, (a, b, c, d) => {
        const one = canonicalKey({ pk: { S: a }, sk: { S: b } }, strings);
        const other = canonicalKey({ pk: { S: c }, sk: { S: d } }, strings);
        expect(one).toBeDefined();
        expect(one === other).toBe(a === c && b === d);
      }),
      { numRuns: 5000 },
    );
  });
});

describe("the texts of reads and writes", () => {
  const table = schema({ name: "pk", type: "S" }, { name: "sk", type: "N" });
  const four: readonly KeyAttribute[] = [
    { name: "a", type: "S" },
    { name: "b", type: "N" },
    { name: "c", type: "B" },
    { name: "d", type: "S" },
  ];

  test("an item has the text of its key", () => {
    const item = { pk: { S: "a" }, sk: { N: "1.0" }, other: { L: [] } };
    expect(itemKey(item, table)).toBe(canonicalKey({ pk: { S: "a" }, sk: { N: "1" } }, table));
    expect(itemKey({ pk: { S: "a" } }, table)).toBeUndefined();
  });

  test("a partition has one text, whatever it is taken from", () => {
    const text = canonicalPartition({ pk: { S: "a" } }, [table.partitionKey]);
    expect(text).toBeDefined();
    expect(canonicalPartition({ sk: { N: "1" }, pk: { S: "a" }, x: { S: "y" } }, [table.partitionKey])).toBe(
      text,
    );
    expect(canonicalPartition({ sk: { N: "1" } }, [table.partitionKey])).toBeUndefined();
    expect(canonicalPartition({ pk: { N: "1" } }, [table.partitionKey])).toBeUndefined();
    expect(canonicalPartition({ pk: { S: "" } }, [table.partitionKey])).toBeUndefined();
  });

  test("a key's text tells that of its partition", () => {
    const value = (type: KeyType) =>
      type === "S"
        ? fc.string({ unit: fc.constantFrom("a", ":", "1", "é", "\0"), minLength: 1, maxLength: 12 })
        : fc.constantFrom(...(type === "N" ? ["1", "-2.5", "1e2"] : ["YQ==", "YWE="]));
    const type = fc.constantFrom<KeyType>("S", "N", "B");
    const request = fc
      .tuple(type, type)
      .chain(([first, second]) =>
        fc.tuple(fc.constant(first), fc.constant(second), value(first), value(second)),
      );
    fc.assert(
      fc.property(request, fc.boolean(), ([first, second, pk, sk], isHashOnly) => {
        const of = schema({ name: "pk", type: first }, isHashOnly ? undefined : { name: "sk", type: second });
        const key = { pk: { [first]: pk }, ...(!isHashOnly && { sk: { [second]: sk } }) };
        const canonical = canonicalKey(key, of);
        expect(partitionOf(canonical ?? "", of)).toBe(canonicalPartition(key, [of.partitionKey]));
      }),
    );
  });

  test("keys of several attributes stay apart", () => {
    const text = fc.string({ unit: fc.constantFrom("a", ":", "1", "S"), minLength: 1, maxLength: 3 });
    const values = fc.record({
      a: text,
      b: fc.constantFrom("1", "11"),
      c: fc.constantFrom("YQ==", "YWE="),
      d: text,
    });
    const source = (v: Record<"a" | "b" | "c" | "d", string>) => ({
      a: { S: v.a },
      b: { N: v.b },
      c: { B: v.c },
      d: { S: v.d },
    });
    fc.assert(
      fc.property(values, values, (one, other) => {
        const equal = one.a === other.a && one.b === other.b && one.c === other.c && one.d === other.d;
        const [first, second] = [
          canonicalPartition(source(one), four),
          canonicalPartition(source(other), four),
        ];
        expect(first).toBeDefined();
        expect(first === second).toBe(equal);
      }),
      { numRuns: 5000 },
    );
  });

  test("no attributes have no text", () => {
    expect(canonicalPartition({ a: { S: "a" } }, [])).toBeUndefined();
  });
});

function schema(partitionKey: KeyAttribute, sortKey?: { name: string; type: KeyType }): TableSchema {
  return {
    TableName: "t",
    tableId: "t",
    partitionKey,
    sortKey,
    indexes: new Map(),
    fingerprint: "1",
    streamArn: undefined,
  };
}
