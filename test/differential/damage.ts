// Requests made invalid in one of many ways: what DynamoDB refuses, the proxy must refuse in the same words.

import fc from "fast-check";
import { isObject } from "../../src/dynamodb/model.ts";
import { PREFIX, reads, type Step, type Wire } from "./operation.ts";

type Input = Readonly<Record<string, unknown>>;
/** The damaged input; undefined where this damage does not apply to such a request. */
type Damage = (input: Input) => Input | string | undefined;

/** The expression in a request that can be spoilt, first found. */
const expressions = [
  ...["ConditionExpression", "FilterExpression", "UpdateExpression", "ProjectionExpression"],
  "KeyConditionExpression",
];

function appended(addition: (member: string) => string | undefined): Damage {
  return (input) => {
    const member = expressions.find((one) => typeof input[one] === "string");
    const more = member && addition(member);
    return member && more ? { ...input, [member]: `${String(input[member])}${more}` } : undefined;
  };
}

function member(name: string, value: unknown): Damage {
  return (input) => ({ ...input, [name]: value });
}

/** Only where the request has this member. */
function changed(name: string, change: (value: unknown) => unknown): Damage {
  return (input) => {
    if (!Object.hasOwn(input, name)) return undefined;
    const value = change(input[name]);
    return value === undefined ? undefined : { ...input, [name]: value };
  };
}

const placeholders = (name: string, more: object): Damage => {
  return (input) => {
    const given = input[name];
    return { ...input, [name]: { ...(isObject(given) ? given : {}), ...more } };
  };
};

const withKey = (change: (key: Input) => unknown): Damage => {
  return changed("Key", (key) => (isObject(key) ? change(key) : undefined));
};

const isProjection = (one: string) => one === "ProjectionExpression";
const isUpdate = (one: string) => one === "UpdateExpression";

