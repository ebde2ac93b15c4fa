// GetItem, BatchGetItem and TransactGetItems.

import fc from "fast-check";
import { defined, often, rarely } from "./chance.ts";
import { type Piece, projection, type Speller, style } from "./expressions.ts";
import { attributesToGet } from "./legacy.ts";
import { capacity, onTable, PREFIX, type Step, scene, table } from "./operation.ts";
import { key, keyPick } from "./shapes.ts";

const cacheControl = rarely(fc.constantFrom("no-cache", "no-store", "max-age=0", "max-age=100"), 12);
const consistent = fc.constantFrom(undefined, undefined, undefined, undefined, false, false, true);

/** A ProjectionExpression or AttributesToGet, or nothing: the whole item. */
export interface Cut {
  readonly expression: Piece | undefined;
  readonly attributes: readonly string[] | undefined;
}
const whole: Cut = { expression: undefined, attributes: undefined };
export const cut: fc.Arbitrary<Cut> = fc.oneof(
  { weight: 5, arbitrary: fc.constant(whole) },
  { weight: 5, arbitrary: projection.map((expression) => ({ ...whole, expression })) },
  { weight: 2, arbitrary: attributesToGet.map((attributes) => ({ ...whole, attributes })) },
);
export function cutMembers(cut: Cut, speller: Speller): Record<string, unknown> {
  return defined({ ProjectionExpression: cut.expression?.(speller), AttributesToGet: cut.attributes });
}

export const getItem: fc.Arbitrary<Step> = onTable(
  "GetItem",
  fc.record({ key: keyPick, cut, consistent, capacity, cacheControl }),
  ({ key: picked, cut, consistent, capacity, cacheControl }, { TableName, shape, speller }) => ({
    input: defined({
      TableName,
      Key: key(shape, picked),
      ...cutMembers(cut, speller),
      ...speller.placeholders(),
      ConsistentRead: consistent,
      ReturnConsumedCapacity: capacity,
    }),
    cacheControl,
  }),
);

const batchPart = fc.record({
  table,
  keys: fc.uniqueArray(keyPick, {
    minLength: 1,
    maxLength: 5,
    selector: ({ hash, range }) => `${hash.value}/${range.value}`,
  }),
  cut,
  consistent,
  style,
});

/** On a table without sort key picks may name one item twice: a batch that DynamoDB refuses. */
export const batchGetItem: fc.Arbitrary<Step> = fc
  .record({
    parts: fc.uniqueArray(batchPart, { minLength: 1, maxLength: 2, selector: (part) => part.table }),
    double: rarely(fc.constant(true), 20),
    capacity,
    cacheControl,
  })
  .map(({ parts, double, capacity, cacheControl }) => ({
    wires: (world) => {
      const requests = parts.map((part) => {
        const { TableName, shape, speller } = scene(world, part.table, part.style);
        const keys = part.keys.map((picked) => key(shape, picked));
        const seen = new Set<number>();
        const different = shape.hasSortKey
          ? keys
          : keys.filter((_, at) => {
              const hash = part.keys[at]?.hash.value ?? 0;
              return !seen.has(hash) && seen.add(hash);
            });
        const request = defined({
          Keys: double ? [...different, different[0]] : different,
          ...cutMembers(part.cut, speller),
          ...speller.placeholders(),
          ConsistentRead: part.consistent,
        });
        return [TableName, request] as const;
      });
      const input = defined({
        RequestItems: Object.fromEntries(requests),
        ReturnConsumedCapacity: capacity,
      });
      return [{ operation: "BatchGetItem", input, cacheControl }];
    },
  }));

const get = fc.record({ table, key: keyPick, cut: often(projection, 1), style });

export const transactGetItems: fc.Arbitrary<Step> = fc
  .record({ gets: fc.array(get, { minLength: 1, maxLength: 3 }), capacity })
  .map(({ gets, capacity }) => ({
    wires: (world) => {
      const TransactItems = gets.map((one) => {
        const { TableName, shape, speller } = scene(world, one.table, one.style);
        const ProjectionExpression = one.cut?.(speller);
        const names = speller.placeholders();
        return { Get: defined({ TableName, Key: key(shape, one.key), ProjectionExpression, ...names }) };
      });
      return [
        {
          operation: "TransactGetItems",
          input: defined({ TransactItems, ReturnConsumedCapacity: capacity }),
        },
      ];
    },
  }));

/** The tables themselves, and one that never exists. */
export const describeTable: fc.Arbitrary<Step> = fc.constantFrom("tbl0", "tbl1", "none").map((name) => ({
  wires: () => [{ operation: "DescribeTable", input: { TableName: `${PREFIX}${name}` } }],
}));
