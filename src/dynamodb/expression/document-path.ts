/** Document paths: which part of an item an expression speaks of. */

import { giveUp, type TokenReader } from "./lexer.ts";
import type { Names } from "./placeholders.ts";
import { isReservedWord } from "./reserved-words.ts";

/** A top-level attribute, then map members (strings) and list elements (numbers, from 0). */
export type DocumentPath = readonly [string, ...(string | number)[]];

/** AWS: ServiceQuotas, "Nested attribute depth"; shown by test/wire/projection.test.ts. */
const pathLengthMax = 32;
/** DynamoDB takes any 31-bit index; an item has at most 400 KB, so no list has elements beyond these. */
const indexDigitsMax = 9;

/** Not proven as bare names, though DynamoDB may take them: a call and a name must not be mistaken. */
export const functionNames: ReadonlySet<string> = new Set([
  "attribute_exists",
  "attribute_not_exists",
  "attribute_type",
  "begins_with",
  "contains",
  "if_not_exists",
  "list_append",
  "size",
]);

/**
 * Takes one path, for example `#a.items[3].name`. White space inside of a path is not proven.
 * Gives up on reserved words, undefined placeholders, too many levels.
 */
export function takePath(tokens: TokenReader, names: Names): DocumentPath {
  const path: [string, ...(string | number)[]] = [takeName(tokens, names)];
  for (;;) {
    const next = tokens.peek();
    if (next.kind !== "." && next.kind !== "[") break;
    tokens.take();
    const segment = tokens.peek();
    if (!next.glued || !segment.glued) giveUp();
    path.push(next.kind === "." ? takeName(tokens, names) : takeIndex(tokens));
  }
  return path.length > pathLengthMax ? giveUp() : path;
}

function takeName(tokens: TokenReader, names: Names): string {
  const token = tokens.take();
  if (token.kind === "nameAlias") return names.name(token.text);
  if (token.kind !== "name") giveUp();
  if (isReservedWord(token.text) || functionNames.has(token.text.toLowerCase())) giveUp();
  return token.text;
}

function takeIndex(tokens: TokenReader): number {
  const { text } = tokens.expect("number");
  if (text.length > indexDigitsMax) giveUp();
  if (!tokens.expect("]").glued) giveUp();
  return Number(text);
}

/** Orders paths by their segments, list elements by their index. Zero only for equal paths. */
export function comparePaths(left: DocumentPath, right: DocumentPath): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at += 1) {
    const difference = compareSegments(left[at] ?? "", right[at] ?? "");
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

function compareSegments(left: string | number, right: string | number): number {
  if (typeof left === "number" && typeof right === "number") return left - right;
  if (typeof left !== typeof right) return typeof left === "number" ? -1 : 1;
  return left < right ? -1 : left > right ? 1 : 0;
}
