/** Projections: which parts of an item a read asks for, and cutting them out of it as DynamoDB does. */

import type { AttributeValue, Input, Item, TableSchema } from "../model.ts";
import { comparePaths, type DocumentPath, takePath } from "./document-path.ts";
import { giveUp, proven, TokenReader } from "./lexer.ts";
import { attributeName, Placeholders } from "./placeholders.ts";
import { Spellings } from "./spellings.ts";

/** AWS bounds the list (1 to 255 names in DynamoDB's own model); DynamoDB Local takes more. */
const attributesToGetMax = 255;

/** What to keep of one value. List elements stand in the order of their indexes. */
type Part =
  | { readonly kind: "all" }
  | { readonly kind: "map"; readonly members: Map<string, Part> }
  | { readonly kind: "list"; readonly elements: Map<number, Part> };

/** A checked projection: its paths neither overlap nor conflict. */
export interface Projection {
  /** In the order of {@link comparePaths}, so equal projections have equal paths. */
  readonly paths: readonly DocumentPath[];
  readonly attributes: ReadonlyMap<string, Part>;
}

const all: Part = { kind: "all" };

/**
 * What a GetItem, or one table of a BatchGetItem, asks for: ProjectionExpression with
 * ExpressionAttributeNames, or the legacy AttributesToGet. The schema is needed because DynamoDB refuses to
 * look inside key attributes, those of the indexes included ("Key attributes must be scalars":
 * test/wire/projection.test.ts).
 *
 * @returns "whole" where nothing is projected; undefined where the request is not proven valid: forward it,
 * so that DynamoDB gives the answer or the error.
 */
export function planProjection(input: Input, schema: TableSchema): Projection | "whole" | undefined {
  const { ProjectionExpression, AttributesToGet, ExpressionAttributeNames } = input;
  if (ProjectionExpression === undefined) {
    if (ExpressionAttributeNames !== undefined) return undefined;
    return AttributesToGet === undefined ? "whole" : proven(() => attributesToGet(AttributesToGet));
  }
  // ExpressionAttributeValues is no parameter of these reads: DynamoDB says what it thinks of it.
  if (AttributesToGet !== undefined || input.ExpressionAttributeValues !== undefined) return undefined;
  return proven(() => {
    const placeholders = new Placeholders(input);
    const projection = projectionExpression(ProjectionExpression, placeholders, schema);
    placeholders.expectAllUsed();
    return projection;
  });
}

/** Parses a ProjectionExpression; gives up where it is not proven valid. */
export function projectionExpression(
  expression: unknown,
  placeholders: Placeholders,
  schema: TableSchema,
): Projection {
  const projection = spellings.parsed(expression, placeholders);
  for (const path of projection.paths) if (path.length > 1 && isKeyOrIndexKey(path[0], schema)) giveUp();
  return projection;
}

const spellings = new Spellings((expression, names) => {
  const tokens = new TokenReader(expression);
  const paths: DocumentPath[] = [];
  do paths.push(takePath(tokens, names));
  while (tokens.takeIf(","));
  tokens.expect("end");
  return projectionOf(paths);
});

/** Parses the legacy AttributesToGet: names, no paths; gives up where it is not proven valid. */
export function attributesToGet(names: unknown): Projection {
  if (!Array.isArray(names) || names.length === 0 || names.length > attributesToGetMax) giveUp();
  return projectionOf(names.map((name: unknown): DocumentPath => [attributeName(name)]));
}

/** True for an attribute of the table's key or of an index' key. */
export function isKeyOrIndexKey(name: string, schema: TableSchema): boolean {
  if (name === schema.partitionKey.name || name === schema.sortKey?.name) return true;
  for (const index of schema.indexes.values()) {
    if (index.partitionKey.some((attribute) => attribute.name === name)) return true;
    if (index.sortKey.some((attribute) => attribute.name === name)) return true;
  }
  return false;
}

/**
 * Cuts the projected parts out of a whole item, which is not changed: missing parts and paths into scalars
 * leave nothing behind, kept list elements close ranks in list order (test/wire/projection.test.ts compares
 * all this with DynamoDB Local). Nothing found gives an item without attributes.
 */
export function project(item: Item, projection: Projection): Item {
  return cutMembers(item, projection.attributes);
}

function projectionOf(unordered: readonly DocumentPath[]): Projection {
  const paths = [...unordered].sort(comparePaths);
  const attributes = new Map<string, Part>();
  for (const path of paths) attributes.set(path[0], extended(attributes.get(path[0]), path, 1));
  return { paths, attributes };
}

/**
 * The part with the rest of a path, from segment `at` on, added. Gives up on paths of which one contains the
 * other (or the same twice), and on `a.b` beside `a[0]`.
 */
function extended(existing: Part | undefined, path: DocumentPath, at: number): Part {
  const segment = path[at];
  if (segment === undefined) return existing === undefined ? all : giveUp();
  if (typeof segment === "number") {
    const list = existing ?? { kind: "list", elements: new Map<number, Part>() };
    if (list.kind !== "list") giveUp();
    list.elements.set(segment, extended(list.elements.get(segment), path, at + 1));
    return list;
  }
  const map = existing ?? { kind: "map", members: new Map<string, Part>() };
  if (map.kind !== "map") giveUp();
  map.members.set(segment, extended(map.members.get(segment), path, at + 1));
  return map;
}

function cutMembers(source: Item, members: ReadonlyMap<string, Part>): Item {
  const kept: Record<string, AttributeValue> = {};
  for (const [name, part] of members) {
    const value = Object.hasOwn(source, name) ? source[name] : undefined;
    const cut = value && cutValue(value, part);
    if (cut === undefined) continue;
    if (name === "__proto__") setOwn(kept, name, cut);
    else kept[name] = cut;
  }
  return kept;
}

function cutValue(value: AttributeValue, part: Part): AttributeValue | undefined {
  if (part.kind === "all") return value;
  if (part.kind === "map") {
    if (!("M" in value)) return undefined;
    const M = cutMembers(value.M, part.members);
    return Object.keys(M).length > 0 ? { M } : undefined;
  }
  if (!("L" in value)) return undefined;
  const L: AttributeValue[] = [];
  for (const [index, below] of part.elements) {
    const element = value.L[index];
    const cut = element && cutValue(element, below);
    if (cut !== undefined) L.push(cut);
  }
  return L.length > 0 ? { L } : undefined;
}

/** Plain assignment to `__proto__` would set the object's prototype instead of an attribute. */
function setOwn(target: object, name: string, value: AttributeValue): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}
