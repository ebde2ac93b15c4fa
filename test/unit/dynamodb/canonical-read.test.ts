// Which Query and Scan requests share a key, which partition they read (conformance behaviours 29 and 30).

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalRead } from "../../../src/dynamodb/canonical-read.ts";
import type { Input } from "../../../src/dynamodb/model.ts";
import { multiAttributeSchema, withIndexesSchema } from "./expression-fixtures.ts";

const query: Input = {
  TableName: "t",
  KeyConditionExpression: "pk = :p AND sk > :s",
  FilterExpression: "a = :a AND attribute_exists(b[0].c)",
  ProjectionExpression: "a, b[0], d.e",
  ExpressionAttributeValues: { ":p": { S: "p" }, ":s": { N: "1" }, ":a": { M: { x: { NS: ["1", "2"] } } } },
  Limit: 10,
  ExclusiveStartKey: { pk: { S: "p" }, sk: { N: "5" } },
};
const scan: Input = { FilterExpression: "a = :a", ExpressionAttributeValues: { ":a": { S: "a" } } };

function ofQuery(input: Input) {
  return canonicalRead("Query", input, withIndexesSchema);
}
function ofScan(input: Input) {
  return canonicalRead("Scan", input, withIndexesSchema);
}
function values(changed: Input): Input {
  return { ExpressionAttributeValues: { ...Object(query.ExpressionAttributeValues), ...changed } };
}

describe("requests that mean the same share a key", () => {
  const names = { "#a": "a", "#b": "b", "#p": "pk", "#e": "e" };
  const same: Readonly<Record<string, Input>> = {
    "table by ARN": { TableName: "arn:aws:dynamodb:us-east-1:1:table/t" },
    "capacity wanted": { ReturnConsumedCapacity: "TOTAL" },
    "defaults said": { ScanIndexForward: true, Select: "SPECIFIC_ATTRIBUTES", ConsistentRead: false },
    "number spelt otherwise": values({ ":s": { N: "1.0e0" } }),
    "set in other order": values({ ":a": { M: { x: { NS: ["2.0", "1"] } } } }),
    "start key spelt otherwise": { ExclusiveStartKey: { sk: { N: "5.0" }, pk: { S: "p" } } },
    "halves swapped": { KeyConditionExpression: "sk > :s AND pk = :p" },
    "halves in parentheses": { KeyConditionExpression: "(pk = :p)and(sk>:s)" },
    "white space and case": { FilterExpression: "\n(a=:a)\tand attribute_exists( b[0].c )" },
    "paths in other order": { ProjectionExpression: "d.e,a,b[0]" },
    "names by alias": {
      ProjectionExpression: "#a, #b[0], d.#e",
      FilterExpression: "#a = :a AND attribute_exists(#b[0].c)",
      KeyConditionExpression: "#p = :p AND sk > :s",
      ExpressionAttributeNames: names,
    },
    "values by other alias": {
      KeyConditionExpression: "pk = :1 AND sk > :2",
      FilterExpression: "a = :3 AND attribute_exists(b[0].c)",
      ExpressionAttributeValues: {
        ...{ ":3": { M: { x: { NS: ["1", "2"] } } } },
        ...{ ":2": { N: "1" }, ":1": { S: "p" } },
      },
    },
  };
  test.each(Object.entries(same))("%s", (_, change) => {
    expect(ofQuery(query).exact).toBe(true);
    expect(ofQuery({ ...query, ...change })).toEqual(ofQuery(query));
  });

  test("all attributes of a table, said or not", () => {
    const whole = without({ ...query, ProjectionExpression: undefined });
    expect(ofQuery({ ...whole, Select: "ALL_ATTRIBUTES" })).toEqual(ofQuery(whole));
    const index = { ...scan, IndexName: "byKind" };
    expect(ofScan({ ...index, Select: "ALL_PROJECTED_ATTRIBUTES" })).toEqual(ofScan(index));
    expect(ofScan(index).exact).toBe(true);
  });

  test("JSON order, for raw requests too", () => {
    const raw = { ...query, Unknown: { b: [1, { d: 2, c: 3 }], a: null } };
    const turned = { Unknown: { a: null, b: [1, { c: 3, d: 2 }] }, ...query };
    expect(ofQuery(raw).exact).toBe(false);
    expect(ofQuery(turned)).toEqual(ofQuery(raw));
  });

  test("legacy key conditions and names are what the expressions are", () => {
    const KeyConditions = { pk: { ComparisonOperator: "EQ", AttributeValueList: [{ S: "p" }] } };
    const expression = {
      KeyConditionExpression: "pk = :p",
      ExpressionAttributeValues: { ":p": { S: "p" } },
      ProjectionExpression: "a, b",
    };
    expect(ofQuery({ KeyConditions, AttributesToGet: ["b", "a"] })).toEqual(ofQuery(expression));
    expect(ofQuery(expression)).toMatchObject({ exact: true, partition: "Sp" });
  });
});

