// Condition expressions: what parseCondition accepts, DynamoDB Local accepts; what Local refuses, so do we.

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { conditionForm, parseCondition } from "../../../src/dynamodb/expression/condition.ts";
import { proven } from "../../../src/dynamodb/expression/lexer.ts";
import { Placeholders } from "../../../src/dynamodb/expression/placeholders.ts";
import type { Input } from "../../../src/dynamodb/model.ts";
import { call } from "../../support/raw-client.ts";
import { testTables } from "../../support/tables.ts";

const url = inject("dynamoDbLocalUrl");
const tables = testTables(url);
let TableName = "";
beforeAll(async () => {
  TableName = await tables.create();
});
afterAll(() => tables.deleteAll());

const values: Readonly<Record<string, Input>> = {
  ...{ ":s": { S: "b" }, ":t": { S: "a" }, ":n": { N: "10" }, ":m": { N: "9" }, ":b": { B: "AQI=" } },
  ...{ ":o": { BOOL: true }, ":z": { NULL: true }, ":l": { L: [] }, ":c": { M: {} }, ":S": { SS: ["a"] } },
  ...{ ":N": { N: "NaN" }, ":e": { SS: [] } },
};

function input(FilterExpression: string): Input {
  const used = new Set(FilterExpression.match(/:\w+/g) ?? []);
  const given = Object.entries(values).filter(([alias]) => used.has(alias));
  return {
    FilterExpression,
    ...(given.length > 0 && { ExpressionAttributeValues: Object.fromEntries(given) }),
    ...(FilterExpression.includes("#x") && { ExpressionAttributeNames: { "#x": "x.y" } }),
  };
}

function parse(expression: string): unknown {
  return proven(() => {
    const placeholders = new Placeholders(input(expression));
    const condition = parseCondition(expression, placeholders);
    placeholders.expectAllUsed();
    return conditionForm(condition, placeholders);
  });
}

async function statusOf(expression: string): Promise<number> {
  return (await call(url, "Scan", { TableName, ...input(expression) })).status;
}

const any = (count: number, test = "a=:s") => Array.from({ length: count }, () => test).join(" or ");
const nested = (count: number) => `${"NOT(".repeat(count)}a=:s${")".repeat(count)}`;

const accepted: readonly string[] = [
  ...["a=:s", "a = :s", "\ta\n=\r\n:s ", "(a = :s)", "NOT a = :s", "NOT(a=:s)AND(b=:s)", "not not a=:s"],
  ...[
    "((a = :s) AND (b=:s))",
    "((a=:s) or b=:s)",
    "(b=:s or (a=:s))",
    "(NOT (a=:s))",
    "NOT ((a=:s) or b=:s)",
  ],
  ...[
    "a=:s AnD(b<>:s)",
    "a<:n",
    "a <=:n",
    "a>:b",
    "a >= :s",
    "a = :o",
    "a = :z",
    "a <> :l",
    "a = :c",
    "a=:S",
  ],
  ...["a = b", "a.b[0] < a.b[1]", "#x = :s", "a.#x=:s", "size(a) > :n", "size ( a ) = :n", "size(a)=b"],
  ...[
    "a between :m and :n",
    "a BETWEEN:s AND:s",
    "a between :t and :s and b = :s",
    "size(a) between :m and :n",
  ],
  ...["a IN (:s)", "a IN(:s,:n)OR b=:s", "a in (:s,:s)", "size(a) in (:n)", `a in (${"s".repeat(100)})`],
  ...[
    "attribute_exists(a)AND a=:s",
    "attribute_not_exists (a.b)",
    "begins_with( a , :s )",
    "begins_with(a,:b)",
  ],
  ...["contains(a,:s)", "contains(a,:n)", "contains(a,:b)", any(150), any(150, "attribute_exists(a)")],
  ...[any(100, "size(a)=:n"), nested(10)],
].map((expression) => expression.replace("s".repeat(100), Array(100).fill(":s").join()));

const refused: readonly string[] = [
  ...[
    "",
    " ",
    "a",
    "a=",
    "=:s",
    "a=:s b=:s",
    "a=:s AND",
    "a=:s AND AND b=:s",
    "a == :s",
    "a != :s",
    "a< =:s",
  ],
  ...["a < > :s", "(a=:s", "a=:s)", "((a=:s))", "(((a=:s) or b=:s))", "NOT ((a=:s))", "(a=:s) = :s", "NOT a"],
  ...["a=:sAND b=:s", "a=:unknown", "#y=:s", "name=:s", "a.name=:s", "a=status", "a = a", "a.b[0]=a.b[0]"],
  ...["a<:o", "a<:z", "a>:l", "a>=:c", "a<:S", "a=:N", "a=:e", "a between :n and :m", "a between :s and :t"],
  ...["a between :s and :n", "a between :o and :o", "a between :n", "a in ()", "a in :s", "a in (:s,)"],
  ...[
    "begins_with(a,:n)",
    "begins_with(a,:S)",
    "BEGINS_WITH(a,:s)",
    "begins_with(a)",
    "begins_with(a,:s,:s)",
  ],
  ...["attribute_exists(:s)", "attribute_exists(a,b)", "attribute_exists(a)=:s", "attribute_type(a,:s)"],
  ...["attribute_type(a,:n)", "size(a)", "size(size(a))=:n", "contains(a,a)", "unknown(a)=:s", "Size(a)=:n"],
  ...["if_not_exists(a,:s)=:s", "a=:s;", "a=:s\u00a0", "a = 1", 'a = "x"', any(151), any(101, "size(a)=:n")],
  ...[any(151, "attribute_exists(a)"), nested(300), `a in (${Array(101).fill(":s").join()})`],
  `a=:s or ${"x".repeat(4090)}=:s`,
];

/** Valid for DynamoDB Local, and too odd for us to vouch for. */
const doubted: readonly string[] = [
  ...[":s=a", "(a)=:s", "a=(:s)", "a in (b,:s)", "a between b and :s", "contains(a,:S)", "contains(:s,a)"],
  ...["size(a)=:s", "size(a)<:s", "contains=:s", "a .b=:s", ":s=:s", nested(60), "b = size(a)"],
];

describe("the same verdict as DynamoDB Local", () => {
  test.each(accepted)("accepts %j", async (expression) => {
    expect(parse(expression)).toBeDefined();
    expect(await statusOf(expression)).toBe(200);
  });
  test.each(refused)("refuses %j", async (expression) => {
    expect(parse(expression)).toBeUndefined();
    expect(await statusOf(expression)).toBe(400);
  });
  test.each(doubted)("leaves %j to DynamoDB", async (expression) => {
    expect(parse(expression)).toBeUndefined();
    expect(await statusOf(expression)).toBe(200);
  });
});

test("NOT binds closer than AND, AND closer than OR", () => {
  expect(parse("a=:s or not b=:s and c=:s")).toEqual(parse("(a=:s) or ((not (b=:s)) and (c=:s))"));
  expect(parse("a=:s or b=:s and c=:s")).not.toEqual(parse("(a=:s or b=:s) and c=:s"));
  expect(parse("not a=:s and b=:s")).not.toEqual(parse("not (a=:s and b=:s)"));
});

test("a name with a dot is not a path, an index not a name", () => {
  expect(parse("#x = :s")).not.toEqual(parse("x.y = :s"));
  expect(parse("a[0] = :s")).toEqual(["=", ["path", "a", 0], "S1:b"]);
});
