// Reads next to a read: one thing changed, so that their answers must not be taken for each other's.

import fc from "fast-check";
import { isObject } from "../../src/dynamodb/model.ts";
import type { Step, Wire } from "./operation.ts";

type Input = Readonly<Record<string, unknown>>;
/** The neighbour; the same request where the change does not apply. */
type Change = (input: Input, operation: string) => Input;

function without(input: Input, name: string): Input {
  return Object.fromEntries(Object.entries(input).filter(([member]) => member !== name));
}

/** In the first expression that has `from`. */
function respelt(from: RegExp, to: string): Change {
  return (input) => {
    const member = ["FilterExpression", "KeyConditionExpression", "ProjectionExpression"].find(
      (name) => typeof input[name] === "string" && from.test(input[name]),
    );
    return member === undefined ? input : { ...input, [member]: String(input[member]).replace(from, to) };
  };
}

const queryOnly =
  (change: (input: Input) => Input): Change =>
  (input, operation) =>
    operation === "Query" ? change(input) : input;
const pagesOnly =
  (change: (input: Input) => Input): Change =>
  (input, operation) =>
    operation === "Query" || operation === "Scan" ? change(input) : input;

const changes: readonly Change[] = [
  queryOnly((input) => ({ ...input, ScanIndexForward: input.ScanIndexForward === false })),
  pagesOnly((input) => ("Limit" in input ? without(input, "Limit") : { ...input, Limit: 2 })),
  pagesOnly((input) => ({ ...input, Limit: input.Limit === 1 ? 3 : 1 })),
  pagesOnly((input) => ("Select" in input ? without(input, "Select") : { ...input, Select: "COUNT" })),
  pagesOnly((input) => without(input, "IndexName")),
  (input) => without(input, "ProjectionExpression"),
  (input) => without(input, "AttributesToGet"),
  (input) => without(input, "FilterExpression"),
  (input) => without(input, "QueryFilter"),
  (input) => ({ ...input, ReturnConsumedCapacity: "INDEXES" }),
  (input) => Object.fromEntries(Object.entries(input).reverse()),
  respelt(/ < /, " <= "),
  respelt(/ > /, " >= "),
  respelt(/=/, "<>"),
  respelt(/\bor\b/i, "and"),
  respelt(/\bnot /i, ""),
  respelt(/begins_with/, "contains"),
  respelt(/attribute_exists/, "attribute_not_exists"),
  respelt(/\[0\]/, "[1]"),
  respelt(/,.*/s, ""),
  otherValues,
];

/** The values in other places: what was compared with the first is now compared with the last. */
function otherValues(input: Input): Input {
  const { ExpressionAttributeValues: values } = input;
  if (!isObject(values)) return input;
  const names = Object.keys(values);
  const turned = Object.values(values).reverse();
  return {
    ...input,
    ExpressionAttributeValues: Object.fromEntries(names.map((name, at) => [name, turned[at]])),
  };
}

/** The step, then its neighbour, then the step once more: three answers of which none may stand for another. */
export function withNeighbour(step: fc.Arbitrary<Step>): fc.Arbitrary<Step> {
  return fc.tuple(step, fc.constantFrom(...changes)).map(([step, change]) => ({
    ...step,
    wires: (world) =>
      step.wires(world).flatMap((wire): readonly Wire[] => {
        if (typeof wire.input === "string") return [wire];
        return [wire, { ...wire, input: change(wire.input, wire.operation) }, wire];
      }),
  }));
}