describe("any other change makes another key", () => {
  const different: readonly Input[] = [
    { IndexName: "byRank" },
    { Limit: 11 },
    { Limit: undefined },
    { ExclusiveStartKey: undefined },
    { ExclusiveStartKey: { pk: { S: "p" }, sk: { N: "6" } } },
    { ScanIndexForward: false },
    { Select: "COUNT", ProjectionExpression: undefined },
    { ProjectionExpression: "a, b[1], d.e" },
    { ProjectionExpression: "a" },
    { ProjectionExpression: undefined },
    { FilterExpression: "a = :a AND attribute_exists(b[1].c)" },
    { FilterExpression: "a = :a OR attribute_exists(b[0].c)" },
    { FilterExpression: "NOT a = :a AND attribute_exists(b[0].c)" },
    { FilterExpression: "NOT (a = :a AND attribute_exists(b[0].c))" },
    { FilterExpression: "a <> :a AND attribute_exists(b[0].c)" },
    { FilterExpression: "a = :a AND attribute_not_exists(b[0].c)" },
    { FilterExpression: "a = :a" },
    { KeyConditionExpression: "pk = :p AND sk >= :s" },
    { KeyConditionExpression: "pk = :p AND sk < :s", ExclusiveStartKey: { pk: { S: "p" }, sk: { N: "0" } } },
    values({ ":s": { N: "2" } }),
    values({ ":a": { M: { x: { NS: ["1", "3"] } } } }),
    values({ ":a": { M: { x: { SS: ["1", "2"] } } } }),
    { Segment: 0, TotalSegments: 1 },
    { ConditionalOperator: "AND" },
    { QueryFilter: {} },
    { ConsistentRead: true },
    { ReturnConsumedCapacity: "ALL" },
  ];
  test("of a Query", () => {
    const keys = [query, ...different.map((change) => without({ ...query, ...change }))].map(
      (input) => ofQuery(input).key,
    );
    expect(new Set(keys).size).toBe(keys.length);
  });

  test("of a Scan", () => {
    const inputs: Input[] = [
      scan,
      {},
      ...["byRank", "byKind"].map((IndexName) => ({ ...scan, IndexName })),
      ...[0, 1].map((Segment) => ({ ...scan, Segment, TotalSegments: 2 })),
      { ...scan, Segment: 0, TotalSegments: 3 },
      { ...scan, Limit: 1 },
      { ...scan, Select: "COUNT" },
      { ...scan, IndexName: "byRank", Select: "ALL_ATTRIBUTES" },
      { ...scan, ScanFilter: { a: { ComparisonOperator: "NULL" } } },
      { ...scan, ScanFilter: { a: { ComparisonOperator: "NOT_NULL" } } },
    ];
    const keys = [...inputs.map((input) => ofScan(input).key), ofQuery(query).key];
    expect(new Set(keys).size).toBe(keys.length);
    expect(ofScan({}).key).not.toBe(ofQuery({}).key);
  });
});

function without(input: Input): Input {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
}

describe("what is not understood is known by itself", () => {
  const raw: readonly Input[] = [
    {},
    { ...query, Limit: 0 },
    { ...query, Limit: 1.5 },
    { ...query, Limit: "1" },
    { ...query, Limit: null },
    { ...query, Limit: Number.POSITIVE_INFINITY },
    { ...query, Unknown: 1 },
    { ...query, IndexName: "byNothing" },
    { ...query, IndexName: null },
    { ...query, Select: "ALL" },
    { ...query, Select: "ALL_PROJECTED_ATTRIBUTES", ProjectionExpression: undefined },
    { ...query, AttributesToGet: ["a"] },
    { ...query, KeyConditions: {} },
    { ...query, FilterExpression: "pk = :a AND attribute_exists(b)" },
    { ...query, FilterExpression: "a = :a AND attribute_exists(kind.b)" },
    { ...query, FilterExpression: "((a = :a))" },
    { ...query, FilterExpression: "name = :a" },
    { ...query, ExclusiveStartKey: { pk: { S: "q" }, sk: { N: "5" } } },
    { ...query, ExclusiveStartKey: { pk: { S: "p" }, sk: { N: "0" } } },
    { ...query, ExclusiveStartKey: { pk: { S: "p" } } },
    { ...query, ExclusiveStartKey: { pk: { S: "p" }, sk: { N: "5" }, a: { S: "a" } } },
    { ...query, ...values({ ":unused": { S: "" } }) },
    { ...query, ExpressionAttributeNames: { "#unused": "a" } },
    { ...query, ...values({ ":a": { SS: [] } }) },
    { ...query, ...values({ ":s": { S: "1" } }) },
  ];
  test("each has a key of its own", () => {
    const reads = raw.map(ofQuery);
    expect(reads.filter(({ exact }) => exact)).toEqual([]);
    expect(new Set(reads.map(({ key }) => key)).size).toBe(raw.length);
    for (const { key } of reads) expect(key.startsWith("~")).toBe(true);
    expect(ofQuery(query).key.startsWith("=")).toBe(true);
  });

  test("empty and overlong key values, start keys of segments", () => {
    const only = (S: string) => ({
      KeyConditionExpression: "pk = :p",
      ExpressionAttributeValues: { ":p": { S } },
    });
    expect(ofQuery(only("p")).exact).toBe(true);
    expect(ofQuery(only("")).exact).toBe(false);
    expect(ofQuery(only("x".repeat(2_049))).exact).toBe(false);
    const start = { ExclusiveStartKey: { pk: { S: "p" }, sk: { N: "5" } } };
    expect(ofScan(start).exact).toBe(true);
    expect(ofScan({ ...start, Segment: 0, TotalSegments: 1 }).exact).toBe(false);
  });

  test("raw keys are as different as the requests", () => {
    const json = fc.jsonValue({ maxDepth: 3 }).map((Unknown) => ({ Unknown }));
    fc.assert(
      fc.property(json, json, (left, right) => {
        const same = JSON.stringify(sorted(left)) === JSON.stringify(sorted(right));
        expect(ofScan(left).key === ofScan(right).key).toBe(same);
      }),
      { numRuns: 2_000 },
    );
  });

  test("prototype names and great depth", () => {
    const proto: Input = JSON.parse('{"Unknown": {"__proto__": 1}}');
    expect(ofScan(proto).key).not.toBe(ofScan({ Unknown: {} }).key);
    const deep: Input = { Unknown: JSON.parse(`${"[".repeat(100_000)}1${"]".repeat(100_000)}`) };
    expect(ofScan(deep).key.length).toBeGreaterThan(200_000);
  });
});

