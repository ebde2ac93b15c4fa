/**
 * Condition and filter expressions: parsed once for each spelling, their values checked for each request, so that what
 * comes out is certainly valid.
 */

import { type DocumentPath, takePath } from "./document-path.ts";
import { giveUp, TokenReader } from "./lexer.ts";
import type { Names, ParameterValue, Placeholders } from "./placeholders.ts";
import { Spellings } from "./spellings.ts";
import { compareValues, orderedTypes, orderings } from "./value-order.ts";

/** A value is the `:v` that stands for it, whatever it is in this request. */
export type Operand = PathOperand | { readonly kind: "value"; readonly alias: string };

interface PathOperand {
  readonly kind: "path" | "size";
  readonly path: DocumentPath;
}

export type Condition =
  | { readonly kind: "AND" | "OR"; readonly conditions: readonly Condition[] }
  | { readonly kind: "NOT"; readonly condition: Condition }
  | { readonly kind: "test"; readonly operator: string; readonly operands: readonly [Operand, ...Operand[]] };

/** AWS: ServiceQuotas, "Expression parameters"; the operators are counted as DynamoDB Local counts them. */
const operatorsMax = 300;
const inChoicesMax = 100;
/** Parentheses and NOTs inside one another. DynamoDB takes more; such expressions are not worth proving. */
const nestingMax = 50;

const equality: ReadonlySet<string> = new Set(["=", "<>"]);

/** Functions that are conditions by themselves, with how many values they take besides their path. */
const functionValues: ReadonlyMap<string, 0 | 1> = new Map([
  ["attribute_exists", 0],
  ["attribute_not_exists", 0],
  ["attribute_type", 1],
  ["begins_with", 1],
  ["contains", 1],
]);

const attributeTypes: ReadonlySet<string> = new Set("S N B SS NS BS BOOL NULL L M".split(" "));

const isOrdered = (value: ParameterValue) => orderedTypes.has(value.type);

/** What the values of these operators must be. */
const checks: ReadonlyMap<string, (value: ParameterValue) => boolean> = new Map([
  ["attribute_type", (value) => value.type === "S" && attributeTypes.has(String(value.wire.S))],
  ["begins_with", (value) => value.type === "S" || value.type === "B"],
  ["contains", isOrdered],
  ...Array.from(orderings, (operator) => [operator, isOrdered] as const),
]);

const spellings = new Spellings((expression, names) => new ConditionParser(expression, names).parse());

/**
 * Parses a ConditionExpression, FilterExpression or KeyConditionExpression.
 * Gives up (see lexer.ts) on what DynamoDB refuses and on much that it takes but hardly anybody writes: a
 * value as first operand, paths in IN and BETWEEN, parentheses around operands. Both lists are in
 * test/unit/dynamodb/expression-condition.test.ts.
 */
export function parseCondition(expression: unknown, placeholders: Placeholders): Condition {
  const condition = spellings.parsed(expression, placeholders);
  checkValues(condition, placeholders);
  return condition;
}

/** All paths that a condition looks at. */
export function conditionPaths(condition: Condition): readonly DocumentPath[] {
  if (condition.kind === "NOT") return conditionPaths(condition.condition);
  if (condition.kind !== "test") return condition.conditions.flatMap(conditionPaths);
  return condition.operands.flatMap((operand) => (operand.kind === "value" ? [] : [operand.path]));
}

/** Nested arrays of strings and numbers that are equal only for conditions with one meaning. */
export function conditionForm(condition: Condition, placeholders: Placeholders): unknown {
  if (condition.kind === "NOT") return ["NOT", conditionForm(condition.condition, placeholders)];
  if (condition.kind !== "test")
    return [condition.kind, ...condition.conditions.map((one) => conditionForm(one, placeholders))];
  return [
    condition.operator,
    ...condition.operands.map((operand) =>
      operand.kind === "value" ? placeholders.value(operand.alias).text : pathForm(operand),
    ),
  ];
}

function pathForm(operand: PathOperand): unknown {
  return [operand.kind, ...operand.path];
}

/** Gives up where a value is not defined, or is none that its operator takes. */
function checkValues(condition: Condition, placeholders: Placeholders): void {
  if (condition.kind === "NOT") checkValues(condition.condition, placeholders);
  else if (condition.kind === "test") checkTest(condition.operator, condition.operands, placeholders);
  else for (const one of condition.conditions) checkValues(one, placeholders);
}

function checkTest(
  operator: string,
  [first, ...rest]: readonly [Operand, ...Operand[]],
  placeholders: Placeholders,
): void {
  const check = checks.get(operator);
  let lower: ParameterValue | undefined;
  for (const operand of rest) {
    if (operand.kind !== "value") continue;
    const value = placeholders.value(operand.alias);
    // A size is compared with numbers only; DynamoDB would take others, but nobody means that.
    if (first.kind === "size" && value.type !== "N") giveUp();
    if (check !== undefined && !check(value)) giveUp();
    if (operator === "BETWEEN" && lower !== undefined && (compareValues(lower, value) ?? 1) > 0) giveUp();
    lower = value;
  }
}

