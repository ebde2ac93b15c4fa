// Random Query and Scan requests on test/support/tables.ts' WITH_INDEXES, in as many spellings as one likes.

import fc from "fast-check";
import type { AttributeValue, Input, Item } from "../../../src/dynamodb/model.ts";
import { type Path, Speller, type Spelling, type Tree } from "./canonical-read-speller.ts";

export const spelling: fc.Arbitrary<Spelling> = fc.record({
  prefix: fc.constantFrom("a", "v", "0", "_x", "Z9"),
  space: fc.constantFrom(" ", "  ", "\n", "\t ", "\r\n"),
  upper: fc.boolean(),
  parentheses: fc.boolean(),
  alwaysAlias: fc.boolean(),
  otherNumbers: fc.boolean(),
  reversed: fc.boolean(),
  explicitDefaults: fc.boolean(),
});

/** What a random request says. Much is invalid: wrong types, key attributes in filters, missing halves. */
export interface Meaning {
  readonly operation: "Query" | "Scan";
  readonly index: string | undefined;
  readonly partition: AttributeValue;
  readonly range: { readonly template: string; readonly values: AttributeValue[] } | undefined;
  readonly filter: Tree | undefined;
  readonly projection: readonly Path[] | undefined;
  readonly select: string | undefined;
  readonly limit: number | undefined;
  readonly backward: boolean;
  readonly startKey: Item | undefined;
  readonly segments: readonly [number, number] | undefined;
}

const letter = fc.constantFrom("a", "b", "c").map((S) => ({ S }));
const number = fc.constantFrom("1", "2", "3", "-1", "2.5").map((N) => ({ N }));
const value: fc.Arbitrary<AttributeValue> = fc.oneof(
  { weight: 4, arbitrary: letter },
  { weight: 4, arbitrary: number },
  fc.constantFrom<AttributeValue>(
    { BOOL: true },
    { NULL: true },
    { SS: ["a", "b"] },
    { NS: ["1", "2"] },
    { L: [{ N: "1" }] },
    { M: { a: { N: "2" }, b: { S: "b" } } },
    { B: "AQI=" },
    { S: "N" },
    { S: "" },
  ),
);
const path: fc.Arbitrary<Path> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom<Path>(["x"], ["y"], ["m", "a"], ["l", 0], ["l", 1, "a"], ["size"]),
  },
  fc.constantFrom<Path>(["pk"], ["sk"], ["kind"], ["rank"], ["m"], ["l"], ["pk", "a"], ["owner", 0]),
);

const templates: readonly (readonly [template: string, values: number])[] = [
  ...["P = V", "P <> V", "P < V", "P <= V", "P > V", "P >= V", "size(P) >= V"].map((t) => [t, 1] as const),
  ...["begins_with(P,V)", "contains(P,V)", "attribute_type(P,V)", "P in (V)"].map((t) => [t, 1] as const),
  ["P between V and V", 2],
  ["P in (V,V)", 2],
  ["attribute_exists(P)", 0],
  ["attribute_not_exists(P)", 0],
];

const leaf: fc.Arbitrary<Tree> = fc
  .tuple(fc.constantFrom(...templates), path, fc.tuple(value, value))
  .map(([[template, count], found, values]) => {
    return { kind: "test", template, path: found, values: values.slice(0, count) };
  });

const tree: fc.Memo<Tree> = fc.memo((depth) => {
  if (depth <= 1) return leaf;
  const chain = fc
    .tuple(
      fc.constantFrom("and" as const, "or" as const),
      fc.array(tree(depth - 1), { minLength: 2, maxLength: 3 }),
    )
    .map(([keyword, parts]): Tree => ({ kind: "chain", keyword, parts }));
  const not = tree(depth - 1).map((part): Tree => ({ kind: "not", part }));
  return fc.oneof({ weight: 3, arbitrary: leaf }, chain, not);
});

const range = fc.oneof(
  fc
    .tuple(fc.constantFrom("P = V", "P < V", "P <= V", "P > V", "P >= V", "begins_with(P,V)"), number)
    .map(([template, bound]) => ({ template, values: [bound] as AttributeValue[] })),
  fc.tuple(number, number).map(([lower, upper]) => ({
    template: "P between V and V",
    values: [lower, upper] as AttributeValue[],
  })),
);

const keys: fc.Arbitrary<Item> = fc.record(
  { pk: letter, sk: number, kind: letter, score: number, rank: number, owner: letter },
  { requiredKeys: ["pk", "sk"] },
);

function often<Value>(arbitrary: fc.Arbitrary<Value>, freq = 2): fc.Arbitrary<Value | undefined> {
  return fc.option(arbitrary, { nil: undefined, freq });
}

