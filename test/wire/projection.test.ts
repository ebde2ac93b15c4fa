// Projections against DynamoDB Local: what planProjection accepts is accepted there, project() is its answer.

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { canonicalValue } from "../../src/dynamodb/canonical-value.ts";
import { planProjection, project } from "../../src/dynamodb/expression/projection.ts";
import { reservedWords } from "../../src/dynamodb/expression/reserved-words.ts";
import type { AttributeValue, Input, Item } from "../../src/dynamodb/model.ts";
import { call, mustCall } from "../support/raw-client.ts";
import { testTables, WITH_INDEXES } from "../support/tables.ts";
import { withIndexesSchema } from "../unit/dynamodb/expression-fixtures.ts";

const url = inject("dynamoDbLocalUrl");
const tables = testTables(url);
const Key = { pk: { S: "p" }, sk: { N: "1" } };
const x = (count: number) => "x".repeat(count);
let TableName = "";

beforeAll(async () => {
  TableName = await tables.create(WITH_INDEXES);
});
afterAll(() => tables.deleteAll());

function read(input: Input) {
  return call<{ Item?: Item }>(url, "GetItem", { TableName, Key, ...input });
}

/** One text for an item: order of attributes and of set members does not count. */
function text(item: Item | undefined): string | undefined {
  return canonicalValue({ M: item });
}

const accepted: readonly Input[] = [
  { ProjectionExpression: "a" },
  { ProjectionExpression: " a\t,\r\nb " },
  { ProjectionExpression: "pk,sk,kind" },
  { ProjectionExpression: "a.b[0],a.b[2].c" },
  { ProjectionExpression: "a[10],a[9]" },
  { ProjectionExpression: "b[0][1]" },
  { ProjectionExpression: "l[999999999]" },
  { ProjectionExpression: `x${".x".repeat(31)}` },
  { ProjectionExpression: `x${"[0]".repeat(31)}` },
  { ProjectionExpression: x(4096) },
  { ProjectionExpression: "#0,#_", ExpressionAttributeNames: { "#0": "a", "#_": "b" } },
  { ProjectionExpression: "#a.#b,#a.#c", ExpressionAttributeNames: { "#a": "a", "#b": "a", "#c": "c" } },
  { ProjectionExpression: "#a", ExpressionAttributeNames: { "#a": "a.b" } },
  { ProjectionExpression: "#a", ExpressionAttributeNames: { "#a": "size" } },
  { ProjectionExpression: "#a", ExpressionAttributeNames: { "#a": "__proto__" } },
  { ProjectionExpression: "#a", ExpressionAttributeNames: { "#a": x(65_535) } },
  { ProjectionExpression: `#${x(254)}`, ExpressionAttributeNames: { [`#${x(254)}`]: "a" } },
  { AttributesToGet: ["a", "a.b", "size", "__proto__", "pk"] },
];

const refused: readonly Input[] = [
  ...["", " ", ",", "a,", ",a", "a b", "a..b", "a.", "a[", "a[]", "a[-1]", "a[01]", "a[1", "a]"].map(
    expression,
  ),
  ...["a[2147483648]", "a[b]", "1a", "a.1", "_a", "__typename", "a-b", "a$", "é", "a\u00a0", "a\f,b"].map(
    expression,
  ),
  ...["a\u000b,b", "(a)", "a=b", ":a", "#a", "#", "a.#", "a,a", "a,a.b", "a.b,a", "a.b,a[0]"].map(expression),
  ...["a.b[0],a.b", "a[0],a[0]", "a[1][0],a[1].b", "select", "a.Select", "Set", "a.remove", "AND"].map(
    expression,
  ),
  ...["pk.a", "sk[0]", "kind.a", "score[0]", "owner.a", "rank[1].b"].map(expression),
  expression(`x${".x".repeat(32)}`),
  expression(`x${"[0]".repeat(32)}`),
  expression(x(4097)),
  expression(`${"é".repeat(2048)}a`),
  { ProjectionExpression: "a", ExpressionAttributeNames: {} },
  { ProjectionExpression: "a", ExpressionAttributeNames: { "#b": "b" } },
  { ProjectionExpression: "#a,#b", ExpressionAttributeNames: { "#a": "a" } },
  { ProjectionExpression: "#a,#b", ExpressionAttributeNames: { "#a": "a", "#b": "a" } },
  { ProjectionExpression: "#a,a", ExpressionAttributeNames: { "#a": "a" } },
  { ProjectionExpression: "#a.b", ExpressionAttributeNames: { "#a": "pk" } },
  { ProjectionExpression: "#a", ExpressionAttributeNames: { "#a": "" } },
  { ProjectionExpression: "#a", ExpressionAttributeNames: { "#a": null } },
  { ProjectionExpression: "#a", ExpressionAttributeNames: { "#a": x(65_536) } },
  { ProjectionExpression: "#a", ExpressionAttributeNames: { "#a": "a", a: "a" } },
  { ProjectionExpression: "#é", ExpressionAttributeNames: { "#é": "a" } },
  { ProjectionExpression: "#_-", ExpressionAttributeNames: { "#_-": "a" } },
  { ProjectionExpression: `#${x(255)}`, ExpressionAttributeNames: { [`#${x(255)}`]: "a" } },
  { ExpressionAttributeNames: { "#a": "a" } },
  { ProjectionExpression: "a", AttributesToGet: ["a"] },
  { AttributesToGet: [] },
  { AttributesToGet: ["a", "a"] },
  { AttributesToGet: [""] },
  { AttributesToGet: "a" },
  { AttributesToGet: [null] },
];

