/** Replies: upstream's passed on as they came, and our own put together from stored bytes. */

import { crc32 } from "node:zlib";
import { type DynamoDbError, errorNameOf } from "../dynamodb/errors.ts";
import { memberSlices } from "../dynamodb/json-slices.ts";
import type { Input } from "../dynamodb/model.ts";
import type { CacheOutcome, Reason } from "../metrics/outcome.ts";
import type { UpstreamReply } from "../upstream/upstream.ts";
import type { Reply } from "./call.ts";

interface Notes {
  readonly table?: string;
  readonly reason?: Reason | undefined;
  readonly tier?: Reply["tier"];
  readonly items?: Reply["items"];
}

/** Upstream's reply byte for byte. */
export function passedOn(reply: UpstreamReply, outcome: CacheOutcome, notes: Notes = {}): Reply {
  return {
    status: reply.status,
    body: reply.body,
    crc32: reply.crc32,
    requestId: reply.requestId,
    contentType: reply.contentType,
    outcome,
    tier: notes.tier,
    reason: notes.reason,
    items: notes.items,
    table: notes.table ?? "",
    error: reply.status === 200 ? undefined : { name: errorNameOf(reply.body) ?? "", origin: "upstream" },
  };
}

/** A 200 whose body we assembled. Give `crc` where the body is a stored one. */
export function ours(
  body: Uint8Array,
  outcome: CacheOutcome,
  notes: Notes & { readonly crc?: number; readonly requestId?: string | undefined } = {},
): Reply {
  return {
    status: 200,
    body,
    crc32: notes.crc ?? crc32(body),
    requestId: notes.requestId,
    contentType: undefined,
    outcome,
    tier: notes.tier,
    reason: notes.reason,
    items: notes.items,
    table: notes.table ?? "",
    error: undefined,
  };
}

export function refused(error: DynamoDbError, outcome: CacheOutcome, notes: Notes = {}): Reply {
  return {
    ...ours(error.toBody(), outcome, notes),
    status: error.status,
    error: { name: error.name, origin: "proxy" },
  };
}

/** The error's bare name, if the reply is one. */
export function errorOf(reply: { readonly status: number; readonly body: Uint8Array }): string | undefined {
  return reply.status === 200 ? undefined : errorNameOf(reply.body);
}

/** x-dynatier-cache, for example "hit; tier=memory; items=4/10". */
export function cacheHeader(reply: Reply): string {
  let text: string = reply.outcome;
  if (reply.tier !== undefined) text += `; tier=${reply.tier}`;
  if (reply.reason !== undefined) text += `; reason=${reply.reason}`;
  if (reply.items !== undefined) text += `; items=${reply.items.hits}/${reply.items.of}`;
  return text;
}

/** How the client wants ConsumedCapacity reported; "invalid" is for DynamoDB to refuse. */
export type CapacityWish = "NONE" | "TOTAL" | "INDEXES" | "invalid";

export function capacityWish(input: Input): CapacityWish {
  const wish = input.ReturnConsumedCapacity;
  if (wish === undefined) return "NONE";
  return wish === "NONE" || wish === "TOTAL" || wish === "INDEXES" ? wish : "invalid";
}

/**
 * ConsumedCapacity of an answer that cost nothing upstream, in the shape of one that did (API_ConsumedCapacity).
 * @param index the GSI or LSI that was read, for INDEXES
 */
export function zeroCapacity(
  wish: "TOTAL" | "INDEXES",
  TableName: string,
  index?: { readonly kind: "local" | "global"; readonly IndexName: string },
): Record<string, unknown> {
  const capacity: Record<string, unknown> = { TableName, CapacityUnits: 0 };
  if (wish === "TOTAL") return capacity;
  capacity.Table = { CapacityUnits: 0 };
  if (index) {
    const member = index.kind === "global" ? "GlobalSecondaryIndexes" : "LocalSecondaryIndexes";
    capacity[member] = { [index.IndexName]: { CapacityUnits: 0 } };
  }
  return capacity;
}

/** Units in an upstream reply's ConsumedCapacity (an object, or for batches an array), 0 where it has none. */
export function unitsOf(capacity: unknown): number {
  if (Array.isArray(capacity)) return capacity.reduce<number>((sum, one) => sum + unitsOf(one), 0);
  if (typeof capacity !== "object" || capacity === null) return 0;
  const units: unknown = Reflect.get(capacity, "CapacityUnits");
  return typeof units === "number" ? units : 0;
}

/** Units that a reply says were consumed; 0 where the client did not ask, so that DynamoDB does not say. */
export function consumedUnits(input: Input | undefined, body: Uint8Array): number {
  const wish = input === undefined ? "NONE" : capacityWish(input);
  if (wish !== "TOTAL" && wish !== "INDEXES") return 0;
  const slice = memberSlices(body)?.get("ConsumedCapacity");
  return slice === undefined
    ? 0
    : unitsOf(JSON.parse(Buffer.from(body.subarray(slice.start, slice.end)).toString()));
}
