/** One text for every attribute value: equal values get the same text, different ones never do. */

import { isCanonicalBase64 } from "./canonical-binary.ts";
import { canonicalNumber } from "./canonical-number.ts";
import { isObject } from "./model.ts";

/**
 * Lists and maps that may stand inside one another within one attribute. AWS allows 32 levels with the item
 * itself as the first (ServiceQuotas; test/wire/stored-image.test.ts).
 */
export const nestedContainersMax = 31;

type Writer = (value: unknown, depth: number) => string | undefined;

/*
 * The text is a prefix code, so values can be strung together without a separator: strings and collections
 * carry their length in front, numbers end in ";", each type starts with its own letter (sets with small
 * ones).
 */
const writers: ReadonlyMap<string, Writer> = new Map<string, Writer>([
  ["S", (value) => prefixed("S", stringText(value))],
  ["N", (value) => prefixed("N", numberText(value))],
  ["B", (value) => prefixed("B", binaryText(value))],
  ["BOOL", (value) => (value === true ? "T" : value === false ? "F" : undefined)],
  ["NULL", (value) => (value === true ? "Z" : undefined)],
  ["L", listText],
  ["M", mapText],
  ["SS", (value) => setText("s", value, stringText)],
  ["NS", (value) => setText("n", value, numberText)],
  ["BS", (value) => setText("b", value, binaryText)],
]);

/**
 * The canonical text of one AttributeValue: numbers normalised, sets and map members sorted, binaries by
 * their bytes.
 *
 * @returns undefined for what DynamoDB refuses (two types at once, empty sets, duplicates in a set, wrong
 * JSON types, more than 32 levels) and for what it may understand differently (lone surrogates, odd base64).
 */
export function canonicalValue(value: unknown): string | undefined {
  return valueText(value, 0);
}

function valueText(value: unknown, depth: number): string | undefined {
  if (!isObject(value)) return undefined;
  const types = Object.keys(value);
  const type = types[0];
  if (type === undefined || types.length !== 1) return undefined;
  return writers.get(type)?.(value[type], depth);
}

function prefixed(letter: string, text: string | undefined): string | undefined {
  return text === undefined ? undefined : letter + text;
}

function stringText(value: unknown): string | undefined {
  if (typeof value !== "string" || !value.isWellFormed()) return undefined;
  return `${value.length}:${value}`;
}

function numberText(value: unknown): string | undefined {
  const number = typeof value === "string" ? canonicalNumber(value) : undefined;
  return number === undefined ? undefined : `${number};`;
}

function binaryText(value: unknown): string | undefined {
  if (typeof value !== "string" || !isCanonicalBase64(value)) return undefined;
  return `${value.length}:${value}`;
}

function setText(
  letter: string,
  value: unknown,
  element: (value: unknown) => string | undefined,
): string | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const texts = new Set<string>();
  for (const member of value) {
    const text = element(member);
    if (text === undefined || texts.has(text)) return undefined;
    texts.add(text);
  }
  return `${letter}${texts.size}:${[...texts].sort().join("")}`;
}

function listText(value: unknown, depth: number): string | undefined {
  if (!Array.isArray(value) || depth >= nestedContainersMax) return undefined;
  let text = `L${value.length}:`;
  for (const element of value) {
    const part = valueText(element, depth + 1);
    if (part === undefined) return undefined;
    text += part;
  }
  return text;
}

function mapText(value: unknown, depth: number): string | undefined {
  if (!isObject(value) || depth >= nestedContainersMax) return undefined;
  const names = Object.keys(value).sort();
  let text = `M${names.length}:`;
  for (const name of names) {
    const namePart = name === "" ? undefined : stringText(name);
    const part = valueText(value[name], depth + 1);
    if (namePart === undefined || part === undefined) return undefined;
    text += namePart + part;
  }
  return text;
}
