/** The client's reply to a BatchGetItem, put together from hits and upstream's answers without re-parsing whole items. */

import { project } from "../dynamodb/expression/projection.ts";
import { parseReply, toBytes } from "../dynamodb/json-codec.ts";
import type { Input, Item } from "../dynamodb/model.ts";
import type { BatchAnswer } from "./batch-answer.ts";
import type { BatchPart, BatchPlan, Wanted } from "./batch-plan.ts";
import { itemBytes } from "./item-read.ts";
import { zeroCapacity } from "./reply.ts";

/** API_BatchGetItem: a reply holds at most 16 MB of items; the others are left unprocessed. */
const replyBytesMax = 16 * 1024 * 1024;

export function batchBody(
  plan: BatchPlan,
  wanted: readonly Wanted[],
  answers: readonly BatchAnswer[],
): Uint8Array {
  const left = new Set<Wanted>(
    wanted.filter((one) => answers.some((a) => a.unprocessed.has(one.ref.cacheKey))),
  );
  const chunks: Uint8Array[] = [Buffer.from('{"Responses":{')];
  let bytes = 0;
  for (const [index, part] of plan.parts.entries()) {
    chunks.push(Buffer.from(`${index > 0 ? "," : ""}${JSON.stringify(part.reference)}:[`));
    let first = true;
    const push = (item: Uint8Array) => {
      if (!first) chunks.push(comma);
      first = false;
      bytes += item.byteLength;
      chunks.push(item);
    };
    for (const answer of answers) answer.verbatim.get(part)?.forEach(push);
    if (part.mode === "cached") {
      for (const one of wanted) {
        if (one.part !== part || left.has(one)) continue;
        const item = bytesOf(one, answers);
        if (item === undefined) continue;
        if (bytes > 0 && bytes + item.byteLength > replyBytesMax) left.add(one);
        else push(shaped(item, part));
      }
    }
    chunks.push(closing);
  }
  chunks.push(Buffer.from(`},"UnprocessedKeys":${JSON.stringify(unprocessedKeys(plan, left))}`));
  if (plan.capacity !== "NONE") {
    chunks.push(Buffer.from(`,"ConsumedCapacity":${JSON.stringify(consumed(plan, plan.capacity, answers))}`));
  }
  chunks.push(Buffer.from("}"));
  return Buffer.concat(chunks);
}

/** The item's bytes for this key, wherever they came from; undefined = there is none. */
function bytesOf(wanted: Wanted, answers: readonly BatchAnswer[]): Uint8Array | undefined {
  if (wanted.entry !== undefined) return itemBytes(wanted.entry);
  for (const answer of answers) {
    const item = answer.items.get(wanted.ref.cacheKey);
    if (item !== undefined) return item;
  }
  return undefined;
}

const comma = Buffer.from(",");
const closing = Buffer.from("]");

function shaped(item: Uint8Array, part: BatchPart): Uint8Array {
  // The codec edge: the bytes are DynamoDB's own item.
  return part.projection === "whole" ? item : toBytes(project(parseReply(item) as Item, part.projection));
}

/** What was left undone, in the client's own words, so that it can be sent again as it is. */
function unprocessedKeys(plan: BatchPlan, left: ReadonlySet<Wanted>): Input {
  const tables: Record<string, Input> = Object.create(null);
  for (const part of plan.parts) {
    const Keys = [...left].filter((one) => one.part === part).map((one) => one.Key);
    if (Keys.length > 0) tables[part.reference] = { ...part.request, Keys };
  }
  return tables;
}

function consumed(plan: BatchPlan, wish: "TOTAL" | "INDEXES", answers: readonly BatchAnswer[]): Input[] {
  return plan.parts.map((part) => {
    const CapacityUnits = answers.reduce((sum, answer) => sum + (answer.units.get(part) ?? 0), 0);
    const zero = zeroCapacity(wish, part.reference);
    return { ...zero, CapacityUnits, ...(wish === "INDEXES" && { Table: { CapacityUnits } }) };
  });
}