/** An independent way to sort members. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? 0 : value;
  return Object.entries(value)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .reduce((before: unknown, [name, member]) => ({ before, name, member: sorted(member) }), "object");
}

describe("the partition that is read", () => {
  const p = { ":p": { S: "p" }, ":n": { N: "1.0" } };
  const cases: readonly (readonly [Input, string | undefined])[] = [
    [{ KeyConditionExpression: "pk = :p" }, "Sp"],
    [{ KeyConditionExpression: "pk = :p AND sk = :n" }, "Sp"],
    [{ IndexName: "byRank", KeyConditionExpression: "pk = :p" }, "Sp"],
    [{ IndexName: "byKind", KeyConditionExpression: "score < :n AND kind = :p" }, "Sp"],
    [{ KeyConditionExpression: "pk = :p", FilterExpression: "((broken" }, "Sp"],
    [{ KeyConditionExpression: "pk = :p", Unknown: 1 }, "Sp"],
    [{ IndexName: "byKind", KeyConditionExpression: "pk = :p" }, undefined],
    [{ KeyConditionExpression: "pk = :p OR sk = :n" }, undefined],
    [{ KeyConditionExpression: "pk = :n" }, undefined],
    [{ KeyConditionExpression: "pk > :p" }, undefined],
    [{ KeyConditionExpression: "sk = :n" }, undefined],
    [{ KeyConditionExpression: "pk = :p", KeyConditions: {} }, undefined],
    [{ IndexName: "byNothing", KeyConditionExpression: "pk = :p" }, undefined],
    [{ KeyConditions: { pk: { ComparisonOperator: "EQ", AttributeValueList: [{ S: "p" }] } } }, "Sp"],
    [{ KeyConditions: { pk: { ComparisonOperator: "GE", AttributeValueList: [{ S: "p" }] } } }, undefined],
  ];
  test.each(cases)("%j: %s", (input, partition) => {
    const given =
      input.KeyConditions && !input.KeyConditionExpression ? {} : { ExpressionAttributeValues: p };
    expect(ofQuery({ ...input, ...given }).partition).toBe(partition);
  });

  test("a Scan reads all of them", () => {
    expect(ofScan(scan)).toMatchObject({ exact: true, partition: undefined });
  });

  const all = "country = :a AND city = :b";
  const multi: readonly (readonly [string, boolean])[] = [
    [all, true],
    ["city = :b AND country = :a", true],
    [`${all} AND #y = :n`, true],
    [`${all} AND #y >= :n`, true],
    [`#m < :n AND #y = :n AND ${all}`, true],
    [`${all} AND #y = :n AND #m = :n AND begins_with(#l, :b)`, true],
    ["country = :a", false],
    ["country = :a AND begins_with(city, :b)", false],
    [`${all} AND #m = :n`, false],
    [`${all} AND #y > :n AND #m = :n`, false],
    [`${all} AND #y = :b`, false],
  ];
  test.each(multi)("an index with several key attributes: %s", (KeyConditionExpression, isProven) => {
    const used = (found: string) => new RegExp(`${found}\\b`).test(KeyConditionExpression);
    const pick = (of: object) => Object.fromEntries(Object.entries(of).filter(([found]) => used(found)));
    const ExpressionAttributeNames = pick({ "#y": "year", "#m": "month", "#l": "label" });
    const read = canonicalRead(
      "Query",
      {
        IndexName: "byPlace",
        KeyConditionExpression,
        ...(Object.keys(ExpressionAttributeNames).length > 0 && { ExpressionAttributeNames }),
        ExpressionAttributeValues: pick({ ":a": { S: "at" }, ":b": { S: "vienna" }, ":n": { N: "1" } }),
      },
      multiAttributeSchema,
    );
    expect(read.exact).toBe(isProven);
    expect(read.partition).toBe(isProven ? "3:SatSvienna" : undefined);
  });
});
