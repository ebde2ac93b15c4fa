/**
 * What a PartiQL statement does: whether it writes, to which table, and to which item as far as that is
 * certain.
 */

import { canonicalNumber } from "./canonical-number.ts";
import { canonicalValue } from "./canonical-value.ts";
import type { AttributeValue } from "./model.ts";
import { parameterCount, partiqlTokens, type Token } from "./partiql-tokens.ts";

type Verb = "insert" | "update" | "delete";

export type StatementEffect =
  | { readonly kind: "read" }
  | {
      readonly kind: "write";
      readonly verb: Verb;
      /** As it is written: a name or an ARN. */
      readonly TableName: string;
      readonly attributes: ReadonlyMap<string, AttributeValue>;
    };

/** A run of tokens, `end` not included; brackets in it are complete. */
interface Span {
  readonly tokens: readonly Token[];
  readonly start: number;
  readonly end: number;
  readonly parameters: readonly unknown[];
}

const wordLiterals: ReadonlyMap<string, AttributeValue> = new Map<string, AttributeValue>([
  ["TRUE", { BOOL: true }],
  ["FALSE", { BOOL: false }],
  ["NULL", { NULL: true }],
]);

/** Words that bind looser than AND: where one stands, no single condition is certain. */
const looserThanAnd: ReadonlySet<string> = new Set(["OR", "UNION", "INTERSECT", "EXCEPT"]);

const statements: ReadonlyMap<string, (whole: Span) => StatementEffect | undefined> = new Map([
  ["SELECT", (): StatementEffect => ({ kind: "read" })],
  ["EXISTS", existsEffect],
  ["INSERT", insertEffect],
  ["UPDATE", updateEffect],
  ["DELETE", deleteEffect],
]);

/**
 * Reads one statement of ExecuteStatement, BatchExecuteStatement or ExecuteTransaction (AWS: ql-reference).
 *
 * `attributes` of an INSERT are the item's members written as a scalar literal or a parameter; others may
 * exist. Those of an UPDATE or DELETE are the equalities that WHERE demands of the item before the change
 * (key attributes do not change). Any may be missing: without the whole key, every item of the table may be
 * the one.
 *
 * @returns undefined if we cannot follow the statement: it may do anything.
 */
export function statementEffect(statement: unknown, parameters: unknown): StatementEffect | undefined {
  if (typeof statement !== "string") return undefined;
  const given: unknown = parameters === undefined ? [] : parameters;
  const tokens = partiqlTokens(statement);
  if (!tokens || !Array.isArray(given) || given.length !== parameterCount(tokens)) return undefined;
  const whole: Span = { tokens, start: 0, end: tokens.length, parameters: given };
  return statements.get(keywordAt(whole, 0) ?? "")?.(whole);
}

/** EXISTS(SELECT …), the condition check of ExecuteTransaction. */
function existsEffect(whole: Span): StatementEffect | undefined {
  const closes = isSymbol(whole, 1, "(") && whole.tokens[1]?.closing === whole.end - 1;
  return closes && keywordAt(whole, 2) === "SELECT" ? { kind: "read" } : undefined;
}

/** INSERT INTO table VALUE {'name': value, …} */
function insertEffect(whole: Span): StatementEffect | undefined {
  const TableName = identifierAt(whole, 2);
  if (keywordAt(whole, 1) !== "INTO" || TableName === undefined) return undefined;
  if (keywordAt(whole, 3) !== "VALUE" || !isSymbol(whole, 4, "{")) return undefined;
  if (whole.tokens[4]?.closing !== whole.end - 1) return undefined;
  const attributes = new Bindings();
  for (const member of split({ ...whole, start: 5, end: whole.end - 1 }, isComma)) {
    const name = member.tokens[member.start];
    if (name?.kind !== "string" || !isSymbol(member, member.start + 1, ":")) return undefined;
    attributes.add(name.text, literal({ ...member, start: member.start + 2 }));
  }
  return { kind: "write", verb: "insert", TableName, attributes: attributes.certain() };
}

/** UPDATE table SET … REMOVE … WHERE … RETURNING … */
function updateEffect(whole: Span): StatementEffect | undefined {
  const TableName = identifierAt(whole, 1);
  const clause = keywordAt(whole, 2);
  if (TableName === undefined || (clause !== "SET" && clause !== "REMOVE")) return undefined;
  return conditionalEffect("update", TableName, { ...whole, start: 3 });
}

/** DELETE FROM table WHERE … RETURNING … */
function deleteEffect(whole: Span): StatementEffect | undefined {
  const TableName = identifierAt(whole, 2);
  if (keywordAt(whole, 1) !== "FROM" || TableName === undefined) return undefined;
  if (whole.end > 3 && keywordAt(whole, 3) !== "WHERE") return undefined;
  return conditionalEffect("delete", TableName, { ...whole, start: 3 });
}

function conditionalEffect(verb: Verb, TableName: string, rest: Span): StatementEffect | undefined {
  const wheres: number[] = [];
  const returnings: number[] = [];
  for (const at of topLevel(rest)) {
    const keyword = keywordAt(rest, at);
    if (keyword === "SELECT") return undefined;
    if (keyword === "WHERE") wheres.push(at);
    if (keyword === "RETURNING") returnings.push(at);
  }
  if (wheres.length > 1 || returnings.length > 1) return undefined;
  const end = returnings[0] ?? rest.end;
  const start = wheres[0] === undefined ? end : wheres[0] + 1;
  if (start > end) return undefined;
  const attributes = new Bindings();
  bindEqualities({ ...rest, start, end }, attributes);
  return { kind: "write", verb, TableName, attributes: attributes.certain() };
}

