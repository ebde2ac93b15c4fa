/** The client's reply to a BatchGetItem, put together from hits and upstream's answers without re-parsing whole items. */

import { project } from "../dynamodb/expression/projection.ts";
import { parseReply, toBytes } from "../dynamodb/json-codec.ts";
import type { Input, Item } from "../dynamodb/model.ts";
import type { BatchAnswer } from "./batch-answer.ts";
import type { BatchPart, BatchPlan, Wanted } from "./batch-plan.ts";
import { itemSlice } from "./item-read.ts";
import { zeroCapacity } from "./reply.ts";

/** API_BatchGetItem: a reply holds at most 16 MB of items; the others are left unprocessed. */
const replyBytesMax = 16 * 1024 * 1024;

/** @param wanted every key of the plan, in its order */
export function batchBody(
  plan: BatchPlan,
  wanted: readonly Wanted[],
  answers: readonly BatchAnswer[],
): Uint8Array {
  const left = new Set<Wanted>(
    wanted.filter((one) => answers.some((a) => a.unprocessed.has(one.ref.cacheKey))),
  );
  const pieces = new Pieces();
  pieces.add(opening);
  let itemsBytes = 0;
  let at = 0;
  for (const [index, part] of plan.parts.entries()) {
    pieces.addText(`${index > 0 ? "," : ""}${JSON.stringify(part.reference)}:[`);
    const emptyBytes = pieces.byteLength;
    for (const answer of answers)
      for (const item of answer.verbatim.get(part) ?? []) {
        if (pieces.byteLength > emptyBytes) pieces.add(comma);
        itemsBytes += item.byteLength;
        pieces.add(item);
      }
    for (const end = at + part.keys.length; at < end; at += 1) {
      const one = wanted[at]!;
      if (part.mode !== "cached" || left.has(one)) continue;
      const found = placeOf(one, answers);
      if (found === undefined) continue;
      const { bytes, start, end: itemEnd } = found;
      if (itemsBytes > 0 && itemsBytes + itemEnd - start > replyBytesMax) {
        left.add(one);
        continue;
      }
      if (pieces.byteLength > emptyBytes) pieces.add(comma);
      const before = pieces.byteLength;
      if (part.projection === "whole") pieces.add(bytes, start, itemEnd);
      else pieces.add(shaped(bytes.subarray(start, itemEnd), part));
      itemsBytes += pieces.byteLength - before;
    }
    pieces.add(closing);
  }
  pieces.addText(`},"UnprocessedKeys":${JSON.stringify(unprocessedKeys(plan, left))}`);
  if (plan.capacity !== "NONE")
    pieces.addText(`,"ConsumedCapacity":${JSON.stringify(consumed(plan, plan.capacity, answers))}`);
  pieces.addText("}");
  return pieces.joined();
}

const opening = Buffer.from('{"Responses":{');
const COMMA = 0x2c;
const comma = Buffer.of(COMMA);
const closing = Buffer.from("]");

/** What a body is made of; each byte is copied once. */
class Pieces {
  byteLength = 0;
  readonly #sources: Uint8Array[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  add(source: Uint8Array, start = 0, end = source.byteLength): void {
    this.#sources.push(source);
    this.#starts.push(start);
    this.#ends.push(end);
    this.byteLength += end - start;
  }

  addText(text: string): void {
    this.add(Buffer.from(text));
  }

  joined(): Uint8Array {
    const bytes = Buffer.allocUnsafe(this.byteLength);
    let at = 0;
    for (let index = 0; index < this.#sources.length; index += 1) {
      const source = this.#sources[index]!;
      const start = this.#starts[index]!;
      const end = this.#ends[index]!;
      // Half of the pieces are commas, for which a call costs more than the byte.
      if (source === comma) bytes[at] = COMMA;
      else bytes.set(source.subarray(start, end), at);
      at += end - start;
    }
    return bytes;
  }
}

/** Where the item for this key stands, whoever brought it; undefined = there is none. */
function placeOf(
  wanted: Wanted,
  answers: readonly BatchAnswer[],
): { readonly bytes: Uint8Array; readonly start: number; readonly end: number } | undefined {
  const { entry } = wanted;
  if (entry !== undefined) {
    const slice = itemSlice(entry);
    return slice && { bytes: entry.body, start: slice.start, end: slice.end };
  }
  for (const answer of answers) {
    const item = answer.items.get(wanted.ref.cacheKey);
    if (item !== undefined) return { bytes: item, start: 0, end: item.byteLength };
  }
  return undefined;
}

function shaped(item: Uint8Array, part: BatchPart): Uint8Array {
  // The codec edge: the bytes are DynamoDB's own item.
  return part.projection === "whole" ? item : toBytes(project(parseReply(item) as Item, part.projection));
}

/** What was left undone, in the client's own words, so that it can be sent again as it is. */
function unprocessedKeys(plan: BatchPlan, left: ReadonlySet<Wanted>): Input {
  const tables: Record<string, Input> = Object.create(null);
  if (left.size === 0) return tables;
  const keysOf = Map.groupBy(left, (one) => one.part);
  for (const part of plan.parts) {
    const Keys = keysOf.get(part)?.map((one) => one.Key);
    if (Keys !== undefined) tables[part.reference] = { ...part.request, Keys };
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
