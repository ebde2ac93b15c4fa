// Reads next to a read: one thing changed, so that their answers must not be taken for each other's.

import fc from "fast-check";
import { isObject } from "../../src/dynamodb/model.ts";
import type { Step, Wire } from "./operation.ts";

type Input = Readonly<Record<string, unknown>>;
/** The neighbour; the same request where the change does not apply. */
type Change = (input: Input, operation: string) => Input;

/** Without this member, and without the placeholders that only it used. */
function without(input: Input, name: string): Input {
  const rest = Object.fromEntries(Object.entries(input).filter(([member]) => member !== name));
  const text = Object.entries(rest).flatMap(([member, value]) =>
    member.endsWith("Expression") ? [value] : [],
  );
  const used = (alias: string) => new RegExp(`${alias}(?![A-Za-z0-9_])`).test(text.join(" "));
  for (const member of ["ExpressionAttributeNames", "ExpressionAttributeValues"]) {
    const given = rest[member];
    if (!isObject(given)) continue;
    const kept = Object.entries(given).filter(([alias]) => used(alias));
    rest[member] = kept.length > 0 ? Object.fromEntries(kept) : undefined;
  }
  return rest;
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

const backward = queryOnly((input) => ({ ...input, ScanIndexForward: input.ScanIndexForward === false }));

const changes: readonly Change[] = [
  ...[backward, backward, backward],
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

/** The read and two neighbours: three answers of which none may stand for another. */
export function withNeighbours(step: fc.Arbitrary<Step>): fc.Arbitrary<Step> {
  const change = fc.constantFrom(...changes);
  return fc.tuple(step, change, change).map(([step, first, second]) => ({
    ...step,
    wires: (world) =>
      step.wires(world).flatMap((wire): readonly Wire[] => {
        const { input, operation } = wire;
        if (typeof input === "string") return [wire];
        return [wire, ...[first, second].map((change) => ({ ...wire, input: change(input, operation) }))];
      }),
  }));
}

/** A read, a write, and the read once more, which must see the write. */
export function around(read: fc.Arbitrary<Step>, write: fc.Arbitrary<Step>): fc.Arbitrary<Step> {
  return fc.tuple(read, write).map(([read, write]) => ({
    ...write,
    wires: (world) => {
      const reads = read.wires(world);
      return [...reads, ...write.wires(world), ...reads];
    },
  }));
}