/** DynamoDB Local takes these, the service may not, or we do not vouch for the meaning: they go upstream. */
const doubted: readonly Input[] = [
  ...["a .b", "a. b", "a [0]", "a[ 0]", "a[0 ]", "contains", "begins_with"].map(expression),
  { ProjectionExpression: null },
  { ProjectionExpression: "a", ExpressionAttributeNames: null },
  { ProjectionExpression: "a", ExpressionAttributeValues: { ":a": { S: "a" } } },
  { ProjectionExpression: "#a", ExpressionAttributeNames: { "#a": 5 } },
  { AttributesToGet: null },
  { AttributesToGet: [1] },
  { AttributesToGet: Array.from({ length: 256 }, (_, at) => `a${at}`) },
];

function expression(ProjectionExpression: string): Input {
  return { ProjectionExpression };
}

describe("the same verdict as DynamoDB Local", () => {
  test.each(accepted)("accepts %j", async (input) => {
    expect(planProjection(input, withIndexesSchema)).toBeTypeOf("object");
    expect((await read(input)).status).toBe(200);
  });

  test.each(refused)("refuses %j", async (input) => {
    expect(planProjection(input, withIndexesSchema)).toBeUndefined();
    expect((await read(input)).status).not.toBe(200);
  });

  test.each(doubted)("leaves %j to DynamoDB", (input) => {
    expect(planProjection(input, withIndexesSchema)).toBeUndefined();
  });

  test("every reserved word is refused, in any case", async () => {
    expect(reservedWords.size).toBe(573);
    // Documented as reserved, but this DynamoDB Local takes them; we believe the documentation.
    const takenByLocal = new Set(["CONVERT", "SIZE"]);
    const wrong: string[] = [];
    // REMOVE is on no list, but a keyword of the expression language.
    for (const word of [...reservedWords, "REMOVE"]) {
      const inLowerCase = expression(word.toLowerCase());
      const nested = expression(`a.${word[0]}${word.slice(1).toLowerCase()}`);
      for (const input of [expression(word), inLowerCase, nested]) {
        if (planProjection(input, withIndexesSchema) !== undefined) wrong.push(`we take ${word}`);
      }
      const replies = await Promise.all([read(inLowerCase), read(nested)]);
      const refusals = replies.filter(({ status }) => status === 400).length;
      if (refusals !== (takenByLocal.has(word) ? 0 : 2)) wrong.push(`DynamoDB Local: ${word}`);
    }
    expect(wrong).toEqual([]);
  });
});

const names = ["a", "b", "c", "__proto__", "constructor", "toString", "a.b", "x y", "é"];
const name = fc.oneof({ weight: 3, arbitrary: fc.constantFrom("a", "b", "c") }, fc.constantFrom(...names));

