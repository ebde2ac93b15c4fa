/** The key half of a Query: which partition it reads, and which range of it. */

import { canonicalPartition } from "../canonical-key.ts";
import type { Input, KeyAttribute, KeyType } from "../model.ts";
import { isObject } from "../model.ts";
import { type Condition, parseCondition } from "./condition.ts";
import { giveUp } from "./lexer.ts";
import type { ParameterValue, Placeholders } from "./placeholders.ts";
import { parameterValue } from "./placeholders.ts";
import { byteLength, compareValues, isLongerThanPrefix, orderedTypes } from "./value-order.ts";

/** The key that is queried: the table's, or an index'. */
export interface QueriedKey {
  readonly partitionKey: readonly KeyAttribute[];
  readonly sortKey: readonly KeyAttribute[];
}

export interface KeyCondition {
  readonly attribute: string;
  /** "=", "<", "<=", ">", ">=", "BETWEEN" or "begins_with". */
  readonly operator: string;
  readonly values: readonly ParameterValue[];
}

/** Largest key values in bytes (AWS: ServiceQuotas). A longer partition key is left to DynamoDB as well. */
const keyValueBytesMax = 1024;

const keyOperators: ReadonlySet<string> = new Set(["=", "<", "<=", ">", ">=", "BETWEEN", "begins_with"]);

/** The legacy operators that a key may be queried with; each with its number of values. */
const legacyOperators: ReadonlyMap<unknown, readonly [operator: string, values: number]> = new Map([
  ["EQ", ["=", 1]],
  ["LT", ["<", 1]],
  ["LE", ["<=", 1]],
  ["GT", [">", 1]],
  ["GE", [">=", 1]],
  ["BETWEEN", ["BETWEEN", 2]],
  ["BEGINS_WITH", ["begins_with", 1]],
]);

/**
 * Parses a KeyConditionExpression; gives up where it is not proven valid for this key.
 *
 * @returns the conditions in the order of the key's attributes, whichever way the expression has them.
 */
export function keyConditionExpression(
  expression: unknown,
  placeholders: Placeholders,
  key: QueriedKey,
): readonly KeyCondition[] {
  const condition = parseCondition(expression, placeholders);
  return ordered(
    conjuncts(condition).map((one) => keyCondition(one, placeholders)),
    key,
  );
}

/** The same from the legacy KeyConditions. */
export function legacyKeyConditions(conditions: unknown, key: QueriedKey): readonly KeyCondition[] {
  if (!isObject(conditions)) giveUp();
  return ordered(Object.entries(conditions).map(legacyKeyCondition), key);
}

/** The canonical text of the partition key that these conditions, already checked, ask for. */
export function queriedPartition(conditions: readonly KeyCondition[], key: QueriedKey): string | undefined {
  let values: Input = {};
  // A computed name is a member whatever it is, "__proto__" too.
  for (const { attribute, operator, values: given } of conditions)
    if (operator === "=" && given[0]) values = { ...values, [attribute]: given[0].wire };
  return canonicalPartition(values, key.partitionKey);
}

/** Nested arrays of strings that are equal only for conditions with one meaning. */
export function keyConditionsForm(conditions: readonly KeyCondition[]): unknown {
  return conditions.map(({ attribute, operator, values }) => [
    attribute,
    operator,
    ...values.map((v) => v.text),
  ]);
}

/**
 * True if an item with this value lies inside the condition's range and not on its border. (On the border it
 * depends on the direction and on DynamoDB's version whether a query may start there.)
 */
export function isWellWithin(value: ParameterValue, condition: KeyCondition): boolean {
  const [first, second] = condition.values;
  if (first === undefined) return false;
  if (condition.operator === "begins_with") return isLongerThanPrefix(value, first);
  const order = compareValues(value, first);
  if (order === undefined) return false;
  if (condition.operator === "BETWEEN") {
    const upper = second && compareValues(value, second);
    return order > 0 && upper !== undefined && upper < 0;
  }
  return condition.operator.startsWith("<") ? order < 0 : condition.operator.startsWith(">") && order > 0;
}

/** A key value's own rules: the key's type, not empty, not too long. */
export function checkKeyValue(value: ParameterValue, type: KeyType): void {
  if (value.type !== type) giveUp();
  if (type !== "N" && (byteLength(value) === 0 || byteLength(value) > keyValueBytesMax)) giveUp();
}

function conjuncts(condition: Condition): readonly Condition[] {
  return condition.kind === "AND" ? condition.conditions.flatMap(conjuncts) : [condition];
}

function keyCondition(condition: Condition, placeholders: Placeholders): KeyCondition {
  if (condition.kind !== "test" || !keyOperators.has(condition.operator)) giveUp();
  const [subject, ...rest] = condition.operands;
  if (subject.kind !== "path" || subject.path.length !== 1) giveUp();
  const values = rest.map((operand) =>
    operand.kind === "value" ? placeholders.value(operand.alias) : giveUp(),
  );
  return { attribute: subject.path[0], operator: condition.operator, values };
}

function legacyKeyCondition([attribute, condition]: [string, unknown]): KeyCondition {
  if (!isObject(condition)) giveUp();
  const { ComparisonOperator, AttributeValueList, ...unknownMembers } = condition;
  const [operator, count] = legacyOperators.get(ComparisonOperator) ?? giveUp();
  if (!Array.isArray(AttributeValueList) || AttributeValueList.length !== count) giveUp();
  if (Object.keys(unknownMembers).length > 0) giveUp();
  const values = AttributeValueList.map((value: unknown) => parameterValue(value));
  const [lower, upper] = values;
  if (operator === "BETWEEN" && lower && upper && (compareValues(lower, upper) ?? 1) > 0) giveUp();
  if (operator === "begins_with" && values.some((value) => value.type === "N")) giveUp();
  return { attribute, operator, values };
}

/**
 * Every partition key attribute by "="; sort key attributes from the left without a gap, all but the last by
 * "=" (AWS: developer guide, "Multi-attribute keys"); nothing else, nothing twice.
 */
function ordered(conditions: readonly KeyCondition[], key: QueriedKey): readonly KeyCondition[] {
  const byAttribute = new Map(conditions.map((condition) => [condition.attribute, condition]));
  const result: KeyCondition[] = [];
  for (const [at, { name, type }] of [...key.partitionKey, ...key.sortKey].entries()) {
    const condition = byAttribute.get(name);
    if (condition === undefined) {
      if (at < key.partitionKey.length) giveUp();
      break;
    }
    const before = result.at(-1);
    if (before && before.operator !== "=") giveUp();
    if (at < key.partitionKey.length && condition.operator !== "=") giveUp();
    if (!orderedTypes.has(type)) giveUp();
    for (const value of condition.values) checkKeyValue(value, type);
    result.push(condition);
  }
  return result.length === conditions.length ? result : giveUp();
}
