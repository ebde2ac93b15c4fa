/** One text for every Query and Scan: what the cache knows their answers by, and the partition they read. */

import { canonicalPartition, itemKey } from "./canonical-key.ts";
import { conditionForm, conditionPaths, parseCondition } from "./expression/condition.ts";
import * as keys from "./expression/key-condition.ts";
import { giveUp, proven } from "./expression/lexer.ts";
import { Placeholders, parameterValue } from "./expression/placeholders.ts";
import { attributesToGet, isKeyOrIndexKey, projectionExpression } from "./expression/projection.ts";
import { rawText } from "./expression/raw-text.ts";
import type { Input, KeyAttribute, TableSchema } from "./model.ts";
import { isObject, keyAttributes } from "./model.ts";

export interface CanonicalRead {
  /** Equal for two requests only if DynamoDB must answer both alike, ConsumedCapacity apart. */
  readonly key: string;
  /** {@link canonicalPartition}'s text of the one partition that is read; undefined if it cannot be told. */
  readonly partition: string | undefined;
  /** True if the request was understood; then every other spelling of it that is understood has this key. */
  readonly exact: boolean;
}

export type ReadOperation = "Query" | "Scan";

/** AWS: API_Scan, TotalSegments. */
const totalSegmentsMax = 1_000_000;
const limitMax = 2_147_483_647;

/** Parameters that both operations have. */
const sharedParameters = [
  ...["TableName", "IndexName", "Select", "AttributesToGet", "Limit", "ConsistentRead", "ExclusiveStartKey"],
  ...["ReturnConsumedCapacity", "ProjectionExpression", "FilterExpression"],
  ...["ExpressionAttributeNames", "ExpressionAttributeValues"],
];

/** What an understood request may have. The legacy filters are not among it: see {@link rawKey}. */
const understoodParameters: Readonly<Record<ReadOperation, ReadonlySet<string>>> = {
  Query: new Set([...sharedParameters, "KeyConditionExpression", "KeyConditions", "ScanIndexForward"]),
  Scan: new Set([...sharedParameters, "Segment", "TotalSegments"]),
};

/** The parameters that no answer depends on, as long as they are valid. */
const neutralParameters = new Map<string, (value: unknown) => boolean>([
  ["TableName", (value: unknown) => typeof value === "string"],
  ["ConsistentRead", (value: unknown) => value === false],
  [
    "ReturnConsumedCapacity",
    (value: unknown) => value === "NONE" || value === "TOTAL" || value === "INDEXES",
  ],
]);

/**
 * The canonical key of an eventually consistent Query or Scan of one table (the caller puts the table's
 * identity beside it). Requests that mean the same share it: placeholders resolved, values normalised,
 * defaults filled in.
 *
 * Two kinds of keys, told apart by their first character:
 * - exact: the request is valid as far as it and the table's keys can tell. What is left depends on the
 *   projection of an index ("does not project"); equal keys name the same attributes, so DynamoDB judges them
 *   alike.
 * - raw: not understood, perhaps invalid. The key is the request itself, so only that very request shares it.
 */
export function canonicalRead(operation: ReadOperation, input: Input, schema: TableSchema): CanonicalRead {
  const target = proven(() => queriedKey(input, schema));
  const placeholders = proven(() => new Placeholders(input));
  if (target === undefined || placeholders === undefined)
    return { key: rawKey(operation, input), partition: undefined, exact: false };
  // Proven by themselves: DynamoDB reads this partition or refuses the request, whatever the rest of it says.
  const conditions =
    operation === "Query" ? proven(() => keyConditions(input, placeholders, target)) : noConditions;
  const partition = conditions && keys.queriedPartition(conditions, target);
  const key =
    conditions && proven(() => exactKey(operation, input, schema, { target, placeholders, conditions }));
  if (key === undefined) return { key: rawKey(operation, input), partition, exact: false };
  return { key, partition, exact: true };
}

const noConditions: readonly keys.KeyCondition[] = [];

/** What is understood of a request already. */
interface Understood {
  readonly target: keys.QueriedKey;
  readonly placeholders: Placeholders;
  readonly conditions: readonly keys.KeyCondition[];
}

/** The request as it stands, in JSON with sorted members, without the neutral parameters that are valid. */
function rawKey(operation: ReadOperation, input: Input): string {
  const rest: Record<string, unknown> = Object.create(null);
  for (const [name, value] of Object.entries(input)) {
    if (!neutralParameters.get(name)?.(value)) rest[name] = value;
  }
  return `~${operation}${rawText(rest)}`;
}

function exactKey(
  operation: ReadOperation,
  input: Input,
  schema: TableSchema,
  { target, placeholders, conditions }: Understood,
): string {
  for (const [name, value] of Object.entries(input)) {
    if (!understoodParameters[operation].has(name)) giveUp();
    if (neutralParameters.get(name)?.(value) === false) giveUp();
  }
  const form = [
    input.IndexName ?? null,
    keys.keyConditionsForm(conditions),
    filterForm(input, placeholders, schema, operation === "Query" ? target : undefined),
    ...selectionForm(input, placeholders, schema),
    positiveInteger(input.Limit, limitMax) ?? null,
    startKeyForm(input, schema, target, conditions),
    operation === "Query" ? scanIndexForward(input) : segments(input),
  ];
  placeholders.expectAllUsed();
  return `=${operation}${JSON.stringify(form)}`;
}

