/** The order of scalar values as DynamoDB compares them: strings and binaries by bytes, numbers exactly. */

import { decimalParts } from "../canonical-number.ts";
import type { ParameterValue } from "./placeholders.ts";

/** The types that `<`, BETWEEN and sort keys know. */
export const orderedTypes: ReadonlySet<string> = new Set(["S", "N", "B"]);

/** Comparisons that only ordered values have. */
export const orderings: ReadonlySet<string> = new Set(["<", "<=", ">", ">="]);

/**
 * Negative if left is smaller, zero if equal, positive if greater.
 *
 * @returns undefined for values of different types, or of a type that has no order.
 */
export function compareValues(left: ParameterValue, right: ParameterValue): number | undefined {
  if (left.type !== right.type || !orderedTypes.has(left.type)) return undefined;
  if (left.text === right.text) return 0;
  if (left.type === "N") return compareNumbers(scalar(left), scalar(right));
  return Buffer.compare(bytesOf(left), bytesOf(right));
}

/** True if the value, a string or binary, begins with the prefix and is longer. */
export function isLongerThanPrefix(value: ParameterValue, prefix: ParameterValue): boolean {
  if (value.type !== prefix.type || value.type === "N" || !orderedTypes.has(value.type)) return false;
  const bytes = bytesOf(value);
  const start = bytesOf(prefix);
  return bytes.length > start.length && bytes.subarray(0, start.length).equals(start);
}

/** Bytes of a string or binary; 0 for other types. */
export function byteLength(value: ParameterValue): number {
  if (value.type === "S") return Buffer.byteLength(scalar(value));
  return value.type === "B" ? bytesOf(value).length : 0;
}

function bytesOf(value: ParameterValue): Buffer {
  return Buffer.from(scalar(value), value.type === "B" ? "base64" : "utf8");
}

function scalar(value: ParameterValue): string {
  const text = value.wire[value.type];
  return typeof text === "string" ? text : "";
}

function compareNumbers(left: string, right: string): number | undefined {
  const a = decimalParts(left);
  const b = decimalParts(right);
  if (!a || !b) return undefined;
  const signs = signOf(a) - signOf(b);
  if (signs !== 0) return signs;
  // Both are 0.DIGITS × 10^point with a first digit that is not zero: the points decide, then the digits.
  const magnitudes = a.point - b.point || (a.digits < b.digits ? -1 : a.digits > b.digits ? 1 : 0);
  return a.negative ? -magnitudes : magnitudes;
}

function signOf(parts: { readonly negative: boolean; readonly digits: string }): number {
  if (parts.digits === "") return 0;
  return parts.negative ? -1 : 1;
}
