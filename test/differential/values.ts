// Attribute values of every type, oddly spelt numbers and names among them, and items made of them.

import fc from "fast-check";
import type { AttributeValue, Item } from "../../src/dynamodb/model.ts";
import { often, rarely } from "./chance.ts";
import {
  type KeyName,
  type KeyPick,
  key,
  keyPick,
  keyValue,
  type Pick,
  rangePick,
  type Shape,
} from "./shapes.ts";

const plainNumbers = ["0", "1", "2", "3", "-1", "10", "2.5", "100"];
const oddNumbers = [
  ...["1.0", "01", "+1", "1e2", "-0", "0.10", "1E-2", "00012.500", "-0.0", "5e-1", "1.5E+3", ".5", "5."],
  ...["123456789012345678901234567890.12345678", "1e125", "1e-130", "-9.99E+125", "1e40", "1e-7"],
];
const noNumbers = ["abc", "1e126", "", "123456789012345678901234567890123456789", "1e-131", " 1", "0x1"];

const numberText = fc.oneof(
  { weight: 150, arbitrary: fc.constantFrom(...plainNumbers) },
  { weight: 50, arbitrary: fc.constantFrom(...oddNumbers) },
  { weight: 1, arbitrary: fc.constantFrom(...noNumbers) },
);
const text = fc.constantFrom("a", "b", "ab", "abc", "", "N", "ä€😀", 'q"\\\n', "1");
const base64 = fc.constantFrom("YQ==", "YWI=", "", "/+8=", "AAEC");

export const numberValue: fc.Arbitrary<AttributeValue> = numberText.map((N) => ({ N }));
/** Two bounds, mostly the lower one first. */
export const inOrder: fc.Arbitrary<readonly [AttributeValue, AttributeValue]> = fc
  .tuple(numberText, numberText, rarely(fc.constant(true), 20))
  .map(([a, b, asTheyCome]) => {
    const [low, high] = asTheyCome || Number(a) <= Number(b) ? [a, b] : [b, a];
    return [{ N: low }, { N: high }];
  });
export const textValue: fc.Arbitrary<AttributeValue> = text.map((S) => ({ S }));
const set = <T>(element: fc.Arbitrary<T>, equal: (value: T) => unknown = (value) => value) =>
  fc.uniqueArray(element, { minLength: 1, maxLength: 3, selector: equal });
export const setValue: fc.Arbitrary<AttributeValue> = fc.oneof(
  { weight: 20, arbitrary: set(text).map((SS): AttributeValue => ({ SS })) },
  { weight: 30, arbitrary: set(numberText, Number).map((NS): AttributeValue => ({ NS })) },
  { weight: 20, arbitrary: set(base64).map((BS): AttributeValue => ({ BS })) },
  // What DynamoDB refuses: an empty set, a double element.
  {
    weight: 1,
    arbitrary: fc.constantFrom<AttributeValue>({ SS: [] }, { NS: ["1", "1.0"] }, { SS: ["a", "a"] }),
  },
);
export const scalarValue: fc.Arbitrary<AttributeValue> = fc.oneof(
  { weight: 4, arbitrary: textValue },
  { weight: 5, arbitrary: numberValue },
  { weight: 1, arbitrary: base64.map((B): AttributeValue => ({ B })) },
  { weight: 1, arbitrary: fc.boolean().map((BOOL): AttributeValue => ({ BOOL })) },
  { weight: 1, arbitrary: fc.constant<AttributeValue>({ NULL: true }) },
);

const memberNames = ["a", "a", "b", "l", "size", "__proto__", "a.b", ""];
/** Values nested up to this depth. */
const nested: fc.Memo<AttributeValue> = fc.memo((depth) => {
  if (depth <= 1) return fc.oneof({ weight: 5, arbitrary: scalarValue }, { weight: 1, arbitrary: setValue });
  return fc.oneof({ weight: 3, arbitrary: scalarValue }, setValue, listOf(depth - 1), mapOf(depth - 1));
});
function listOf(depth: number): fc.Arbitrary<AttributeValue> {
  return fc.array(nested(depth), { maxLength: 3 }).map((L) => ({ L }));
}
function mapOf(depth: number): fc.Arbitrary<AttributeValue> {
  const name = fc.oneof(
    { weight: 60, arbitrary: fc.constantFrom(...memberNames.slice(0, -1)) },
    { weight: 1, arbitrary: fc.constant("") },
  );
  return fc.array(fc.tuple(name, nested(depth)), { maxLength: 3 }).map((members) => ({
    M: Object.fromEntries(members),
  }));
}

export const value: fc.Arbitrary<AttributeValue> = nested(3);
export const listValue: fc.Arbitrary<AttributeValue> = listOf(2);
export const mapValue: fc.Arbitrary<AttributeValue> = mapOf(2);

/** Attributes outside of any key, most of them with the type that expressions expect. */
const attribute: fc.Arbitrary<readonly [string, AttributeValue]> = fc.oneof(
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom("x", "y"), value) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("n"), numberValue) },
  fc.tuple(fc.constant("s"), setValue),
  { weight: 2, arbitrary: fc.tuple(fc.constant("m"), mapValue) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("l"), listValue) },
  fc.tuple(fc.constantFrom("size", "status", "a.b", "__proto__", "constructor", "ä"), value),
);

export type Path = readonly (string | number)[];

/** Paths as expressions name them: nested ones, list indexes, reserved and odd names; keys now and then. */
export const path: fc.Arbitrary<Path> = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom<Path>(["x"], ["y"], ["n"], ["s"], ["m"], ["l"]) },
  {
    weight: 25,
    arbitrary: fc.constantFrom<Path>(["m", "a"], ["m", "b"], ["m", "l", 0], ["l", 0], ["l", 1, "a"]),
  },
  {
    weight: 8,
    arbitrary: fc.constantFrom<Path>(["size"], ["status"], ["a.b"], ["__proto__"], ["m", "__proto__"]),
  },
  { weight: 4, arbitrary: fc.constantFrom<Path>(["constructor"], ["ä"], ["l", 7], ["gk"], ["gs"], ["ls"]) },
  { weight: 1, arbitrary: fc.constantFrom<Path>(["pk"], ["sk"], ["pk", "a"], ["sk", 0]) },
);

export interface ItemPick {
  readonly key: KeyPick;
  readonly indexed: Readonly<Partial<Record<KeyName, Pick | undefined>>>;
  readonly odd: AttributeValue | undefined;
  readonly attributes: readonly (readonly [string, AttributeValue])[];
}

/** An item: its key, perhaps the keys of indexes (mostly of the right type), and other attributes. */
export const itemPick: fc.Arbitrary<ItemPick> = fc.record({
  key: keyPick,
  indexed: fc.record({
    gk: often(rangePick, 3),
    gs: often(rangePick, 3),
    ls: often(rangePick, 3),
    sk: often(rangePick),
  }),
  odd: rarely(scalarValue, 40),
  attributes: fc.array(attribute, { maxLength: 5 }),
});

export function item(shape: Shape, { key: picked, indexed, odd, attributes }: ItemPick): Item {
  const entries = Object.entries(indexed).flatMap(([name, pick]) =>
    // The codec edge: the names are those of `indexed`.
    pick ? [[name, keyValue(shape, name as KeyName, pick)] as const] : [],
  );
  return {
    ...Object.fromEntries([...attributes, ...entries]),
    ...(odd && { gk: odd }),
    ...key(shape, picked),
  };
}