class ConditionParser {
  readonly #tokens: TokenReader;
  readonly #names: Names;
  #operators = 0;
  #nesting = 0;
  /** Where the parenthesis that was closed last began, and the place behind its end. */
  #closed = { start: -1, end: -1 };

  constructor(expression: string, names: Names) {
    this.#tokens = new TokenReader(expression);
    this.#names = names;
  }

  parse(): Condition {
    const condition = this.#disjunction();
    this.#tokens.expect("end");
    return condition;
  }

  #disjunction(): Condition {
    return this.#chain("OR", () => this.#chain("AND", () => this.#negation()));
  }

  #chain(keyword: "AND" | "OR", link: () => Condition): Condition {
    const first = link();
    const conditions = [first];
    while (this.#tokens.takeKeyword(keyword)) {
      this.#count();
      conditions.push(link());
    }
    return conditions.length === 1 ? first : { kind: keyword, conditions };
  }

  #negation(): Condition {
    if (!this.#tokens.takeKeyword("NOT")) return this.#primary();
    this.#count();
    return this.#nested(() => ({ kind: "NOT", condition: this.#negation() }));
  }

  #primary(): Condition {
    const start = this.#tokens.position;
    if (!this.#tokens.takeIf("(")) return this.#test();
    const inner = this.#nested(() => this.#disjunction());
    // "((a = :v))" is refused for its redundant parentheses; "((a = :v) AND b = :w)" is not.
    if (this.#closed.start === start + 1 && this.#closed.end === this.#tokens.position) giveUp();
    this.#tokens.expect(")");
    this.#closed = { start, end: this.#tokens.position };
    return inner;
  }

  #nested(parse: () => Condition): Condition {
    this.#nesting += 1;
    if (this.#nesting > nestingMax) giveUp();
    const condition = parse();
    this.#nesting -= 1;
    return condition;
  }

  #test(): Condition {
    const name = this.#tokens.peek();
    if (name.kind === "name" && functionValues.has(name.text) && this.#tokens.peek(1).kind === "(") {
      return this.#function();
    }
    const first = this.#firstOperand();
    if (this.#tokens.takeKeyword("BETWEEN")) return this.#between(first);
    if (this.#tokens.takeKeyword("IN")) return this.#in(first);
    return this.#comparison(first);
  }

  #function(): Condition {
    const operator = this.#tokens.take().text;
    this.#count();
    this.#tokens.expect("(");
    const path = this.#path();
    if (functionValues.get(operator) === 0) {
      this.#tokens.expect(")");
      return { kind: "test", operator, operands: [path] };
    }
    this.#tokens.expect(",");
    const argument = this.#value();
    this.#tokens.expect(")");
    return { kind: "test", operator, operands: [path, argument] };
  }

  #firstOperand(): PathOperand {
    const token = this.#tokens.peek();
    const isCall = token.text === "size" && this.#tokens.peek(1).kind === "(";
    if (!isCall) return this.#path();
    this.#tokens.take();
    this.#tokens.expect("(");
    this.#count();
    const { path } = this.#path();
    this.#tokens.expect(")");
    return { kind: "size", path };
  }

  #comparison(first: PathOperand): Condition {
    const operator = this.#tokens.take().kind;
    if (!equality.has(operator) && !orderings.has(operator)) giveUp();
    this.#count();
    if (this.#tokens.peek().kind !== "valueAlias") {
      const second = this.#path();
      // "The first operand must be distinct from the remaining operands."
      if (JSON.stringify(pathForm(first)) === JSON.stringify(pathForm(second))) giveUp();
      return { kind: "test", operator, operands: [first, second] };
    }
    return { kind: "test", operator, operands: [first, this.#value()] };
  }

  #between(first: Operand): Condition {
    this.#count();
    const lower = this.#value();
    if (!this.#tokens.takeKeyword("AND")) giveUp();
    return { kind: "test", operator: "BETWEEN", operands: [first, lower, this.#value()] };
  }

  #in(first: Operand): Condition {
    this.#count();
    this.#tokens.expect("(");
    const choices: Operand[] = [];
    do choices.push(this.#value());
    while (this.#tokens.takeIf(","));
    this.#tokens.expect(")");
    if (choices.length > inChoicesMax) giveUp();
    return { kind: "test", operator: "IN", operands: [first, ...choices] };
  }

  #path(): { readonly kind: "path"; readonly path: DocumentPath } {
    return { kind: "path", path: takePath(this.#tokens, this.#names) };
  }

  #value(): Operand {
    return { kind: "value", alias: this.#tokens.expect("valueAlias").text };
  }

  #count(): void {
    this.#operators += 1;
    if (this.#operators > operatorsMax) giveUp();
  }
}
