/** What a write does to the model's tables, and the reply that DynamoDB gives to it. */

import { type Input, type Item, isObject } from "../../src/dynamodb/model.ts";
import {
  type Image,
  type ItemHistory,
  type KeyShape,
  type ModelTable,
  type TableLife,
  textOf,
} from "./model-table.ts";

/**
 * One item's part of a write. The workload says it beside the request, so that the model parses no
 * expressions.
 */
export type Effect =
  | { readonly kind: "put"; readonly table: string; readonly item: Item }
  | { readonly kind: "insert"; readonly table: string; readonly item: Item }
  | { readonly kind: "delete"; readonly table: string; readonly key: Item }
  | { readonly kind: "check"; readonly table: string; readonly key: Item }
  | Update
  | {
      readonly kind: "create";
      readonly table: string;
      readonly shape: KeyShape;
      readonly globalKey: string | undefined;
    }
  | { readonly kind: "drop"; readonly table: string }
  | { readonly kind: "reindex"; readonly table: string; readonly globalKey: string | undefined };

interface Update {
  readonly kind: "update" | "updateExisting";
  readonly table: string;
  readonly key: Item;
  readonly set: Item;
  readonly remove: readonly string[];
}

export interface Landed {
  readonly history: ItemHistory;
  readonly index: number;
}

export interface WriteResult {
  readonly status: number;
  readonly body: Input;
  /** What the body would be for another ReturnValues: the client's. */
  bodyFor(ReturnValues: unknown): Input;
  readonly landed: readonly Landed[];
  /** Lives that this ended. */
  readonly ended: readonly TableLife[];
}

type Tables = ReadonlyMap<string, ModelTable>;

export function refusal(type: string, message = "simulated", status = 400): WriteResult {
  const body = { __type: `com.amazonaws.dynamodb.v20120810#${type}`, message };
  return { status, body, bodyFor: () => body, landed: [], ended: [] };
}

const missingTable = () => refusal("ResourceNotFoundException", "Requested resource not found");
const wrongKey = () => refusal("ValidationException", "The provided key element does not match the schema");

/** Carries the effects out, all or none, apart from those at the positions in `skipped`. */
export function execute(
  effects: readonly Effect[],
  input: Input,
  tables: Tables,
  nowMs: number,
  skipped: ReadonlySet<number> = new Set(),
): WriteResult {
  const [first] = effects;
  if (first?.kind === "create" || first?.kind === "drop" || first?.kind === "reindex") {
    return changeTable(first, tables, nowMs);
  }
  const targets: (readonly [ItemHistory, Effect])[] = [];
  for (const effect of effects) {
    const life = tables.get(effect.table)?.current;
    if (life === undefined) return missingTable();
    const key = keyOf(effect, life);
    if (key === undefined) return wrongKey();
    const history = life.history(key);
    if (targets.some(([other]) => other === history))
      return refusal("ValidationException", "Provided list of item keys contains duplicates");
    if (effect.kind === "insert" && history.newest !== undefined) return refusal("DuplicateItemException");
    if (effect.kind === "updateExisting" && history.newest === undefined)
      return refusal("ConditionalCheckFailedException");
    targets.push([history, effect]);
  }
  const before = targets[0]?.[0].newest;
  const landed: Landed[] = [];
  for (const [position, [history, effect]] of targets.entries()) {
    if (skipped.has(position) || effect.kind === "check") continue;
    landed.push({ history, index: history.commit(nowMs, imageAfter(effect, history.newest)) });
  }
  const after = targets[0]?.[0].newest;
  const bodyFor = (ReturnValues: unknown) =>
    first === undefined ? {} : replyOf(first, before, after, ReturnValues);
  return { status: 200, body: bodyFor(input.ReturnValues), bodyFor, landed, ended: [] };
}

function keyOf(effect: Effect, life: TableLife): string | undefined {
  if (effect.kind === "put" || effect.kind === "insert") return life.keyOf(effect.item);
  return "key" in effect && life.fits(effect.key) ? life.keyOf(effect.key) : undefined;
}

function imageAfter(effect: Effect, before: Image): Image {
  if (effect.kind === "put" || effect.kind === "insert") return effect.item;
  if (effect.kind !== "update" && effect.kind !== "updateExisting") return undefined;
  const after = { ...(before ?? effect.key), ...effect.set };
  return Object.fromEntries(Object.entries(after).filter(([name]) => !effect.remove.includes(name)));
}

/** API_UpdateItem, API_PutItem, API_DeleteItem: ReturnValues. */
function replyOf(effect: Effect, before: Image, after: Image, ReturnValues: unknown): Input {
  const touched = effect.kind === "update" ? [...Object.keys(effect.set), ...effect.remove] : [];
  const attributes = {
    ALL_OLD: before,
    ALL_NEW: after,
    UPDATED_OLD: before && some(before, touched),
    UPDATED_NEW: after && some(after, touched),
  }[String(ReturnValues)];
  return attributes === undefined || Object.keys(attributes).length === 0 ? {} : { Attributes: attributes };
}

function some(image: Item, names: readonly string[]): Item {
  return Object.fromEntries(Object.entries(image).filter(([name]) => names.includes(name)));
}

function changeTable(
  effect: Extract<Effect, { kind: "create" | "drop" | "reindex" }>,
  tables: Tables,
  nowMs: number,
): WriteResult {
  const table = tables.get(effect.table);
  const life = table?.current;
  const done = (ended: readonly TableLife[]): WriteResult => {
    const body = { TableDescription: { TableName: effect.table } };
    return { status: 200, body, bodyFor: () => body, landed: [], ended };
  };
  if (effect.kind === "create") {
    if (table === undefined || life !== undefined) return refusal("ResourceInUseException");
    table.create(effect.shape, effect.globalKey);
    return done([]);
  }
  if (life === undefined) return missingTable();
  if (effect.kind === "reindex") {
    life.globalKey = effect.globalKey;
    return done([]);
  }
  life.deletedAtMs = nowMs;
  return done([life]);
}

/** BatchWriteItem's reply when the requests at these positions were left undone. */
export function unprocessed(input: Input, skipped: ReadonlySet<number>): Input {
  const left: Record<string, unknown[]> = {};
  let position = 0;
  for (const [table, requests] of Object.entries(isObject(input.RequestItems) ? input.RequestItems : {})) {
    for (const request of Array.isArray(requests) ? requests : []) {
      if (skipped.has(position)) left[table] = [...(left[table] ?? []), request];
      position += 1;
    }
  }
  return { UnprocessedItems: left };
}

/** Sorted by this attribute's text. */
export function byText(name: string): (a: Item, b: Item) => number {
  return (a, b) => ((textOf(a, name) ?? "") < (textOf(b, name) ?? "") ? -1 : 1);
}