/** Attribute names and the one value that each is known to have. */
class Bindings {
  readonly #values = new Map<string, AttributeValue | undefined>();

  /** Two different values for one name, or one that cannot be told, leave nothing certain. */
  add(name: string, value: AttributeValue | undefined): void {
    const known = this.#values.get(name);
    if (!this.#values.has(name)) this.#values.set(name, value);
    else if (known !== undefined && !sameValue(known, value)) this.#values.set(name, undefined);
  }

  certain(): ReadonlyMap<string, AttributeValue> {
    const certain = new Map<string, AttributeValue>();
    for (const [name, value] of this.#values) if (value !== undefined) certain.set(name, value);
    return certain;
  }
}

function sameValue(one: AttributeValue, other: AttributeValue | undefined): boolean {
  const text = canonicalValue(one);
  return text !== undefined && text === canonicalValue(other);
}

/**
 * Collects `name = value` from a pure conjunction. Ends at the first part whose extent we cannot be sure of.
 */
function bindEqualities(condition: Span, bindings: Bindings): void {
  for (const at of topLevel(condition)) {
    if (looserThanAnd.has(keywordAt(condition, at) ?? "")) return;
  }
  for (const part of split(condition, isAnd)) {
    if (!isPlain(part)) return;
    if (isSymbol(part, part.start, "(") && part.tokens[part.start]?.closing === part.end - 1) {
      bindEqualities({ ...part, start: part.start + 1, end: part.end - 1 }, bindings);
    } else {
      bindEquality(part, bindings);
    }
  }
}

function bindEquality(part: Span, bindings: Bindings): void {
  const sides = split(part, isEquals);
  const [left, right] = sides;
  if (!left || !right || sides.length !== 2) return;
  const name = nameIn(left) ?? nameIn(right);
  const value = literal(nameIn(left) === undefined ? left : right);
  if (name !== undefined && value !== undefined) bindings.add(name, value);
}

/**
 * True if operands are separated by symbols only. That excludes BETWEEN … AND …, CASE … END and NOT, which
 * reach over the next AND or might, and all syntax that we do not know.
 */
function isPlain(part: Span): boolean {
  let operandBefore = false;
  for (const at of topLevel(part)) {
    const token = part.tokens[at]!;
    const operand = token.kind !== "symbol";
    if (operand && (operandBefore || keywordAt(part, at) === "NOT")) return false;
    operandBefore = operand || token.closing > at;
  }
  return true;
}

function nameIn(side: Span): string | undefined {
  return side.end - side.start === 1 ? identifierAt(side, side.start) : undefined;
}

/** The value if it is one scalar literal, signed or not, or a parameter. */
function literal(span: Span): AttributeValue | undefined {
  const length = span.end - span.start;
  const first = span.tokens[span.start];
  const second = span.tokens[span.start + 1];
  if (length === 2 && first?.kind === "symbol" && second?.kind === "number") {
    if (first.text === "-") return numberValue(`-${second.text}`);
    return first.text === "+" ? numberValue(second.text) : undefined;
  }
  if (length !== 1 || !first) return undefined;
  switch (first.kind) {
    case "string":
      return { S: first.text };
    case "number":
      return numberValue(first.text);
    case "word":
      return wordLiterals.get(first.text.toUpperCase());
    case "parameter": {
      const value = span.parameters[Number(first.text)];
      // The codec edge: what has a canonical text is an attribute value.
      return canonicalValue(value) === undefined ? undefined : (value as AttributeValue);
    }
    default:
      return undefined;
  }
}

function numberValue(text: string): AttributeValue | undefined {
  return canonicalNumber(text) === undefined ? undefined : { N: text };
}

/** The keyword at this place in capitals (any bare word may be one), or undefined. */
function keywordAt(span: Span, at: number): string | undefined {
  const token = at < span.end ? span.tokens[at] : undefined;
  return token?.kind === "word" ? token.text.toUpperCase() : undefined;
}

function identifierAt(span: Span, at: number): string | undefined {
  const token = at < span.end ? span.tokens[at] : undefined;
  if (token?.kind === "name") return token.text;
  return token?.kind === "word" && !wordLiterals.has(token.text.toUpperCase()) ? token.text : undefined;
}

function isSymbol(span: Span, at: number, symbol: string): boolean {
  const token = at < span.end ? span.tokens[at] : undefined;
  return token?.kind === "symbol" && token.text === symbol;
}

function isComma(span: Span, at: number): boolean {
  return isSymbol(span, at, ",");
}

function isEquals(span: Span, at: number): boolean {
  return isSymbol(span, at, "=");
}

function isAnd(span: Span, at: number): boolean {
  return keywordAt(span, at) === "AND";
}

/** The places of the tokens that stand in no bracket; of a bracketed part only its opening. */
function* topLevel(span: Span): Generator<number> {
  for (let at = span.start; at < span.end; at = span.tokens[at]!.closing + 1) yield at;
}

/** The parts between separators; one empty part for an empty span is left out. */
function split(span: Span, isSeparator: (span: Span, at: number) => boolean): readonly Span[] {
  if (span.start >= span.end) return [];
  const parts: Span[] = [];
  let start = span.start;
  for (const at of topLevel(span)) {
    if (!isSeparator(span, at)) continue;
    parts.push({ ...span, start, end: at });
    start = at + 1;
  }
  parts.push({ ...span, start, end: span.end });
  return parts;
}
