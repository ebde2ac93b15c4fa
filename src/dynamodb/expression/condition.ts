/** Condition and filter expressions: parsed and type-checked, so that what comes out is certainly valid. */

import { type DocumentPath, takePath } from "./document-path.ts";
import { giveUp, TokenReader } from "./lexer.ts";
import type { ParameterValue, Placeholders } from "./placeholders.ts";
import { compareValues, orderedTypes } from "./value-order.ts";

export type Operand =
  | { readonly kind: "path"; readonly path: DocumentPath }
  | { readonly kind: "size"; readonly path: DocumentPath }
  | { readonly kind: "value"; readonly value: ParameterValue };

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
const orderings: ReadonlySet<string> = new Set(["<", "<=", ">", ">="]);

const attributeTypes: ReadonlySet<string> = new Set([
  "S",
  "N",
  "B",
  "SS",
  "NS",
  "BS",
  "BOOL",
  "NULL",
  "L",
  "M",
]);

/** Functions that are conditions by themselves; with the check of their second operand if they have one. */
const functionArguments = new Map<string, ((value: ParameterValue) => boolean) | undefined>([
  ["attribute_exists", undefined],
  ["attribute_not_exists", undefined],
  ["attribute_type", (value) => value.type === "S" && attributeTypes.has(String(value.wire.S))],
  ["begins_with", (value) => value.type === "S" || value.type === "B"],
  ["contains", (value) => orderedTypes.has(value.type)],
]);

/**
 * Parses a ConditionExpression, FilterExpression or KeyConditionExpression.
 * Gives up (see lexer.ts) on what DynamoDB refuses and on much that it takes but hardly anybody writes: a
 * value as first operand, paths in IN and BETWEEN, parentheses around operands. Both lists are in
 * test/unit/dynamodb/expression-condition.test.ts.
 */
export function parseCondition(expression: unknown, placeholders: Placeholders): Condition {
  return new ConditionParser(expression, placeholders).parse();
}

/** All paths that a condition looks at. */
export function conditionPaths(condition: Condition): readonly DocumentPath[] {
  if (condition.kind === "NOT") return conditionPaths(condition.condition);
  if (condition.kind !== "test") return condition.conditions.flatMap(conditionPaths);
  return condition.operands.flatMap((operand) => (operand.kind === "value" ? [] : [operand.path]));
}

/** Nested arrays of strings and numbers that are equal only for conditions with one meaning. */
export function conditionForm(condition: Condition): unknown {
  if (condition.kind === "NOT") return ["NOT", conditionForm(condition.condition)];
  if (condition.kind !== "test") return [condition.kind, ...condition.conditions.map(conditionForm)];
  return [condition.operator, ...condition.operands.map(operandForm)];
}

function operandForm(operand: Operand): unknown {
  return operand.kind === "value" ? operand.value.text : [operand.kind, ...operand.path];
}

class ConditionParser {
  readonly #tokens: TokenReader;
  readonly #placeholders: Placeholders;
  #operators = 0;
  #nesting = 0;
  /** Where the parenthesis that was closed last began, and the place behind its end. */
  #closed = { start: -1, end: -1 };

  constructor(expression: unknown, placeholders: Placeholders) {
    this.#tokens = new TokenReader(expression);
    this.#placeholders = placeholders;
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
    if (name.kind === "name" && functionArguments.has(name.text) && this.#tokens.peek(1).kind === "(") {
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
    const check = functionArguments.get(operator);
    if (check === undefined) {
      this.#tokens.expect(")");
      return { kind: "test", operator, operands: [path] };
    }
    this.#tokens.expect(",");
    const argument = this.#value();
    if (!check(argument.value)) giveUp();
    this.#tokens.expect(")");
    return { kind: "test", operator, operands: [path, argument] };
  }

  #firstOperand(): Operand {
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

  #comparison(first: Operand): Condition {
    const operator = this.#tokens.take().kind;
    if (!equality.has(operator) && !orderings.has(operator)) giveUp();
    this.#count();
    if (this.#tokens.peek().kind !== "valueAlias") {
      const second = this.#path();
      // "The first operand must be distinct from the remaining operands."
      if (JSON.stringify(operandForm(first)) === JSON.stringify(operandForm(second))) giveUp();
      return { kind: "test", operator, operands: [first, second] };
    }
    const second = this.#value();
    if (orderings.has(operator) && !orderedTypes.has(second.value.type)) giveUp();
    return { kind: "test", operator, operands: [first, this.#fitting(first, second)] };
  }

  #between(first: Operand): Condition {
    this.#count();
    const lower = this.#fitting(first, this.#value());
    if (!this.#tokens.takeKeyword("AND")) giveUp();
    const upper = this.#fitting(first, this.#value());
    const order = compareValues(lower.value, upper.value);
    if (order === undefined || order > 0) giveUp();
    return { kind: "test", operator: "BETWEEN", operands: [first, lower, upper] };
  }

  #in(first: Operand): Condition {
    this.#count();
    this.#tokens.expect("(");
    const choices: Operand[] = [];
    do choices.push(this.#fitting(first, this.#value()));
    while (this.#tokens.takeIf(","));
    this.#tokens.expect(")");
    if (choices.length > inChoicesMax) giveUp();
    return { kind: "test", operator: "IN", operands: [first, ...choices] };
  }

  /** A size is compared with numbers only; DynamoDB would take others, but nobody means that. */
  #fitting<Value extends { readonly value: ParameterValue }>(first: Operand, second: Value): Value {
    return first.kind === "size" && second.value.type !== "N" ? giveUp() : second;
  }

  #path(): { readonly kind: "path"; readonly path: DocumentPath } {
    return { kind: "path", path: takePath(this.#tokens, this.#placeholders) };
  }

  #value(): { readonly kind: "value"; readonly value: ParameterValue } {
    return { kind: "value", value: this.#placeholders.value(this.#tokens.expect("valueAlias").text) };
  }

  #count(): void {
    this.#operators += 1;
    if (this.#operators > operatorsMax) giveUp();
  }
}
