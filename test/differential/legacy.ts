// The parameters from before expressions: conditions by attribute, Expected, AttributeUpdates.

import fc from "fast-check";
import type { AttributeValue } from "../../src/dynamodb/model.ts";
import { defined } from "./chance.ts";
import { type KeyName, keyValue, type Pick, rangePick, type Shape } from "./shapes.ts";
import { inOrder, listValue, numberValue, setValue, textValue, value } from "./values.ts";

export type Legacy = (shape: Shape) => Record<string, unknown>;

const plain = fc.constantFrom("x", "y", "n", "s", "m", "l", "status", "a.b");
const name = fc.oneof({ weight: 8, arbitrary: plain }, fc.constant("gk"));
/** AttributesToGet: whole attributes only, whose names may contain dots. */
export const attributesToGet: fc.Arbitrary<readonly string[]> = fc.uniqueArray(
  fc.oneof({ weight: 8, arbitrary: name }, fc.constantFrom("pk", "sk", "m.a", "__proto__")),
  { minLength: 1, maxLength: 3 },
);

const several = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: 1, maxLength: 3 });
const condition: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  fc
    .tuple(fc.constantFrom("EQ", "NE", "LE", "LT", "GE", "GT"), fc.oneof(textValue, numberValue))
    .map(compared),
  fc.tuple(fc.constantFrom("CONTAINS", "NOT_CONTAINS", "BEGINS_WITH"), textValue).map(compared),
  fc.constantFrom("NULL", "NOT_NULL").map((ComparisonOperator) => ({ ComparisonOperator })),
  inOrder.map((AttributeValueList) => ({ ComparisonOperator: "BETWEEN", AttributeValueList })),
  fc.oneof(several(textValue), several(numberValue)).map((AttributeValueList) => ({
    ComparisonOperator: "IN",
    AttributeValueList,
  })),
);

function compared([ComparisonOperator, given]: readonly [string, AttributeValue]): Record<string, unknown> {
  return { ComparisonOperator, AttributeValueList: [given] };
}

/** One to three conditions on different attributes; with several, a ConditionalOperator now and then. */
function conditions(
  member: "QueryFilter" | "ScanFilter" | "Expected",
  on: fc.Arbitrary<string>,
  one: fc.Arbitrary<object>,
): fc.Arbitrary<Record<string, unknown>> {
  const entries = fc.uniqueArray(fc.tuple(on, one), {
    minLength: 1,
    maxLength: 3,
    selector: ([found]) => found,
  });
  return fc.tuple(entries, fc.constantFrom(undefined, "AND", "OR")).map(([found, operator]) =>
    defined({
      [member]: Object.fromEntries(found),
      ConditionalOperator: found.length > 1 ? operator : undefined,
    }),
  );
}

export const queryFilter = conditions("QueryFilter", name, condition);
export const scanFilter = conditions("ScanFilter", name, condition);

const expectation = fc.oneof(
  condition,
  fc.oneof(textValue, numberValue).map((Value) => ({ Value })),
  fc.oneof(textValue, numberValue).map((Value) => ({ Value, Exists: true })),
  fc.constant({ Exists: false }),
);
export const expected = conditions("Expected", fc.oneof(name, fc.constant("pk")), expectation);

type Change = readonly [string, (shape: Shape) => Record<string, unknown>];
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(plain, value).map(([found, Value]): Change => [found, () => ({ Action: "PUT", Value })]),
  fc.tuple(plain, value).map(([found, Value]): Change => [found, () => ({ Value })]),
  name.map((found): Change => [found, () => ({ Action: "DELETE" })]),
  numberValue.map((Value): Change => ["n", () => ({ Action: "ADD", Value })]),
  listValue.map((Value): Change => ["l", () => ({ Action: "ADD", Value })]),
  fc
    .tuple(fc.constantFrom("ADD", "DELETE"), setValue)
    .map(([Action, Value]): Change => ["s", () => ({ Action, Value })]),
  fc
    .tuple(fc.constantFrom<KeyName>("gk", "gs", "ls"), rangePick)
    .map(
      ([found, pick]): Change => [found, (shape) => ({ Action: "PUT", Value: keyValue(shape, found, pick) })],
    ),
);
export const attributeUpdates: fc.Arbitrary<Legacy> = fc
  .uniqueArray(change, { minLength: 1, maxLength: 3, selector: ([found]) => found })
  .map((changes) => (shape) => ({
    AttributeUpdates: Object.fromEntries(changes.map(([found, write]) => [found, write(shape)])),
  }));

/** KeyConditions' form of one condition on a sort key. */
export function legacyRange(shape: Shape, key: KeyName, operator: string, picks: readonly Pick[]): object {
  const names: Readonly<Record<string, string>> = { "=": "EQ", "<": "LT", "<=": "LE", ">": "GT", ">=": "GE" };
  return {
    ComparisonOperator: names[operator] ?? operator.toUpperCase(),
    AttributeValueList: (operator === "between" ? picks : picks.slice(0, 1)).map((pick) =>
      keyValue(shape, key, pick),
    ),
  };
}
