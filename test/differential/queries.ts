// Query and Scan: every key condition, filters and projections in both dialects, indexes, pages, segments.

import fc from "fast-check";
import { defined, often, rarely } from "./chance.ts";
import { filter, type Piece, type Speller } from "./expressions.ts";
import { legacyRange, queryFilter, scanFilter } from "./legacy.ts";
import { capacity, onTable, type Step } from "./operation.ts";
import { type Cut, cut, cutMembers } from "./reads.ts";
import {
  hashPick,
  type KeyName,
  keyValue,
  type Pick,
  rangePick,
  type Shape,
  type Target,
  targets,
} from "./shapes.ts";

const consistent = fc.constantFrom(undefined, undefined, undefined, undefined, false, true);
const limit = fc.constantFrom(undefined, undefined, 1, 2, 3, 100);
const select = fc.constantFrom(
  ...[undefined, undefined, undefined, undefined, undefined, "COUNT", "ALL_ATTRIBUTES"],
  ...["ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES"],
);
const cacheControl = rarely(fc.constantFrom("no-cache", "no-store", "max-age=0"), 12);

interface Range {
  readonly operator: string;
  readonly picks: readonly [Pick, Pick];
}
const range: fc.Arbitrary<Range> = fc.record({
  operator: fc.constantFrom("=", "<", "<=", ">", ">=", "between", "begins_with"),
  picks: fc.tuple(rangePick, rangePick),
});

interface Asked {
  readonly hash: Pick;
  readonly range: Range | undefined;
  readonly sortFirst: boolean;
  readonly parentheses: boolean;
}
const asked: fc.Arbitrary<Asked> = fc.record({
  hash: hashPick,
  range: often(range, 1),
  sortFirst: fc.boolean(),
  parentheses: fc.constantFrom(true, false, false),
});

/** What the key's type allows of `given`: begins_with is not for numbers, between needs order. */
function rangeOn(shape: Shape, name: KeyName, given: Range): Range {
  const [a, b] = given.picks;
  // Of these values 0, 1, 2, 10 the last is the least as a number; the texts and bytes are in order.
  const order = (pick: Pick) => (shape.types[name] === "N" && pick.value === 3 ? -1 : pick.value);
  const picks = order(a) <= order(b) ? ([a, b] as const) : ([b, a] as const);
  const operator = given.operator === "begins_with" && shape.types[name] === "N" ? ">" : given.operator;
  return { operator, picks };
}

function keyCondition(asked: Asked, target: Target, s: Speller): string {
  const halves = [`${s.name(target.hash)} = ${s.key(target.hash, asked.hash)}`];
  const name = target.range;
  if (asked.range && name) halves.push(rangeText(rangeOn(s.shape, name, asked.range), name, s));
  const wrapped = asked.parentheses ? halves.map((half) => `(${half})`) : halves;
  return s.join(asked.sortFirst ? wrapped.reverse() : wrapped, "and");
}

function rangeText({ operator, picks: [low, high] }: Range, name: KeyName, s: Speller): string {
  if (operator === "begins_with") return `begins_with(${s.name(name)}, ${s.key(name, low)})`;
  if (operator !== "between") return `${s.name(name)} ${operator} ${s.key(name, low)}`;
  return `${s.name(name)} ${s.join([`${s.word("between")} ${s.key(name, low)}`, s.key(name, high)], "and")}`;
}

function legacyKeyConditions(asked: Asked, target: Target, shape: Shape): object {
  const found = target.range && asked.range && rangeOn(shape, target.range, asked.range);
  return {
    [target.hash]: {
      ComparisonOperator: "EQ",
      AttributeValueList: [keyValue(shape, target.hash, asked.hash)],
    },
    ...(found &&
      target.range && { [target.range]: legacyRange(shape, target.range, found.operator, found.picks) }),
  };
}

/** The filter, in one dialect or the other. */
interface Filtered {
  readonly expression: Piece | undefined;
  readonly legacy: Record<string, unknown> | undefined;
}
function filtered(legacyFilter: fc.Arbitrary<Record<string, unknown>>): fc.Arbitrary<Filtered> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.constant({ expression: undefined, legacy: undefined }) },
    { weight: 4, arbitrary: filter.map((expression) => ({ expression, legacy: undefined })) },
    { weight: 1, arbitrary: legacyFilter.map((legacy) => ({ expression: undefined, legacy })) },
  );
}

