/**
 * Where the parts of a JSON text stand, in bytes: lets a reply be taken apart and reassembled without parsing
 * it.
 */

/** Bytes from `start` up to, not including, `end`. */
export interface Slice {
  readonly start: number;
  readonly end: number;
}

interface Member {
  /** Starts at the opening quote of the name. */
  readonly start: number;
  readonly name: string;
  readonly value: Slice;
  /** Just behind the comma that follows, or at the closing brace's place if none does. */
  readonly next: number;
}

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/** Not a position: the bytes are not what was expected. */
export const none = -1;

/**
 * The members of a JSON object: name to where its value stands, blanks around it left out.
 *
 * @param body valid JSON in UTF-8; only the object's own structure is checked, not what is inside its values
 * @param within the object's place in `body`; all of it by default
 * @returns undefined if there is no object, or if it names a member twice
 */
export function memberSlices(body: Uint8Array, within?: Slice): ReadonlyMap<string, Slice> | undefined {
  const slices = new Map<string, Slice>();
  let twice = false;
  const isObject = eachMember(body, within ?? wholeOf(body), (member) => {
    twice ||= slices.has(member.name);
    slices.set(member.name, member.value);
  });
  return isObject && !twice ? slices : undefined;
}

/** The elements of a JSON array, in the same way. */
export function elementSlices(body: Uint8Array, within?: Slice): readonly Slice[] | undefined {
  const { start, end } = within ?? wholeOf(body);
  const slices: Slice[] = [];
  let at = afterBlanks(body, start, end);
  if (at >= end || body[at] !== openBracket) return undefined;
  at = afterBlanks(body, at + 1, end);
  if (at < end && body[at] === closeBracket) return endsAfter(body, at, end) ? slices : undefined;
  while (at < end) {
    const valueEnd = afterValue(body, at, end);
    if (valueEnd === none) return undefined;
    slices.push({ start: at, end: valueEnd });
    at = afterBlanks(body, valueEnd, end);
    if (at >= end) return undefined;
    if (body[at] === closeBracket) return endsAfter(body, at, end) ? slices : undefined;
    if (body[at] !== comma) return undefined;
    at = afterBlanks(body, at + 1, end);
  }
  return undefined;
}

/**
 * The same object without this member of its top level, every other byte as it was (one comma goes with it).
 *
 * @returns `body` itself if it has no such member or is no object
 */
export function withoutMember(body: Uint8Array, name: string): Uint8Array {
  const cuts: Slice[] = [];
  let keptEnd = none;
  const isObject = eachMember(body, wholeOf(body), (member, last) => {
    if (member.name !== name) {
      keptEnd = member.value.end;
    } else if (!last) {
      cuts.push({ start: member.start, end: member.next });
    } else {
      // Nothing follows, so the comma to go is the one behind the last member kept, with whatever was cut
      // since.
      const start = keptEnd === none ? member.start : keptEnd;
      while (cuts.length > 0 && cuts[cuts.length - 1]!.start >= start) cuts.pop();
      cuts.push({ start, end: member.value.end });
    }
  });
  if (!isObject || cuts.length === 0) return body;

  const kept: Uint8Array[] = [];
  let from = 0;
  for (const cut of cuts) {
    kept.push(body.subarray(from, cut.start));
    from = cut.end;
  }
  kept.push(body.subarray(from));
  return Buffer.concat(kept);
}

/**
 * The same object with this member appended, every other byte as it was.
 *
 * @param body a JSON object that has no member of this name yet
 * @param valueJson the value as JSON text
 * @throws TypeError if `body` is no object
 */
export function withMember(body: Uint8Array, name: string, valueJson: string): Uint8Array {
  const first = afterBlanks(body, 0, body.length);
  const last = beforeBlanks(body, body.length);
  if (last <= first || body[first] !== openBrace || body[last] !== closeBrace) {
    throw new TypeError("A member can only be added to a JSON object.");
  }
  const lastByte = beforeBlanks(body, last);
  const separator = lastByte === first ? "" : ",";
  const member = Buffer.from(`${separator}${JSON.stringify(name)}:${valueJson}`);
  return Buffer.concat([body.subarray(0, lastByte + 1), member, body.subarray(lastByte + 1)]);
}

