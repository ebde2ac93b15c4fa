/** What Redis answers, taken apart with every shape checked: whatever is not as expected is refused, never believed. */

import { StoreUnavailable } from "./shared-store.ts";

/** One reply of RESP 2; texts stay bytes. */
export type Reply = Buffer | number | null | readonly Reply[];

export function refused(what: string): StoreUnavailable {
  return new StoreUnavailable("refused", what);
}

export function isList(reply: Reply | undefined): reply is readonly Reply[] {
  return Array.isArray(reply);
}

export function textOf(reply: Reply | undefined): string {
  if (!Buffer.isBuffer(reply)) throw refused("Redis gave something else where a text was expected");
  return reply.toString("utf8");
}

export function integerOf(reply: Reply | undefined): number {
  const value = Buffer.isBuffer(reply) ? Number(reply.toString("latin1")) : reply;
  if (typeof value !== "number" || !Number.isSafeInteger(value)) {
    throw refused("Redis gave something else where a whole number was expected");
  }
  return value;
}

export function listOf(reply: Reply | undefined): readonly Reply[] {
  if (!isList(reply)) throw refused("Redis gave something else where a list was expected");
  return reply;
}

/** A flat list of names and values: HGETALL, XINFO. */
export function pairsOf(reply: Reply | undefined): Map<string, Reply> {
  const list = listOf(reply);
  if (list.length % 2 !== 0) throw refused("Redis gave a list of pairs with an odd number of elements");
  const pairs = new Map<string, Reply>();
  for (let at = 0; at < list.length; at += 2) pairs.set(textOf(list[at]), list[at + 1] ?? null);
  return pairs;
}

/** The sequence number in the id of a log message: "0-17" is 17. */
export function sequenceOf(reply: Reply | undefined): number {
  const [, digits] = /^0-(\d{1,16})$/.exec(textOf(reply)) ?? [];
  const sequence = Number(digits ?? Number.NaN);
  if (!Number.isSafeInteger(sequence)) throw refused("Redis gave a log message an id that is not ours");
  return sequence;
}

/** The lines of INFO by name. */
export function infoOf(reply: Reply | undefined): ReadonlyMap<string, string> {
  const lines = new Map<string, string>();
  for (const line of textOf(reply).split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) lines.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return lines;
}

/** A number out of INFO; undefined where the server does not tell it. */
export function infoNumber(info: ReadonlyMap<string, string>, name: string): number | undefined {
  const text = info.get(name);
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined;
}
