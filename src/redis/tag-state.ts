/** A tag as Redis keeps it, taken apart. */

import { integerOf, isList, pairsOf, type Reply, refused, textOf } from "./replies.ts";
import type { TagState } from "./shared-store.ts";

const TOKEN_NAME = "t".charCodeAt(0);
const CHANGED_NAME = "c".charCodeAt(0);
const BORN_NAME = "b".charCodeAt(0);
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

/** As nearly all tags are, nearly always: its token and its times, as the scripts write them, and nothing else. */
function isUnmarked(fields: readonly Reply[]): boolean {
  if (!isName(fields[0], TOKEN_NAME) || !isName(fields[2], CHANGED_NAME)) return false;
  return fields.length === 4 || (fields.length === 6 && isName(fields[4], BORN_NAME));
}

function unmarkedOf([, token, , changedAtMs, , bornAtMs]: readonly Reply[]): TagState {
  return {
    token: tokenOf(token),
    changedAtMs: integerOf(changedAtMs),
    bornAtMs: bornAtMs === undefined ? 0 : integerOf(bornAtMs),
    marks: NO_MARKS,
  };
}

/** Whether a field has this name of one letter. */
function isName(reply: Reply | undefined, letter: number): boolean {
  return Buffer.isBuffer(reply) && reply.length === 1 && reply[0] === letter;
}

function anyTagOf(reply: Reply | undefined, earliestNowMs: number): TagState | undefined {
  const fields = pairsOf(reply);
  if (fields.size === 0) return undefined;
  const born = fields.get("b");
  return folded(
    {
      token: tokenOf(fields.get("t")),
      changedAtMs: integerOf(fields.get("c")),
      bornAtMs: born === undefined ? 0 : integerOf(born),
      marks: marksOf(fields),
    },
    earliestNowMs,
  );
}

/** The marks among a tag's fields, or in the tail of CHANGE's answer. */
export function marksOf(fields: ReadonlyMap<string, Reply>): Map<string, number> {
  const marks = new Map<string, number>();
  for (const [name, value] of fields) if (name.startsWith("m:")) marks.set(name.slice(2), integerOf(value));
  return marks;
}

/** Marks that have ended become changes. */
export function folded(tag: TagState, earliestNowMs: number): TagState {
  let { changedAtMs } = tag;
  const marks = new Map(tag.marks);
  for (const [writer, endsMs] of marks) {
    if (endsMs > earliestNowMs) continue;
    changedAtMs = Math.max(changedAtMs, endsMs);
    marks.delete(writer);
  }
  return { ...tag, changedAtMs, marks };
}
