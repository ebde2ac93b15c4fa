/**
 * One normal form for every number that DynamoDB can hold: text arithmetic only, so no digit is ever rounded.
 */

/** Significant digits that a number may have (AWS: HowItWorks.NamingRulesDataTypes, "Number"). */
const significantDigitsMax = 38;
/** Range of d in d.ddd × 10^e: from 1E-130 to 9.99…E+125, same source. */
const exponentMin = -130;
const exponentMax = 125;
/** Longest text that is looked at; every number fits in 133 characters without superfluous zeros. */
const textLengthMax = 256;

const numberPattern = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,4}))?$/;

const zero = 48;
const nine = 57;
const minus = 45;

/** A number's parts: 0.DIGITS × 10^point. Zero has no digits. */
export interface DecimalParts {
  readonly negative: boolean;
  /** Significant digits, with no zero at either end. */
  readonly digits: string;
  /** Where the decimal point stands, counted from the left of `digits`; may lie outside of them. */
  readonly point: number;
  readonly hasExponent: boolean;
}

/**
 * The one text by which we know a number: plain decimals without exponent, without superfluous zeros, "0" for
 * every zero. That is DynamoDB's own reply form (test/wire/numbers.test.ts), so `"1e2"`, `"+100"` and
 * `"0100.0"` all become `"100"`.
 *
 * @returns undefined for what DynamoDB refuses (no number, more than 38 significant digits, out of range),
 * and for spellings so odd that we do not vouch for its answer.
 */
export function canonicalNumber(text: string): string | undefined {
  if (isPlainInteger(text)) return text;
  const parts = decimalParts(text);
  return parts && plainDecimal(parts);
}

/** Takes a number's text apart; undefined where {@link canonicalNumber} says so. */
export function decimalParts(text: string): DecimalParts | undefined {
  if (text.length > textLengthMax) return undefined;
  const match = numberPattern.exec(text);
  if (!match) return undefined;
  const whole = match[2] ?? "";
  const written = whole + (match[3] ?? "");
  if (written === "") return undefined;

  const exponent = Number(match[4] ?? "0");
  const hasExponent = match[4] !== undefined;
  const first = firstNonZero(written);
  if (first === written.length) {
    const believable = exponent >= exponentMin && exponent <= exponentMax;
    return believable ? { negative: false, digits: "", point: 0, hasExponent } : undefined;
  }
  const digits = written.slice(first, endOfNonZero(written));
  const point = whole.length - first + exponent;
  if (digits.length > significantDigitsMax) return undefined;
  if (point - 1 < exponentMin || point - 1 > exponentMax) return undefined;
  return { negative: match[1] === "-", digits, point, hasExponent };
}

/** Writes a number without exponent. */
export function plainDecimal(parts: DecimalParts): string {
  const { digits, point } = parts;
  if (digits === "") return "0";
  const sign = parts.negative ? "-" : "";
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  if (point >= digits.length) return sign + digits + "0".repeat(point - digits.length);
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** True for an integer that is its own normal form: the usual case, decided without a regular expression. */
function isPlainInteger(text: string): boolean {
  const start = text.charCodeAt(0) === minus ? 1 : 0;
  const length = text.length - start;
  if (length < 1 || length > significantDigitsMax) return false;
  if (text.charCodeAt(start) === zero) return start === 0 && length === 1;
  for (let at = start; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < zero || code > nine) return false;
  }
  return true;
}

function firstNonZero(digits: string): number {
  let at = 0;
  while (at < digits.length && digits.charCodeAt(at) === zero) at += 1;
  return at;
}

function endOfNonZero(digits: string): number {
  let end = digits.length;
  while (end > 0 && digits.charCodeAt(end - 1) === zero) end -= 1;
  return end;
}
