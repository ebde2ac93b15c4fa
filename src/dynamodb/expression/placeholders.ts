/** The #names and :values of one request: what they stand for, and whether the request uses all of them. */

import { canonicalValue } from "../canonical-value.ts";
import type { Input } from "../model.ts";
import { isObject } from "../model.ts";
import { giveUp } from "./lexer.ts";

/** AWS: ServiceQuotas, "Expression parameters", "Attribute names"; shown by test/wire/projection.test.ts. */
const placeholderLengthMax = 255;
const attributeNameBytesMax = 65_535;
/** All values of a request together, in characters. DynamoDB takes more (2 MB): not worth proving. */
const valuesLengthMax = 262_144;

const nameAliasPattern = /^#[A-Za-z0-9_]+$/;
const valueAliasPattern = /^:[A-Za-z0-9_]+$/;

/** A value that a request compares with, valid by itself. */
export interface ParameterValue {
  /** "S", "N", "BOOL", … */
  readonly type: string;
  /** As the request has it: an AttributeValue with exactly one type. */
  readonly wire: Input;
  /** {@link canonicalValue}'s text. */
  readonly text: string;
}

/** Checks one AttributeValue; gives up where its meaning is not certain. */
export function parameterValue(wire: unknown): ParameterValue {
  const text = canonicalValue(wire);
  if (text === undefined || !isObject(wire)) giveUp();
  const type = Object.keys(wire)[0] ?? giveUp();
  return { type, wire, text };
}

/** An attribute name as DynamoDB takes it: not empty, not too long, proper Unicode. Gives up otherwise. */
export function attributeName(name: unknown): string {
  if (typeof name !== "string" || name === "" || !name.isWellFormed()) giveUp();
  // A UTF-16 unit is at most three bytes of UTF-8, so short names need no counting.
  if (name.length * 3 > attributeNameBytesMax && Buffer.byteLength(name) > attributeNameBytesMax) giveUp();
  return name;
}

/** What the `#n` of a request stand for. */
export interface Names {
  /** Gives up if it is not defined. */
  name(alias: string): string;
}

/**
 * Built from a request's ExpressionAttributeNames and ExpressionAttributeValues (gives up if they are
 * malformed), handed to each of its expressions' parsers, asked at last whether everything was used.
 */
export class Placeholders implements Names {
  /** All names: equal only for requests whose names are equal, in one order. */
  readonly namesText: string;
  readonly #names: ReadonlyMap<string, string>;
  readonly #values: ReadonlyMap<string, ParameterValue>;
  readonly #used = new Set<string>();

  constructor(input: Input) {
    this.#names = checkedMap(input, "ExpressionAttributeNames", nameAliasPattern, attributeName);
    this.#values = checkedMap(input, "ExpressionAttributeValues", valueAliasPattern, parameterValue);
    let namesText = "";
    for (const [alias, name] of this.#names) namesText += `${alias}=${name.length}:${name}`;
    this.namesText = namesText;
    let length = 0;
    for (const value of this.#values.values()) length += value.text.length;
    if (length > valuesLengthMax) giveUp();
  }

  /** What a `#n` stands for; gives up if it is not defined. */
  name(alias: string): string {
    this.#used.add(alias);
    return this.#names.get(alias) ?? giveUp();
  }

  /** What a `:v` stands for; gives up if it is not defined. */
  value(alias: string): ParameterValue {
    this.#used.add(alias);
    return this.#values.get(alias) ?? giveUp();
  }

  /** Gives up if a placeholder was never asked for: DynamoDB refuses such a request. */
  expectAllUsed(): void {
    if (this.#used.size !== this.#names.size + this.#values.size) giveUp();
  }
}

function checkedMap<Value>(
  input: Input,
  parameter: string,
  pattern: RegExp,
  check: (value: unknown) => Value,
): ReadonlyMap<string, Value> {
  const checked = new Map<string, Value>();
  const given = input[parameter];
  if (given === undefined) return checked;
  if (!isObject(given)) giveUp();
  for (const [alias, value] of Object.entries(given)) {
    if (alias.length > placeholderLengthMax || !pattern.test(alias)) giveUp();
    checked.set(alias, check(value));
  }
  return checked.size > 0 ? checked : giveUp();
}
