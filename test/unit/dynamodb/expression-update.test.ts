// updatedAttributes: never a name too few. Real updates of DynamoDB Local show what an expression changes.

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { canonicalValue } from "../../../src/dynamodb/canonical-value.ts";
import { updatedAttributes } from "../../../src/dynamodb/expression/updated-attributes.ts";
import type { Input, Item } from "../../../src/dynamodb/model.ts";
import { call, mustCall } from "../../support/raw-client.ts";
import { testTables } from "../../support/tables.ts";

const v = { ":v": { N: "1" } };

function update(UpdateExpression: string, rest: Input = { ExpressionAttributeValues: v }) {
  return updatedAttributes({ UpdateExpression, ...rest });
}

const known: readonly (readonly [expression: string, names: readonly string[], topLevelOnly: boolean])[] = [
  ["SET a = :v", ["a"], true],
  ["set a=:v,b=b+:v , c = :v - d", ["a", "b", "c"], true],
  ["SET a = if_not_exists(b, :v) + :v REMOVE c, d", ["a", "c", "d"], true],
  ["SET a = list_append(if_not_exists(a, :v), :v)", ["a"], true],
  ["SET a = (:v + b)", ["a"], true],
  ["ADD a :v DELETE b :v", ["a", "b"], true],
  ["REMOVE a[0].b", ["a"], false],
  ["SET a.b = :v, c = :v", ["a", "c"], false],
  ["DELETE a :v SET b = c.d[2]", ["a", "b"], true],
];

const unknown: readonly string[] = [
  ...["", "SET", "a = :v", "SET a", "SET a = ", "SET a = :v,", "SET a = :v SET b = :v", "PUT a :v"],
  ...["ADD a", "REMOVE", "SET a = :w", "SET #a = :v", "SET a = size(b)", "SET name = :v", "SET a = name"],
  ...[
    "SET a == :v",
    "SET a = :v REMOVE",
    "REMOVE a :v",
    "SET a = :v; REMOVE b",
    "SET a = (:v",
    "SET a = :v)",
  ],
];

describe("UpdateExpression", () => {
  test.each(known)("%s", (expression, names, topLevelOnly) => {
    expect(update(expression)).toEqual({ names: new Set(names), topLevelOnly });
  });

  test.each(unknown)("cannot tell: %j", (expression) => {
    expect(update(expression)).toBeUndefined();
  });

  test("names by placeholder, dots and prototypes included", () => {
    const ExpressionAttributeNames = JSON.parse('{"#a": "__proto__", "#b": "x.y", "#c": "set"}');
    const rest = { ExpressionAttributeNames, ExpressionAttributeValues: v };
    expect(update("SET #a = :v REMOVE #b, #c.#a", rest)).toEqual({
      names: new Set(["__proto__", "x.y", "set"]),
      topLevelOnly: false,
    });
  });

  test("malformed placeholders cannot be told", () => {
    for (const rest of [
      { ExpressionAttributeNames: {} },
      { ExpressionAttributeNames: { "#a": 1 } },
      { ExpressionAttributeNames: null },
      { ExpressionAttributeValues: { ":v": { N: "x" } } },
      { ExpressionAttributeValues: [] },
    ]) {
      expect(update("REMOVE a", rest)).toBeUndefined();
    }
  });
});

describe("AttributeUpdates", () => {
  test("names its attributes", () => {
    const AttributeUpdates = { a: { Action: "PUT", Value: { S: "x" } }, "b.c": { Action: "DELETE" } };
    expect(updatedAttributes({ AttributeUpdates })).toEqual({
      names: new Set(["a", "b.c"]),
      topLevelOnly: true,
    });
  });

  test("nothing is updated where nothing is asked", () => {
    expect(updatedAttributes({})).toEqual({ names: new Set(), topLevelOnly: true });
    expect(updatedAttributes({ AttributeUpdates: {} })).toEqual({ names: new Set(), topLevelOnly: true });
  });

  test("cannot tell", () => {
    expect(updatedAttributes({ AttributeUpdates: null })).toBeUndefined();
    expect(updatedAttributes({ AttributeUpdates: [] })).toBeUndefined();
    expect(updatedAttributes({ UpdateExpression: null })).toBeUndefined();
    expect(update("REMOVE a", { AttributeUpdates: {} })).toBeUndefined();
  });
});

describe("against DynamoDB Local", () => {
  const url = inject("dynamoDbLocalUrl");
  const tables = testTables(url);
  const Key = { pk: { S: "p" } };
  let TableName = "";
  beforeAll(async () => {
    TableName = await tables.create();
  });
  afterAll(() => tables.deleteAll());

  const before: Item = {
    ...{ ...Key, a: { N: "1" }, b: { L: [{ S: "x" }, { N: "2" }] }, c: { M: { a: { N: "3" } } } },
    ...{ d: { SS: ["x", "y"] }, set: { N: "7" } },
  };
  const target = fc.constantFrom("a", "b", "b[0]", "b[1]", "c", "c.a", "c.new", "d", "#s", "new");
  const operand = fc.constantFrom(
    ":n",
    ":l",
    "a",
    "b",
    "c.a",
    "if_not_exists(new, :n)",
    "list_append(b, :l)",
  );
  const action: fc.Arbitrary<readonly [clause: string, action: string]> = fc.oneof(
    fc.tuple(
      fc.constant("SET"),
      fc.tuple(target, operand).map(([path, value]) => `${path} = ${value}`),
    ),
    fc.tuple(
      fc.constant("SET"),
      target.map((path) => `${path}=a-:n`),
    ),
    fc.tuple(fc.constant("REMOVE"), target),
    fc.tuple(
      fc.constant("ADD"),
      fc.tuple(target, fc.constantFrom(":n", ":s")).map((pair) => pair.join(" ")),
    ),
    fc.tuple(
      fc.constant("delete"),
      target.map((path) => `${path} :s`),
    ),
  );
  const allValues = { ":n": { N: "5" }, ":l": { L: [{ S: "z" }] }, ":s": { SS: ["x", "z"] } };

  test("what really changes is named, 1,000 times", async () => {
    let updates = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 4 }), async (actions) => {
        const grouped = Map.groupBy(actions, ([clause]) => clause);
        const UpdateExpression = [...grouped]
          .map(([clause, group]) => `${clause} ${group.map(([, text]) => text).join(", ")}`)
          .join(" ");
        const used = Object.entries(allValues).filter(([alias]) => UpdateExpression.includes(alias));
        const input: Input = {
          UpdateExpression,
          ...(used.length > 0 && { ExpressionAttributeValues: Object.fromEntries(used) }),
          ...(UpdateExpression.includes("#s") && { ExpressionAttributeNames: { "#s": "set" } }),
        };
        const told = updatedAttributes(input);
        await mustCall(url, "PutItem", { TableName, Item: before });
        const reply = await call(url, "UpdateItem", { TableName, Key, ...input });
        if (reply.status !== 200) return;
        updates += 1;
        // All of these are plain enough to be told.
        if (told === undefined) throw new Error(UpdateExpression);
        const after = (await mustCall<{ Item?: Item }>(url, "GetItem", { TableName, Key })).Item ?? {};
        for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
          const isChanged = canonicalValue(before[name]) !== canonicalValue(after[name]);
          if (isChanged) expect([...told.names], UpdateExpression).toContain(name);
        }
      }),
      { numRuns: 1_000 },
    );
    expect(updates).toBeGreaterThan(100);
  }, 60_000);
});
