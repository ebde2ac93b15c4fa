/** The form in which DynamoDB gives an item back: known before it is asked, or not claimed at all. */

import { isCanonicalBase64 } from "./canonical-binary.ts";
import { decimalParts, plainDecimal } from "./canonical-number.ts";
import { nestedContainersMax } from "./canonical-value.ts";
import type { Item } from "./model.ts";
import { isObject } from "./model.ts";

/**
 * Between these a number is written with at most 38 digits and a few zeros: no formatter takes to exponents
 * there.
 */
const pointMin = -5;
const pointMax = 38;

type Check = (value: unknown, depth: number) => boolean;

/** For each type: is this value stored letter for letter as it is written? */
const storedAsIs: ReadonlyMap<string, Check> = new Map<string, Check>([
  ["S", isStoredText],
  ["N", isStoredNumber],
  ["B", isStoredBinary],
  ["BOOL", (value) => typeof value === "boolean"],
  ["NULL", (value) => value === true],
  ["L", isStoredList],
  ["M", isStoredMap],
  // The order in which a set comes back is DynamoDB's own, so only a set of one is known beforehand.
  ["SS", (value) => isStoredText(onlyElement(value))],
  ["NS", (value) => isStoredNumber(onlyElement(value))],
  ["BS", (value) => isStoredBinary(onlyElement(value))],
]);

/**
 * The item exactly as DynamoDB returns it after a successful PutItem of `item`. An attribute's number becomes
 * a plain decimal without superfluous zeros (AWS: HowItWorks.NamingRulesDataTypes); inside lists and maps a
 * number must be one already, because DynamoDB Local keeps others there as they were written
 * (test/wire/stored-image.test.ts). The very same object where nothing had to change; the argument is never
 * modified.
 *
 * @returns undefined where that cannot be proven: sets of several elements, exponents and extreme numbers,
 * odd base64, wrong JSON types, unknown types.
 */
export function storedImage(item: unknown): Item | undefined {
  if (!isObject(item)) return undefined;
  let changed: Record<string, unknown> | undefined;
  for (const name of Object.keys(item)) {
    const value = item[name];
    if (!isStoredName(name)) return undefined;
    if (isStoredAsIs(value, 0)) continue;
    const stored = normalisedNumbers(value);
    if (stored === undefined) return undefined;
    changed ??= copyOf(item);
    setMember(changed, name, stored);
  }
  // The codec edge: every member has been checked to be an attribute value.
  return (changed ?? item) as Item;
}

/** The stored form of an attribute `{N}` or `{NS}` of one element that is spelt otherwise. */
function normalisedNumbers(value: unknown): unknown {
  if (!isObject(value) || Object.keys(value).length !== 1) return undefined;
  if (Object.hasOwn(value, "N")) {
    const N = storedNumber(value.N);
    return N && { N };
  }
  const only = Object.hasOwn(value, "NS") ? storedNumber(onlyElement(value.NS)) : undefined;
  return only && { NS: [only] };
}

function isStoredAsIs(value: unknown, depth: number): boolean {
  if (!isObject(value)) return false;
  const types = Object.keys(value);
  const type = types[0];
  if (type === undefined || types.length !== 1) return false;
  return storedAsIs.get(type)?.(value[type], depth) ?? false;
}

function isStoredList(value: unknown, depth: number): boolean {
  if (!Array.isArray(value) || depth >= nestedContainersMax) return false;
  return value.every((element) => isStoredAsIs(element, depth + 1));
}

function isStoredMap(value: unknown, depth: number): boolean {
  if (!isObject(value) || depth >= nestedContainersMax) return false;
  return Object.keys(value).every((name) => isStoredName(name) && isStoredAsIs(value[name], depth + 1));
}

function isStoredName(name: string): boolean {
  return name !== "" && isStoredText(name);
}

function isStoredText(value: unknown): boolean {
  return typeof value === "string" && value.isWellFormed();
}

function isStoredBinary(value: unknown): boolean {
  return typeof value === "string" && isCanonicalBase64(value);
}

function isStoredNumber(value: unknown): boolean {
  return value !== undefined && storedNumber(value) === value;
}

function storedNumber(value: unknown): string | undefined {
  const parts = typeof value === "string" ? decimalParts(value) : undefined;
  if (!parts || parts.hasExponent || parts.point < pointMin || parts.point > pointMax) return undefined;
  return plainDecimal(parts);
}

function onlyElement(set: unknown): unknown {
  return Array.isArray(set) && set.length === 1 ? set[0] : undefined;
}

/** A copy in which a member named `__proto__` stays a member. */
function copyOf(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const name of Object.keys(members)) setMember(copy, name, members[name]);
  return copy;
}

function setMember(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== "__proto__") target[name] = value;
  else Object.defineProperty(target, name, { value, enumerable: true, writable: true, configurable: true });
}
