// The tables of the differential test: every key type, with and without sort key, LSI, GSIs; few key values
// each.

import fc from "fast-check";
import type { AttributeValue, Item, KeyType } from "../../src/dynamodb/model.ts";
import { often } from "./chance.ts";

export type KeyName = "pk" | "sk" | "gk" | "gs" | "ls";

export interface Gsi {
  readonly name: string;
  readonly hash: KeyName;
  readonly range: KeyName | undefined;
  readonly projection: Projected;
}

type Projected = "ALL" | "KEYS_ONLY" | readonly string[];

export interface Shape {
  /** The types that these attributes have where they are keys. */
  readonly types: Readonly<Record<KeyName, KeyType>>;
  readonly hasSortKey: boolean;
  /** "lsi1" on (pk, ls); only with a sort key. */
  readonly local: Projected | undefined;
  readonly global: readonly Gsi[];
}

/** What a Query or Scan reads: the table itself or an index. */
export interface Target {
  readonly name: string | undefined;
  readonly hash: KeyName;
  readonly range: KeyName | undefined;
  readonly kind: "table" | "local" | "global";
}

const keyType = fc.constantFrom<KeyType>("S", "N", "B");
const projected = fc.constantFrom<Projected>("ALL", "ALL", "ALL", "KEYS_ONLY", ["x", "m"]);
const gsi = (name: string, ...halves: readonly (readonly [KeyName, KeyName?])[]): fc.Arbitrary<Gsi> =>
  fc
    .tuple(fc.constantFrom(...halves), projected)
    .map(([[hash, range], projection]) => ({ name, hash, range, projection }));

/** The index that UpdateTable adds and removes. */
export const addedGsi: fc.Arbitrary<Gsi> = gsi("gsi3", ["gk"], ["gk", "gs"], ["gs", "pk"]);

export const shape: fc.Arbitrary<Shape> = fc
  .record({
    types: fc.record({ pk: keyType, sk: keyType, gk: keyType, gs: keyType, ls: keyType }),
    hasSortKey: fc.constantFrom(true, true, false),
    local: often(projected, 1),
    first: often(gsi("gsi1", ["gk", "gs"], ["gk"], ["gk", "pk"]), 4),
    second: often(gsi("gsi2", ["sk", "pk"], ["gs"]), 1),
  })
  .map(({ first, second, local, ...rest }) => ({
    ...rest,
    local: rest.hasSortKey ? local : undefined,
    global: [first, second].filter((one) => one !== undefined),
  }));

/** One of the few key values, in one of its spellings. */
export interface Pick {
  readonly value: number;
  readonly spelling: number;
}

const values: Readonly<Record<KeyType, readonly (readonly string[])[]>> = {
  S: [["a"], ["b"], ["ab"], ["ä"]],
  N: [
    ["1", "1", "1.0", "1e0", "+1"],
    ["2", "2", "02", "0.2e1"],
    ["10", "10", "1e1", "10.00"],
    ["0", "0", "-0", "0.0", "0e0"],
  ],
  B: [["YQ==", "YQ==", "YQ==", "YR=="], ["Yg=="], ["YWI="], ["/w=="]],
};

const spellings = fc.integer({ min: 0, max: 4 });
/** Three partitions, one of them fuller than the others, and four sort keys, so that operations meet. */
export const hashPick: fc.Arbitrary<Pick> = fc.record({
  value: fc.constantFrom(0, 0, 0, 1, 2),
  spelling: spellings,
});
export const rangePick: fc.Arbitrary<Pick> = fc.record({
  value: fc.integer({ min: 0, max: 3 }),
  spelling: spellings,
});

export function keyValue(shape: Shape, name: KeyName, pick: Pick): AttributeValue {
  const type = shape.types[name];
  const forms = values[type][pick.value] ?? [];
  // The codec edge: a computed member name.
  return { [type]: forms[pick.spelling % forms.length] } as unknown as AttributeValue;
}

export interface KeyPick {
  readonly hash: Pick;
  readonly range: Pick;
}
export const keyPick: fc.Arbitrary<KeyPick> = fc.record({ hash: hashPick, range: rangePick });

export function key(shape: Shape, { hash, range }: KeyPick): Item {
  return {
    pk: keyValue(shape, "pk", hash),
    ...(shape.hasSortKey && { sk: keyValue(shape, "sk", range) }),
  };
}

/** The table and its indexes. */
export function targets(shape: Shape): readonly Target[] {
  const range = shape.hasSortKey ? "sk" : undefined;
  return [
    { name: undefined, hash: "pk", range, kind: "table" },
    ...(shape.local ? ([{ name: "lsi1", hash: "pk", range: "ls", kind: "local" }] as const) : []),
    ...shape.global.map(({ name, hash, range }) => ({ name, hash, range, kind: "global" as const })),
  ];
}

export function createTableInput(TableName: string, shape: Shape): object {
  const used = new Set<KeyName>(shape.hasSortKey ? ["pk", "sk"] : ["pk"]);
  if (shape.local) used.add("ls");
  for (const { hash, range } of shape.global) for (const name of [hash, range]) if (name) used.add(name);
  const local = shape.local && [
    { IndexName: "lsi1", KeySchema: schema("pk", "ls"), Projection: projection(shape.local) },
  ];
  return {
    TableName,
    BillingMode: "PAY_PER_REQUEST",
    KeySchema: schema("pk", shape.hasSortKey ? "sk" : undefined),
    AttributeDefinitions: definitions(shape, [...used]),
    ...(local && { LocalSecondaryIndexes: local }),
    ...(shape.global.length > 0 && { GlobalSecondaryIndexes: shape.global.map(indexInput) }),
  };
}

export function addIndexInput(TableName: string, shape: Shape, gsi: Gsi): object {
  const names = gsi.range === undefined ? [gsi.hash] : [gsi.hash, gsi.range];
  return {
    TableName,
    AttributeDefinitions: definitions(shape, names),
    GlobalSecondaryIndexUpdates: [{ Create: indexInput(gsi) }],
  };
}

function indexInput({ name, hash, range, projection: kept }: Gsi): object {
  return { IndexName: name, KeySchema: schema(hash, range), Projection: projection(kept) };
}

function definitions(shape: Shape, names: readonly KeyName[]): readonly object[] {
  return names.map((AttributeName) => ({ AttributeName, AttributeType: shape.types[AttributeName] }));
}

function schema(hash: KeyName, range: KeyName | undefined): readonly object[] {
  const half = (AttributeName: string, KeyType: string) => ({ AttributeName, KeyType });
  return [half(hash, "HASH"), ...(range === undefined ? [] : [half(range, "RANGE")])];
}

function projection(kept: Projected): object {
  if (typeof kept === "string") return { ProjectionType: kept };
  return { ProjectionType: "INCLUDE", NonKeyAttributes: kept };
}
