/** A tag as Redis keeps it, taken apart. */

import { integerOf, pairsOf, type Reply, refused, textOf } from "./replies.ts";
import type { TagState } from "./shared-store.ts";

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