/** Calls `visit` for each member in order; false if the slice holds no object. */
function eachMember(
  body: Uint8Array,
  within: Slice,
  visit: (member: Member, last: boolean) => void,
): boolean {
  const { start, end } = within;
  let at = afterBlanks(body, start, end);
  if (at >= end || body[at] !== openBrace) return false;
  at = afterBlanks(body, at + 1, end);
  if (at < end && body[at] === closeBrace) return endsAfter(body, at, end);
  while (at < end && body[at] === quote) {
    const nameEnd = afterString(body, at, end);
    if (nameEnd === none) return false;
    const colonAt = afterBlanks(body, nameEnd, end);
    if (colonAt >= end || body[colonAt] !== colon) return false;
    const valueStart = afterBlanks(body, colonAt + 1, end);
    const valueEnd = afterValue(body, valueStart, end);
    if (valueEnd === none) return false;
    const behind = afterBlanks(body, valueEnd, end);
    if (behind >= end) return false;
    const last = body[behind] === closeBrace;
    if (!last && body[behind] !== comma) return false;
    const name = nameAt(body, at, nameEnd);
    const value = { start: valueStart, end: valueEnd };
    visit({ start: at, name, value, next: last ? behind : behind + 1 }, last);
    if (last) return endsAfter(body, behind, end);
    at = afterBlanks(body, behind + 1, end);
  }
  return false;
}

function nameAt(body: Uint8Array, start: number, end: number): string {
  const raw = Buffer.from(body.buffer, body.byteOffset + start, end - start).toString("utf8");
  return raw.includes("\\") ? String(JSON.parse(raw)) : raw.slice(1, -1);
}

/** The position behind the value that starts at `at`; what is inside of it is not checked. */
export function afterValue(body: Uint8Array, at: number, end: number): number {
  if (at >= end) return none;
  const first = body[at];
  if (first === quote) return afterString(body, at, end);
  if (first === openBrace || first === openBracket) return afterContainer(body, at, end);
  let to = at;
  while (to < end && !endsScalar(body[to]!)) to += 1;
  return to === at ? none : to;
}

function afterContainer(body: Uint8Array, start: number, end: number): number {
  let depth = 0;
  let at = start;
  while (at < end) {
    const byte = body[at];
    if (byte === quote) {
      at = afterString(body, at, end);
      if (at === none) return none;
      continue;
    }
    if (byte === openBrace || byte === openBracket) depth += 1;
    else if (byte === closeBrace || byte === closeBracket) depth -= 1;
    at += 1;
    if (depth === 0) return at;
  }
  return none;
}

/**
 * The position behind the closing quote. Bytes of UTF-8's longer sequences are all above 0x7f, so none
 * misleads.
 */
function afterString(body: Uint8Array, start: number, end: number): number {
  let at = start + 1;
  while (at < end) {
    const byte = body[at];
    if (byte === quote) return at + 1;
    at += byte === backslash ? 2 : 1;
  }
  return none;
}

/** The same for a string that must be written without escapes, so that its bytes are its text. */
export function afterPlainString(body: Uint8Array, start: number, end: number): number {
  if (body[start] !== quote) return none;
  let at = start + 1;
  while (at < end && body[at] !== quote && body[at] !== backslash) at += 1;
  return at < end && body[at] === quote ? at + 1 : none;
}

function endsScalar(byte: number): boolean {
  return byte === comma || byte === closeBrace || byte === closeBracket || isBlank(byte);
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

export function afterBlanks(body: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && isBlank(body[at]!)) at += 1;
  return at;
}

/** The position of the last byte before `end` that is not blank, or -1. */
function beforeBlanks(body: Uint8Array, end: number): number {
  let at = end - 1;
  while (at >= 0 && isBlank(body[at]!)) at -= 1;
  return at;
}

/** True if only blanks follow the bracket at `at`. */
function endsAfter(body: Uint8Array, at: number, end: number): boolean {
  return afterBlanks(body, at + 1, end) >= end;
}

function wholeOf(body: Uint8Array): Slice {
  return { start: 0, end: body.length };
}