/** The key of the table, or of the index that IndexName says. */
function queriedKey(input: Input, schema: TableSchema): keys.QueriedKey {
  if (input.IndexName === undefined) {
    return { partitionKey: [schema.partitionKey], sortKey: schema.sortKey ? [schema.sortKey] : [] };
  }
  if (typeof input.IndexName !== "string") giveUp();
  return schema.indexes.get(input.IndexName) ?? giveUp();
}

function keyConditions(
  input: Input,
  placeholders: Placeholders,
  target: keys.QueriedKey,
): readonly keys.KeyCondition[] {
  const { KeyConditionExpression, KeyConditions } = input;
  if (KeyConditionExpression === undefined) return keys.legacyKeyConditions(KeyConditions, target);
  if (KeyConditions !== undefined) giveUp();
  return keys.keyConditionExpression(KeyConditionExpression, placeholders, target);
}

/** A Query's filter may not speak of the queried key; none may look inside a key attribute. */
function filterForm(
  input: Input,
  placeholders: Placeholders,
  schema: TableSchema,
  queried: keys.QueriedKey | undefined,
): unknown {
  if (input.FilterExpression === undefined) return null;
  const filter = parseCondition(input.FilterExpression, placeholders);
  const forbidden = new Set(
    queried ? [...queried.partitionKey, ...queried.sortKey].map(({ name }) => name) : [],
  );
  for (const path of conditionPaths(filter)) {
    if (forbidden.has(path[0])) giveUp();
    if (path.length > 1 && isKeyOrIndexKey(path[0], schema)) giveUp();
  }
  return conditionForm(filter, placeholders);
}

/** Select with its default filled in, and the projected paths. */
function selectionForm(input: Input, placeholders: Placeholders, schema: TableSchema): [string, unknown] {
  const { Select, ProjectionExpression, AttributesToGet, IndexName } = input;
  if (ProjectionExpression !== undefined || AttributesToGet !== undefined) {
    if (Select !== undefined && Select !== "SPECIFIC_ATTRIBUTES") giveUp();
    return ["SPECIFIC_ATTRIBUTES", projectedPaths(input, placeholders, schema)];
  }
  const whole = IndexName === undefined ? "ALL_ATTRIBUTES" : "ALL_PROJECTED_ATTRIBUTES";
  if (Select === undefined || Select === whole) return [whole, null];
  if (Select === "COUNT" || Select === "ALL_ATTRIBUTES") return [Select, null];
  return giveUp();
}

function projectedPaths(input: Input, placeholders: Placeholders, schema: TableSchema): unknown {
  const { ProjectionExpression, AttributesToGet } = input;
  if (AttributesToGet === undefined) {
    return projectionExpression(ProjectionExpression, placeholders, schema).paths;
  }
  // "Can not use both expression and non-expression parameters in the same request."
  if (input.ProjectionExpression !== undefined || input.FilterExpression !== undefined) giveUp();
  if (input.KeyConditionExpression !== undefined) giveUp();
  return attributesToGet(AttributesToGet).paths;
}

/**
 * ExclusiveStartKey: the table's key and the index', nothing else; for a Query inside of what it reads. A
 * parallel scan's has to lie in its segment, which only DynamoDB can tell.
 */
function startKeyForm(
  input: Input,
  schema: TableSchema,
  target: keys.QueriedKey,
  conditions: readonly keys.KeyCondition[],
): unknown {
  const { ExclusiveStartKey } = input;
  if (ExclusiveStartKey === undefined) return null;
  if (!isObject(ExclusiveStartKey) || input.Segment !== undefined) giveUp();
  const attributes = startKeyAttributes(schema, target);
  if (Object.keys(ExclusiveStartKey).length !== attributes.size) giveUp();
  if (itemKey(ExclusiveStartKey, schema) === undefined) giveUp();
  const form: string[] = [];
  for (const [name, { type }] of attributes) {
    if (!Object.hasOwn(ExclusiveStartKey, name)) giveUp();
    const value = parameterValue(ExclusiveStartKey[name]);
    keys.checkKeyValue(value, type);
    form.push(value.text);
    const condition = conditions.find(({ attribute }) => attribute === name);
    if (condition === undefined) continue;
    const isPartition = target.partitionKey.some((attribute) => attribute.name === name);
    const fits = isPartition ? value.text === condition.values[0]?.text : keys.isWellWithin(value, condition);
    if (!fits) giveUp();
  }
  return form;
}

/** In a fixed order: the queried key's attributes, then what the table's key has beyond them. */
function startKeyAttributes(schema: TableSchema, target: keys.QueriedKey): ReadonlyMap<string, KeyAttribute> {
  const attributes = [...target.partitionKey, ...target.sortKey, ...keyAttributes(schema)];
  return new Map(attributes.map((attribute) => [attribute.name, attribute]));
}

function scanIndexForward(input: Input): boolean {
  const { ScanIndexForward = true } = input;
  return typeof ScanIndexForward === "boolean" ? ScanIndexForward : giveUp();
}

function segments(input: Input): readonly [number, number] | null {
  const { Segment, TotalSegments } = input;
  if (Segment === undefined && TotalSegments === undefined) return null;
  const total = positiveInteger(TotalSegments, totalSegmentsMax) ?? giveUp();
  if (typeof Segment !== "number" || !Number.isInteger(Segment) || Segment < 0 || Segment >= total) giveUp();
  return [Segment, total];
}

function positiveInteger(value: unknown, max: number): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > max) giveUp();
  return value;
}