/** Legacy parameters and expressions do not go together: that is one of the damaged requests (damage.ts). */
function inOneDialect(given: Filtered, cut: Cut, wish: boolean) {
  const { expression, attributes } = cut;
  const isLegacy =
    given.legacy !== undefined ||
    (given.expression === undefined && (attributes !== undefined || (wish && expression === undefined)));
  const used: Cut = isLegacy ? { expression: undefined, attributes } : { expression, attributes: undefined };
  return { isLegacy, cut: used, isCut: used.expression !== undefined || used.attributes !== undefined };
}

const shared = {
  index: fc.nat({ max: 11 }),
  limit,
  select,
  cut,
  consistent: rarely(consistent, 2),
  capacity,
  cacheControl,
};

/** The table or one of its indexes; the table only if there is no index where `isIndex` says so. */
function targetOf(shape: Shape, index: number, isIndex: boolean): Target {
  const all = targets(shape);
  const some = isIndex && all.length > 1 ? all.slice(1) : all;
  const found = some[index % some.length];
  if (found === undefined) throw new Error("a table has at least one target");
  return found;
}

/** Most requests that DynamoDB would refuse for the combination are left to the damaged ones. */
function fitting(
  fields: { select: string | undefined; consistent: boolean | undefined },
  target: Target,
  isCut: boolean,
) {
  const { select, consistent } = fields;
  const fits = isCut ? select === "SPECIFIC_ATTRIBUTES" : select !== "SPECIFIC_ATTRIBUTES";
  const projected = select === "ALL_PROJECTED_ATTRIBUTES" && target.kind === "table";
  return {
    Select: fits && !projected ? select : undefined,
    ConsistentRead: consistent && target.kind === "global" ? undefined : consistent,
  };
}

const queryOf = (isIndex: boolean): fc.Arbitrary<Step> =>
  onTable(
    "Query",
    fc.record({
      ...shared,
      asked,
      filter: filtered(queryFilter),
      legacyKey: fc.constantFrom(true, false, false, false),
      forward: fc.constantFrom(undefined, undefined, true, false, false),
      startAt: rarely(rangePick, 12),
    }),
    (fields, { TableName, shape, speller }) => {
      const { filter: given, asked, forward, startAt } = fields;
      const target = targetOf(shape, fields.index, isIndex);
      const spoken = inOneDialect(given, fields.cut, fields.legacyKey);
      const conditions = spoken.isLegacy
        ? { KeyConditions: legacyKeyConditions(asked, target, shape), ...given.legacy }
        : { KeyConditionExpression: keyCondition(asked, target, speller) };
      const start = target.kind === "table" && shape.hasSortKey ? startAt : undefined;
      return {
        input: defined({
          TableName,
          IndexName: target.name,
          ...conditions,
          FilterExpression: given.expression?.(speller),
          ...cutMembers(spoken.cut, speller),
          ...speller.placeholders(),
          ...fitting(fields, target, spoken.isCut),
          Limit: fields.limit,
          ScanIndexForward: forward,
          ReturnConsumedCapacity: fields.capacity,
          ExclusiveStartKey: start && {
            pk: keyValue(shape, "pk", asked.hash),
            sk: keyValue(shape, "sk", start),
          },
        }),
        follow: "pages",
        cacheControl: fields.cacheControl,
      };
    },
  );

export const query = queryOf(false);
/** Of an index wherever the table has one. */
export const indexQuery = queryOf(true);

export const scan: fc.Arbitrary<Step> = onTable(
  "Scan",
  fc.record({
    ...shared,
    filter: filtered(scanFilter),
    segments: fc.constantFrom(undefined, undefined, undefined, 1, 2, 3),
  }),
  (fields, { TableName, shape, speller }) => {
    const target = targetOf(shape, fields.index, false);
    const spoken = inOneDialect(fields.filter, fields.cut, false);
    return {
      input: defined({
        TableName,
        IndexName: target.name,
        FilterExpression: fields.filter.expression?.(speller),
        ...fields.filter.legacy,
        ...cutMembers(spoken.cut, speller),
        ...speller.placeholders(),
        ...fitting(fields, target, spoken.isCut),
        Limit: fields.limit,
        ReturnConsumedCapacity: fields.capacity,
        ...(fields.segments !== undefined && { Segment: 0, TotalSegments: fields.segments }),
      }),
      follow: fields.segments === undefined ? "pages" : "segments",
      cacheControl: fields.cacheControl,
    };
  },
);