const value: fc.Memo<AttributeValue> = fc.memo((depth) => {
  const scalars: fc.Arbitrary<AttributeValue>[] = [
    fc.string({ maxLength: 3 }).map((S) => ({ S })),
    fc.integer().map((n) => ({ N: String(n) })),
    fc.boolean().map((BOOL) => ({ BOOL })),
    fc.constant({ NULL: true }),
    fc.uniqueArray(fc.constantFrom("p", "q", "r"), { minLength: 1 }).map((SS) => ({ SS })),
    fc.uint8Array({ minLength: 1, maxLength: 4 }).map((b) => ({ B: Buffer.from(b).toString("base64") })),
  ];
  if (depth <= 1) return fc.oneof(...scalars);
  const L = fc.array(value(depth - 1), { maxLength: 4 }).map((elements) => ({ L: elements }));
  const M = members(value(depth - 1)).map((found) => ({ M: found }));
  return fc.oneof({ weight: 1, arbitrary: fc.oneof(...scalars) }, { weight: 3, arbitrary: fc.oneof(L, M) });
});

function members(of: fc.Arbitrary<AttributeValue>): fc.Arbitrary<Item> {
  // Object.fromEntries defines properties, so "__proto__" becomes a member like any other.
  return fc
    .uniqueArray(fc.tuple(name, of), { selector: ([key]) => key, minLength: 1, maxLength: 5 })
    .map(Object.fromEntries);
}

const path = fc.tuple(
  name,
  fc.array(fc.oneof(name, fc.integer({ min: 0, max: 3 })), { maxLength: 3, size: "small" }),
  fc.boolean(),
);

/** A projection of random paths; bare names where they can be, if the path's flag says so. */
const projection = fc.array(path, { minLength: 1, maxLength: 4 }).map((paths): Input => {
  const aliases = new Map<string, string>();
  const spelt = paths.map(([head, rest, bare]) =>
    [head, ...rest].reduce<string>((before, part) => {
      if (typeof part === "number") return `${before}[${part}]`;
      const alias = `#n${names.indexOf(part)}`;
      const isBare = bare && /^[abc]$/.test(part);
      if (!isBare) aliases.set(alias, part);
      return `${before}${before && "."}${isBare ? part : alias}`;
    }, ""),
  );
  const ExpressionAttributeNames = aliases.size > 0 && Object.fromEntries(aliases);
  return {
    ProjectionExpression: spelt.join(", "),
    ...(ExpressionAttributeNames && { ExpressionAttributeNames }),
  };
});

const attributesToGet = fc.array(name, { minLength: 1, maxLength: 4 }).map((AttributesToGet) => ({
  AttributesToGet,
}));

test("random projections of random items: the same verdict and the same item, 2,500 times", async () => {
  let compared = 0;
  let kept = 0;
  const requests = fc.array(fc.oneof({ weight: 5, arbitrary: projection }, attributesToGet), {
    minLength: 12,
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(members(value(4)), requests, async (attributes, inputs) => {
      const Item = Object.fromEntries([...Object.entries(attributes), ...Object.entries(Key)]);
      await mustCall(url, "PutItem", { TableName, Item });
      const whole = (await read({})).body.Item ?? {};
      for (const input of inputs) {
        const plan = planProjection(input, withIndexesSchema);
        const reply = await read(input);
        // Nothing here is of the doubted sort: we accept exactly what DynamoDB Local accepts.
        expect(plan !== undefined, JSON.stringify(input)).toBe(reply.status === 200);
        if (plan === undefined || plan === "whole") continue;
        const ours = project(whole, plan);
        expect(text(ours)).toBe(text(reply.body.Item));
        compared += 1;
        if (Object.keys(ours).length > 0) kept += 1;
      }
    }),
    { numRuns: 500 },
  );
  expect(compared).toBeGreaterThan(2_500);
  expect(kept).toBeGreaterThan(1_000);
}, 120_000);

test("the whole item is not touched, and no projection reaches the prototype", () => {
  const item = JSON.parse('{"__proto__": {"M": {"a": {"S": "x"}, "b": {"S": "y"}}}, "a": {"S": "z"}}');
  const before = JSON.stringify(item);
  const input = { ProjectionExpression: "#p.a", ExpressionAttributeNames: { "#p": "__proto__" } };
  const plan = planProjection(input, withIndexesSchema);
  if (plan === undefined || plan === "whole") throw new Error("not planned");
  const cut = project(item, plan);
  expect(JSON.stringify(cut)).toBe('{"__proto__":{"M":{"a":{"S":"x"}}}}');
  expect(Object.getPrototypeOf(cut)).toBe(Object.prototype);
  expect(JSON.stringify(item)).toBe(before);
  expect(project({}, plan)).toEqual({});
});

test("no projection is the whole item", () => {
  expect(planProjection({}, withIndexesSchema)).toBe("whole");
  expect(planProjection({ Key, ConsistentRead: false }, withIndexesSchema)).toBe("whole");
});
