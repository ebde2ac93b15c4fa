// Whether two replies to one request are the same: status, error, body; order and capacity as far as
// promised.

import { isObject } from "../../src/dynamodb/model.ts";
import type { Exchange } from "./exchange.ts";
import type { Wire } from "./operation.ts";

/** What differs between the direct replies and the proxy's, in words; undefined if nothing does. */
export function difference(
  wire: Wire,
  direct: readonly Exchange[],
  proxied: readonly Exchange[],
): string | undefined {
  const damagedReply = proxied.find((one) => !one.isIntact);
  if (damagedReply) return "x-amz-crc32 is not the body's";
  const [expected, found] = [formOf(wire, direct), formOf(wire, proxied)];
  if (expected !== found) return `direct: ${expected}\nproxy:  ${found}`;
  return capacityDifference(wire, direct, proxied);
}

/** Everything that must be equal, as one text. */
function formOf(wire: Wire, replies: readonly Exchange[]): string {
  const [first] = replies;
  const inOrder = replies.map(({ status, contentType, body }) => {
    return canonicalText([status, contentType ?? null, comparable(wire.operation, body)]);
  });
  const isScanned = wire.operation === "Scan" || isSelect(wire);
  if (!isScanned || replies.some(({ status }) => status !== 200)) return inOrder.join("\n");
  // Which items a page or a segment of a Scan has is nobody's promise; what all of them have together is.
  const all = replies.map(({ body }) => (isObject(body) ? body : {}));
  const items = all.flatMap(({ Items }) => (Array.isArray(Items) ? Items.map(canonicalText) : [])).sort();
  const sum = (name: string) => all.reduce((total, body) => total + Number(body[name] ?? 0), 0);
  const counts = [sum("Count"), sum("ScannedCount"), all.some(({ Items }) => Items !== undefined)];
  return canonicalText([first?.contentType ?? null, counts, items]);
}

function isSelect(wire: Wire): boolean {
  return wire.operation === "ExecuteStatement" && wire.follow === "pages";
}

/** Members whose values belong to the one table, not to the answer. */
const ownMembers: ReadonlySet<string> = new Set([
  ...["CreationDateTime", "TableId", "LastUpdateToPayPerRequestDateTime", "LastIncreaseDateTime"],
  "LastDecreaseDateTime",
]);

/** The body without what may differ, and sorted where DynamoDB promises no order. */
function comparable(operation: string, body: unknown): unknown {
  if (!isObject(body)) return body;
  const { ConsumedCapacity, NextToken, ...rest } = body;
  const marked = NextToken === undefined ? rest : { ...rest, NextToken: "present" };
  if (operation === "BatchGetItem") return { ...marked, Responses: sortedMembers(body.Responses) };
  if (operation === "BatchWriteItem" || operation === "TransactWriteItems")
    return { ...marked, ItemCollectionMetrics: sortedMembers(body.ItemCollectionMetrics) };
  return operation.endsWith("Table") ? withoutOwn(marked) : marked;
}

function sortedMembers(lists: unknown): unknown {
  if (!isObject(lists)) return lists;
  return Object.fromEntries(
    Object.entries(lists).map(([name, list]) => [name, Array.isArray(list) ? sorted(list) : list]),
  );
}

function sorted(list: readonly unknown[]): readonly unknown[] {
  return [...list].sort((a, b) => (canonicalText(a) < canonicalText(b) ? -1 : 1));
}

function withoutOwn(value: unknown): unknown {
  // DynamoDB Local lists definitions and indexes in the order of a hash map.
  if (Array.isArray(value)) return sorted(value.map(withoutOwn));
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([name]) => !ownMembers.has(name));
  return Object.fromEntries(kept.map(([name, member]) => [name, withoutOwn(member)]));
}

/** JSON with sorted members and sorted sets. Texts, not objects: a member may be called __proto__. */
export function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? "null";
  const names = Object.keys(value)
    .filter((name) => value[name] !== undefined)
    .sort();
  const [only] = names;
  const isSet = names.length === 1 && (only === "SS" || only === "NS" || only === "BS");
  const set = isSet ? value[only] : undefined;
  if (Array.isArray(set)) return `{"${only}":${canonicalText(set.map(String).sort())}}`;
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonicalText(value[name])}`).join(",")}}`;
}

/**
 * Hits cost nothing and say so in the shape of an answer that did. What the proxy reads for itself (strongly
 * inside the settle window) has the same shape; everything else costs exactly what it costs directly.
 */
function capacityDifference(
  wire: Wire,
  direct: readonly Exchange[],
  proxied: readonly Exchange[],
): string | undefined {
  for (const [at, { status, cache, body }] of proxied.entries()) {
    const theirs = direct[at];
    if (theirs === undefined || status !== 200) continue;
    const isHit = /^(?:negative-)?hit/.test(cache);
    const isExact = !isHit && !cache.startsWith("miss") && wire.operation !== "Scan";
    const expected = capacityText(theirs.body, isHit ? "0" : isExact ? undefined : "n");
    const found = capacityText(body, isHit || isExact ? undefined : "n");
    if (expected !== found) return `ConsumedCapacity of a ${cache}\ndirect: ${expected}\nproxy:  ${found}`;
  }
  return undefined;
}

/** What was consumed, as it is or with every figure replaced; the tables of a batch in any order. */
function capacityText(body: unknown, figure: string | undefined): string {
  const capacity = isObject(body) ? body.ConsumedCapacity : undefined;
  const parts = (Array.isArray(capacity) ? capacity : [capacity]).map((one) => {
    const text = canonicalText(one);
    return figure === undefined ? text : text.replaceAll(/:-?\d+(?:\.\d+)?(?=[,}])/g, `:${figure}`);
  });
  return parts.sort().join(" ");
}