export const meaning: fc.Arbitrary<Meaning> = fc.record({
  operation: fc.constantFrom("Query", "Query", "Scan"),
  index: often(fc.constantFrom("byRank", "byKind", "byOwner"), 1),
  partition: fc.oneof({ weight: 9, arbitrary: letter }, number),
  range: often(range, 1),
  filter: often(tree(3)),
  projection: often(fc.array(path, { minLength: 1, maxLength: 3 }), 1),
  select: fc.oneof(
    { weight: 4, arbitrary: fc.constant(undefined) },
    fc.constantFrom("COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES"),
  ),
  limit: often(fc.constantFrom(1, 2, 5), 1),
  backward: fc.boolean(),
  startKey: fc.option(keys, { nil: undefined, freq: 1 }),
  segments: fc.oneof(
    { weight: 4, arbitrary: fc.constant(undefined) },
    fc.constantFrom([0, 1] as const, [0, 2] as const, [1, 2] as const),
  ),
});

const indexKeys: Readonly<Record<string, readonly [string, string?]>> = {
  byRank: ["pk", "rank"],
  byKind: ["kind", "score"],
  byOwner: ["owner"],
};

/** The request that says this, spelt so. */
export function request(what: Meaning, how: Spelling): Input {
  const speller = new Speller(how);
  const [partition, sort] = what.index ? (indexKeys[what.index] ?? ["pk"]) : ["pk", "sk"];
  const isQuery = what.operation === "Query";
  const halves = [speller.test("P = V", [partition], [what.partition])];
  if (what.range && sort) halves.push(speller.test(what.range.template, [sort], what.range.values));
  if (how.reversed) halves.reverse();
  const input = {
    IndexName: what.index,
    KeyConditionExpression: isQuery ? halves.join(speller.keyword(" and ")) : undefined,
    FilterExpression: what.filter && speller.tree(what.filter),
    ProjectionExpression: what.projection && speller.projection(what.projection),
    Select: what.select ?? (how.explicitDefaults ? defaultSelect(what) : undefined),
    Limit: what.limit,
    ScanIndexForward: isQuery && (how.explicitDefaults || what.backward) ? !what.backward : undefined,
    ExclusiveStartKey: what.startKey && startKey(what, speller),
    Segment: isQuery ? undefined : what.segments?.[0],
    TotalSegments: isQuery ? undefined : what.segments?.[1],
    ReturnConsumedCapacity: how.explicitDefaults ? "TOTAL" : undefined,
    ConsistentRead: how.explicitDefaults ? false : undefined,
  };
  // A Scan has no key condition, whose placeholders must not be left over.
  const entries = Object.entries({ ...input, ...speller.placeholders(Object.values(input)) });
  if (how.reversed) entries.reverse();
  return Object.fromEntries(entries.filter(([, given]) => given !== undefined));
}

const legacyOperators: Readonly<Record<string, string>> = {
  ...{ "P = V": "EQ", "P < V": "LT", "P <= V": "LE", "P > V": "GT", "P >= V": "GE" },
  ...{ "begins_with(P,V)": "BEGINS_WITH", "P between V and V": "BETWEEN" },
};

/** The same in the legacy parameters; undefined where they cannot say it, or not certainly. */
export function legacyRequest(what: Meaning): Input | undefined {
  const [partition = "pk", sort] = what.index ? (indexKeys[what.index] ?? []) : ["pk", "sk"];
  if (what.filter || what.projection?.some((path) => path.length > 1)) return undefined;
  const condition = (template: string, AttributeValueList: readonly AttributeValue[]) => {
    return { ComparisonOperator: legacyOperators[template], AttributeValueList };
  };
  const input = { ...request({ ...what, projection: undefined }, legacySpelling) };
  for (const name of ["KeyConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues"]) {
    Reflect.deleteProperty(input, name);
  }
  return {
    ...input,
    ...(what.operation === "Query" && {
      KeyConditions: {
        ...(what.range && sort && { [sort]: condition(what.range.template, what.range.values) }),
        [partition]: condition("P = V", [what.partition]),
      },
    }),
    ...(what.projection && { AttributesToGet: what.projection.map(([name]) => name) }),
  };
}

const legacySpelling: Spelling = {
  ...{ prefix: "p", space: " ", upper: false, parentheses: false, alwaysAlias: false },
  ...{ otherNumbers: true, reversed: true, explicitDefaults: false },
};

function defaultSelect(what: Meaning): string {
  if (what.projection) return "SPECIFIC_ATTRIBUTES";
  return what.index ? "ALL_PROJECTED_ATTRIBUTES" : "ALL_ATTRIBUTES";
}

/** Mostly of the right shape: the attributes that belong there, if the random key has them. */
function startKey(what: Meaning, speller: Speller): Item {
  const wanted = ["pk", "sk", ...(what.index ? (indexKeys[what.index] ?? []) : [])];
  const entries = Object.entries(what.startKey ?? {}).filter(([name]) => wanted.includes(name));
  return Object.fromEntries(entries.map(([name, given]) => [name, speller.respelt(given)]));
}
