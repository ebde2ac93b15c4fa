// What a run of the differential test has met: operations, expression forms, parameters, types, errors, hits.

import { isObject } from "../../src/dynamodb/model.ts";
import type { Exchange } from "./exchange.ts";
import type { Wire } from "./operation.ts";

const cacheable: ReadonlySet<string> = new Set(["GetItem", "BatchGetItem", "Query", "Scan"]);
/** Parameters whose value is one of a few words. */
const enumerations = [
  ...["ReturnValues", "ReturnValuesOnConditionCheckFailure", "ReturnConsumedCapacity", "Select"],
  ...["ReturnItemCollectionMetrics", "ConditionalOperator", "ComparisonOperator", "Action", "IndexName"],
  ...["ConsistentRead", "ScanIndexForward"],
];
/** Parameters that need only be there. */
const parameters = [
  ...[
    "AttributesToGet",
    "KeyConditions",
    "QueryFilter",
    "ScanFilter",
    "Expected",
    "AttributeUpdates",
    "Limit",
  ],
  ...["ExclusiveStartKey", "TotalSegments", "ClientRequestToken", "NextToken"],
];
const types = new Set("S N B BOOL NULL M L SS NS BS".split(" "));
const expressionForms: Readonly<Record<string, RegExp>> = {
  ...Object.fromEntries(
    [
      ...["begins_with", "contains", "size", "attribute_exists", "attribute_not_exists", "attribute_type"],
      ...["if_not_exists", "list_append"],
    ].map((name) => [name, new RegExp(`\\b${name}\\s*\\(`)]),
  ),
  ...Object.fromEntries(
    ["and", "or", "not", "in", "between", "SET", "REMOVE", "ADD", "DELETE"].map((word) => [
      word,
      new RegExp(`\\b${word}\\b`, "i"),
    ]),
  ),
  ...Object.fromEntries(["=", "<>", "<", "<=", ">", ">=", "+", "-"].map((sign) => [sign, signPattern(sign)])),
  "nested path": /\w\.[#\w]/,
  "list index": /\[\d+\]/,
  "#name": /#\w/,
  parentheses: /(?:^|[\s(])\(/,
};

function signPattern(sign: string): RegExp {
  return new RegExp(`[^<>=+-]${sign.replace("+", "\\+")}[^<>=]`);
}

/** Words by which DynamoDB's refusals are told apart; the first that fits counts. */
const refusals: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["overlapping paths", /overlap/i],
  ["unused placeholder", /unused in expressions/i],
  ["undefined placeholder", /not defined/i],
  ["reserved word", /reserved keyword/i],
  ["syntax error", /syntax error/i],
  ["key does not match", /does not match the schema|Type mismatch for (?:key|Index Key)|Missing the key/i],
  ["empty key", /empty string value|empty binary/i],
  ["key in update", /part of the key/i],
  ["document path", /document path|not valid for update/i],
  ["operand type", /operand type|incorrect.*type/i],
  ["number", /number|numeric/i],
  ["duplicate", /duplicate/i],
  ["both dialects", /non-expression/i],
  ["no such index", /specified index|does not have/i],
  ["limit", /limit/i],
  ["select", /select/i],
  ["start key", /start key|starting key/i],
];

export class Coverage {
  readonly #counts = new Map<string, number>();
  /** Steps that ran, reads of them once. */
  operations = 0;

  count(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** All that was met, by name. */
  report(): string {
    const lines = [...this.#counts].map(([name, count]) => `${name}: ${count}`);
    return lines.sort().join("\n");
  }

  /** One request: what it said, and what DynamoDB itself answered. */
  asked(wire: Wire, direct: readonly Exchange[]): void {
    this.operations += 1;
    const [first] = direct;
    if (first === undefined) return;
    const isDone = first.status === 200;
    this.#add(`${isDone ? "done" : "refused"}: ${wire.operation}`);
    if (direct.length > 1) this.#add(`${wire.follow}: ${wire.operation}`);
    if (!isDone) this.#refused(first.body);
    else this.#partlyRefused(first.body);
    // What a refused request says has not been understood.
    const error = isObject(first.body) ? String(first.body.__type) : "";
    if (isDone || /ConditionalCheckFailed|TransactionCanceled/.test(error)) this.#walk(wire.input);
  }

  /** A read that went through the proxy right after the same read, or some steps later. */
  repeated(wire: Wire, when: "at once" | "later", proxied: readonly Exchange[]): void {
    if (!cacheable.has(wire.operation) || typeof wire.input === "string") return;
    const text = JSON.stringify(wire.input);
    if (text.includes('"ConsistentRead":true')) return;
    for (const { status, cache } of proxied) {
      if (status !== 200) continue;
      const isHit = /^(?:negative-)?hit/.test(cache);
      const kinds = ["all", wire.operation];
      if (/"(?:ProjectionExpression|AttributesToGet)"/.test(text)) kinds.push("projection");
      if (cache.startsWith("negative-hit")) this.#add("negative hit");
      for (const kind of kinds) {
        this.#add(`repeated ${when}: ${kind}`);
        if (isHit) this.#add(`hit ${when}: ${kind}`);
      }
    }
  }

  /** Hits among repeated cacheable reads of this kind, 0 to 1. */
  hitShare(when: "at once" | "later", kind: string): number {
    return this.count(`hit ${when}: ${kind}`) / Math.max(1, this.count(`repeated ${when}: ${kind}`));
  }

  #refused(body: unknown): void {
    const text = JSON.stringify(body);
    const name = isObject(body) ? String(body.__type).split("#").at(-1) : "none";
    this.#add(`error: ${name}`);
    if (isObject(body) && body.Item !== undefined) this.#add("error with Item");
    const known = refusals.find(([, pattern]) => pattern.test(text));
    if (name === "ValidationException") this.#add(`refusal: ${known?.[0] ?? "another"}`);
    const codes = text.matchAll(/"Code":"(\w+)"/g);
    for (const [, code] of codes) if (code !== "None") this.#add(`reason: ${code}`);
  }

  /** BatchExecuteStatement succeeds though its statements fail. */
  #partlyRefused(body: unknown): void {
    const responses = isObject(body) ? body.Responses : undefined;
    if (!Array.isArray(responses)) return;
    for (const one of responses) {
      const error: unknown = isObject(one) ? one.Error : undefined;
      if (isObject(error)) this.#add(`statement error: ${String(error.Code)}`);
    }
  }

  #walk(value: unknown): void {
    if (Array.isArray(value)) for (const one of value) this.#walk(one);
    if (!isObject(value)) return;
    const names = Object.keys(value);
    if (names.length === 1 && types.has(names[0] ?? "")) this.#add(`type: ${names[0]}`);
    for (const name of names) {
      const member = value[name];
      if (name.endsWith("Expression") && typeof member === "string") this.#expression(name, member);
      else if (name === "Statement" && typeof member === "string") this.#statement(member);
      else if (enumerations.includes(name) && typeof member !== "object")
        this.#add(`${name}: ${String(member)}`);
      else if (parameters.includes(name)) this.#add(`parameter: ${name}`);
      this.#walk(member);
    }
  }

  #expression(member: string, text: string): void {
    for (const [form, pattern] of Object.entries(expressionForms)) {
      if (pattern.test(text)) this.#add(`${member}: ${form}`);
    }
  }

  #statement(text: string): void {
    this.#add(`PartiQL: ${text.split(/[\s(]/, 1)[0]}`);
    const returning = /RETURNING.*/.exec(text)?.[0];
    if (returning) this.#add(`PartiQL: ${returning}`);
  }

  #add(name: string): void {
    this.#counts.set(name, this.count(name) + 1);
  }
}
