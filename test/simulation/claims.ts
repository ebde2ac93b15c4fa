/** What the reply to a read claims, and the bounds that it is held to. */

import type { ResolvedRule } from "../../src/config/table-rules.ts";
import { type Input, type Item, isObject } from "../../src/dynamodb/model.ts";
import type { Reply } from "../../src/proxy/call.ts";
import { type Around, type Bound, type Claim, itemsOf, member } from "./checker.ts";
import type { Circumstances } from "./circumstances.ts";
import { globalIndex, localIndex, localSort, type TableLife, textOf } from "./model-table.ts";
import type { Ask } from "./workload.ts";

export interface Claimed {
  readonly claim: Claim;
  readonly strong: boolean;
}

/** Everything that this reply to this read claims. */
export function claimsOf({ operation, input }: Ask, body: Input): readonly Claimed[] {
  if (operation === "GetItem")
    return [itemClaim(input, String(input.TableName), itemsOf(body.Item), input.Key)];
  if (operation === "BatchGetItem") return batchClaims(input, body);
  if (operation === "TransactGetItems") {
    const responses = itemsOf(body.Responses);
    return list(input.TransactItems).map((action, at) => {
      const get = member(action, "Get");
      const { Item } = { ...responses[at] };
      return { ...itemClaim(get, String(get.TableName), itemsOf(Item), get.Key), strong: true };
    });
  }
  return [{ claim: pageClaim(operation, input, body), strong: input.ConsistentRead === true }];
}

function itemClaim(words: Input, table: string, items: readonly Item[], Key: unknown): Claimed {
  const key = isObject(Key) ? Key : {};
  const claim: Claim = {
    table,
    items,
    scope: (life) => (life.fits(key) ? [life.history(life.keyOf(key) ?? "")] : undefined),
    belongs: () => true,
    beyond: () => false,
    projection: words.ProjectionExpression,
  };
  return { claim, strong: words.ConsistentRead === true };
}

function batchClaims(input: Input, body: Input): Claimed[] {
  return Object.entries(member(input, "RequestItems")).flatMap(([table, words]) => {
    if (!isObject(words)) return [];
    const left = list(member(member(body, "UnprocessedKeys"), table).Keys).map((key) => JSON.stringify(key));
    const found = itemsOf(member(body, "Responses")[table]);
    return list(words.Keys).flatMap((Key) => {
      if (left.includes(JSON.stringify(Key))) return [];
      const items = found.filter((item) =>
        Object.keys(Key).every((name) => textOf(item, name) === textOf(Key, name)),
      );
      return [itemClaim(words, table, items, Key)];
    });
  });
}

function pageClaim(operation: string, input: Input, body: Input): Claim {
  const { IndexName } = input;
  const [name = ""] = String(input.KeyConditionExpression).split(" ");
  const wanted = textOf(member(input, "ExpressionAttributeValues"), ":p");
  const last = isObject(body.LastEvaluatedKey) ? body.LastEvaluatedKey : undefined;
  return {
    table: String(input.TableName),
    items: itemsOf(body.Items),
    scope: (life) => (fits(operation, input, name, life) ? [...life.items.values()] : undefined),
    belongs: (image, life) => {
      if (IndexName === localIndex && image[localSort] === undefined) return false;
      if (operation === "Scan" && IndexName === globalIndex) return image[life.globalKey ?? ""] !== undefined;
      return operation === "Scan" || textOf(image, name) === wanted;
    },
    // Pages are of the table itself, where one of the two names is the sort key and the other the partition.
    beyond: (image) =>
      last !== undefined &&
      ["pk", "sk"].some((sort) => (textOf(image, sort) ?? "") > (textOf(last, sort) ?? "~")),
    projection: undefined,
  };
}

/** Whether the request means the same in this life. What the GSI is keyed by, the request itself says. */
function fits(operation: string, input: Input, name: string, life: TableLife): boolean {
  if (operation === "Scan" || input.IndexName === globalIndex) return true;
  return name === life.shape.partition;
}

function list(value: unknown): readonly Input[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** The bound for this answer. */
export function boundOf(
  { operation, input, control }: Ask,
  reply: Reply,
  { claim, strong }: Claimed,
  rule: ResolvedRule,
  circumstances: Circumstances,
  around?: Around,
): Bound {
  const { settleMs, indexSettleMs, deadlineMs } = circumstances;
  const isItem = operation === "GetItem" || operation === "BatchGetItem";
  const lagMs = input.IndexName === globalIndex ? indexSettleMs : settleMs;
  const hit = reply.outcome === "hit" || reply.outcome === "negative-hit";
  const shared = reply.outcome === "coalesced";
  const ttlMs = isItem ? rule.itemTtlMs : rule.queryTtlMs;
  const negative = isItem && claim.items.length === 0;
  const lifetimeMs = Math.min(negative && !shared ? rule.negativeTtlMs : ttlMs, wishOf(control));
  // A batch may be part hit, part miss.
  const shadow = rule.cache === "shadow";
  const cached = !shadow && (hit || (operation === "BatchGetItem" && reply.outcome === "miss"));
  const ageMs = cached ? lifetimeMs : shared ? Math.min(lifetimeMs, deadlineMs) : 0;
  const floor = floorOf();
  // What a GSI shows while it may lag is answered and shared, not stored; so are Scans.
  const told = floor === "shown" || floor === "acknowledged" || floor === "indexed";
  const aroundMs = told ? around?.get(claim.table) : undefined;
  return { floor, lagMs, ageMs, shared, refusedAtMs: undefined, aroundMs };

  function floorOf(): Bound["floor"] {
    if (strong) return "strong";
    // A table in shadow mode is answered from upstream, as the client asked.
    if (reply.outcome === "pass" || shadow) return "direct";
    if (isItem) return "shown";
    if (rule.queryCoherence === "ttl") return "direct";
    if (input.IndexName === globalIndex) return hit ? "indexed" : "direct";
    return operation === "Query" || hit ? "acknowledged" : "direct";
  }
}

function wishOf({ noCache, ageMsMax }: Ask["control"]): number {
  return noCache ? 0 : (ageMsMax ?? Number.POSITIVE_INFINITY);
}
