/** A tag as Redis keeps it, taken apart. */

import { integerOf, isList, pairsOf, type Reply, refused, textOf } from "./replies.ts";
import type { TagState } from "./shared-store.ts";

const TOKEN_NAME = "t".charCodeAt(0);
const CHANGED_NAME = "c".charCodeAt(0);
const NO_MARKS: ReadonlyMap<string, number> = new Map();
const TOKEN = /^[A-Za-z0-9_-]{16}$/;

/** A random token: 12 bytes. */
export function tokenOf(reply: Reply | undefined): string {
  const token = textOf(reply);
  if (!TOKEN.test(token)) throw refused("Redis gave a tag without a token");
  return token;
}

/**
 * What HGETALL says of a tag; undefined = it is absent. Marks that have surely ended at `earliestNowMs` are changes at
 * their end.
 */
export function tagOf(reply: Reply | undefined, earliestNowMs: number): TagState | undefined {
  return isList(reply) && isUnmarked(reply) ? unmarkedOf(reply) : anyTagOf(reply, earliestNowMs);
}

/** As nearly all tags are, nearly always: its token and the time of its change, as the scripts write them, and nothing else. */
function isUnmarked(fields: readonly Reply[]): boolean {
  return fields.length === 4 && isName(fields[0], TOKEN_NAME) && isName(fields[2], CHANGED_NAME);
}

function unmarkedOf([, token, , changedAtMs]: readonly Reply[]): TagState {
  return { token: tokenOf(token), changedAtMs: integerOf(changedAtMs), marks: NO_MARKS };
}

/** Whether a field has this name of one letter. */
function isName(reply: Reply | undefined, letter: number): boolean {
  return Buffer.isBuffer(reply) && reply.length === 1 && reply[0] === letter;
}

function anyTagOf(reply: Reply | undefined, earliestNowMs: number): TagState | undefined {
  const fields = pairsOf(reply);
  if (fields.size === 0) return undefined;
  const changedAtMs = integerOf(fields.get("c"));
  return folded(tokenOf(fields.get("t")), changedAtMs, marksOf(fields), earliestNowMs);
}

/** The marks among a tag's fields, or in the tail of CHANGE's answer. */
export function marksOf(fields: ReadonlyMap<string, Reply>): Map<string, number> {
  const marks = new Map<string, number>();
  for (const [name, value] of fields) if (name.startsWith("m:")) marks.set(name.slice(2), integerOf(value));
  return marks;
}

export function folded(
  token: string,
  changedAtMs: number,
  marks: Map<string, number>,
  earliestNowMs: number,
): TagState {
  let changed = changedAtMs;
  for (const [writer, endsMs] of marks) {
    if (endsMs > earliestNowMs) continue;
    changed = Math.max(changed, endsMs);
    marks.delete(writer);
  }
  return { token, changedAtMs: changed, marks };
}