export const damages: Readonly<Record<string, Damage>> = {
  unusedName: placeholders("ExpressionAttributeNames", { "#unused": "x" }),
  unusedValue: placeholders("ExpressionAttributeValues", { ":unused": { S: "a" } }),
  emptyNames: member("ExpressionAttributeNames", {}),
  badPlaceholder: placeholders("ExpressionAttributeNames", { "no-alias": "x" }),
  badValue: placeholders("ExpressionAttributeValues", { ":unused": { N: "abc" } }),
  twoTypes: placeholders("ExpressionAttributeValues", { ":unused": { N: "1", S: "a" } }),
  undefinedName: appended((one) =>
    isProjection(one) ? ", #undefined" : isUpdate(one) ? ", #undefined" : " and #u = #u",
  ),
  undefinedValue: appended((one) =>
    isProjection(one) || isUpdate(one) ? undefined : " AND zz = :undefined",
  ),
  reservedWord: appended((one) =>
    isProjection(one) ? ", status" : isUpdate(one) ? undefined : " OR status = status",
  ),
  overlap: appended((one) =>
    isProjection(one) ? ", deep.a, deep" : isUpdate(one) ? ", deep.a, deep" : undefined,
  ),
  syntax: appended(() => " ="),
  unbalanced: appended(() => " )"),
  unknownFunction: appended((one) => (isProjection(one) || isUpdate(one) ? undefined : " and exists(x)")),
  emptyExpression: (input) => {
    const found = expressions.find((one) => typeof input[one] === "string");
    return found ? { ...input, [found]: "" } : undefined;
  },
  bothDialects: (input) => {
    if (typeof input.FilterExpression === "string")
      return { ...input, QueryFilter: { x: { ComparisonOperator: "NULL" } } };
    return typeof input.ProjectionExpression === "string" ? { ...input, AttributesToGet: ["x"] } : undefined;
  },
  wrongKeyType: withKey((key) => ({ ...key, pk: { BOOL: true } })),
  otherKeyType: withKey((key) => ({
    ...key,
    pk: isObject(key.pk) && "S" in key.pk ? { N: "1" } : { S: "a" },
  })),
  emptyKey: withKey((key) => ({ ...key, pk: { S: "" } })),
  missingKey: withKey(({ pk, ...rest }) => (pk === undefined ? undefined : rest)),
  extraKey: withKey((key) => ({ ...key, other: { S: "a" } })),
  keyOfNoType: withKey((key) => ({ ...key, pk: {} })),
  keyList: withKey((key) => [key]),
  noKey: withKey(() => null),
  itemWithoutKey: changed("Item", (item) => (isObject(item) ? { x: { S: "a" } } : undefined)),
  itemOfOtherKey: changed("Item", (item) => (isObject(item) ? { ...item, pk: { L: [] } } : undefined)),
  missingTable: changed("TableName", () => `${PREFIX}none`),
  badTableName: changed("TableName", () => "x"),
  arnOfTable: changed("TableName", (name) => `arn:aws:dynamodb:ddblocal:000000000000:table/${String(name)}`),
  numericTableName: changed("TableName", () => 5),
  noTableName: changed("TableName", () => null),
  missingIndex: changed("IndexName", () => "gsi9"),
  indexOnBase: (input) => ("KeyConditionExpression" in input ? { ...input, IndexName: "gsi3" } : undefined),
  badReturnValues: (input) =>
    "Key" in input || "Item" in input ? { ...input, ReturnValues: "SOME" } : undefined,
  wrongReturnValues: (input) => ("Item" in input ? { ...input, ReturnValues: "UPDATED_NEW" } : undefined),
  badCapacity: member("ReturnConsumedCapacity", "SOME"),
  badMetrics: member("ReturnItemCollectionMetrics", "SOME"),
  badOnFailure: member("ReturnValuesOnConditionCheckFailure", "SOME"),
  badSelect: (input) => ("Key" in input ? undefined : { ...input, Select: "SOME" }),
  countAndProjection: (input) =>
    "ProjectionExpression" in input ? { ...input, Select: "COUNT" } : undefined,
  zeroLimit: changed("Limit", () => 0),
  negativeLimit: changed("Limit", () => -1),
  textLimit: changed("Limit", () => "2"),
  badSegment: changed("TotalSegments", () => 0),
  segmentAlone: changed("Segment", () => 7),
  badStartKey: (input) => ("Key" in input ? undefined : { ...input, ExclusiveStartKey: { x: { S: "a" } } }),
  consistentText: (input) => ("Item" in input ? undefined : { ...input, ConsistentRead: "true" }),
  consistentIndex: (input) => ("IndexName" in input ? { ...input, ConsistentRead: true } : undefined),
  unknownMember: member("Foo", 1),
  emptyBatch: changed("RequestItems", () => ({})),
  missingBatchTable: changed("RequestItems", (items) =>
    isObject(items)
      ? Object.fromEntries(Object.values(items).map((one) => [`${PREFIX}none`, one]))
      : undefined,
  ),
  noActions: changed("TransactItems", () => []),
  doubleAction: changed("TransactItems", (items) =>
    Array.isArray(items) ? [...items, ...items] : undefined,
  ),
  doubleStatement: changed("Statements", (all) => (Array.isArray(all) ? [...all, ...all] : undefined)),
  missingParameters: changed("Parameters", (all) => (Array.isArray(all) ? all.slice(1) : undefined)),
  brokenStatement: changed("Statement", (text) => `${String(text)} AND`),
  duplicateCondition: changed("KeyConditionExpression", (text) => `${String(text)} and ${String(text)}`),
  nothing: () => ({}),
  noJson: () => "{",
  noObject: () => "[]",
  emptyBody: () => "",
};

/** A step whose requests are damaged, each where the damage applies; otherwise they stay as they are. */
export function damaged(step: fc.Arbitrary<Step>): fc.Arbitrary<Step> {
  return fc
    .tuple(step, fc.constantFrom(...Object.values(damages)), fc.constantFrom(...Object.values(damages)))
    .map(([step, first, second]) => ({
      wires: (world) =>
        step.wires(world).map((wire): Wire => {
          if (typeof wire.input === "string") return wire;
          const input = first(wire.input) ?? second(wire.input);
          // A write that is no JSON the proxy refuses in its own words (wire/unreadable-writes.test.ts).
          if (input === undefined || (typeof input === "string" && !reads.has(wire.operation))) return wire;
          const { follow, ...rest } = wire;
          return { ...rest, input, ...(follow && { follow: "pages" }) };
        }),
    }));
}
