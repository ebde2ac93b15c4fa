/** Bytes to checked JSON objects and back. The one place where `as` turns parsed JSON into a type. */

import { DynamoDbError } from "./errors.ts";
import { type Input, isObject } from "./model.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The body as a JSON object, or undefined if it is none (DynamoDB will refuse it in its own words). */
export function parseObject(body: Uint8Array): Input | undefined {
  try {
    const value: unknown = JSON.parse(utf8.decode(body));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The same for a body that came from DynamoDB: anything else is a fault of the upstream. */
export function parseReply(body: Uint8Array): Input {
  const value = parseObject(body);
  if (!value) throw new DynamoDbError("InternalServerError", "DynamoDB's answer is not a JSON object.");
  return value;
}

export function toBytes(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

/**
 * True if any object in this JSON text names a member twice. JSON parsers differ in which one counts; a write
 * whose key the upstream reads differently from us would leave the other item's entry standing.
 * @param text valid JSON
 */
export function hasDuplicateMembers(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  let at = 0;
  while (at < text.length) {
    const char = text.charCodeAt(at);
    if (char === 0x22 /* " */) {
      const end = stringEnd(text, at);
      if (nextIsColon(text, end)) {
        const names = open[open.length - 1];
        const raw = text.slice(at, end);
        const name: unknown = raw.includes("\\") ? JSON.parse(raw) : raw.slice(1, -1);
        if (typeof name !== "string" || names?.has(name)) return true;
        names?.add(name);
      }
      at = end;
      continue;
    }
    if (char === 0x7b /* { */) open.push(new Set());
    else if (char === 0x5b /* [ */) open.push(undefined);
    else if (char === 0x7d || char === 0x5d) open.pop();
    at += 1;
  }
  return false;
}

/** The index after the closing quote of the string that opens at `start`. */
function stringEnd(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length) {
    const char = text.charCodeAt(at);
    if (char === 0x5c /* \ */) at += 2;
    else if (char === 0x22) return at + 1;
    else at += 1;
  }
  return at;
}

function nextIsColon(text: string, from: number): boolean {
  let at = from;
  while (at < text.length && text.charCodeAt(at) <= 0x20) at += 1;
  return text.charCodeAt(at) === 0x3a;
}
