/** Query and Scan: an entry is one page as DynamoDB sent it, without what it consumed. */

import { crc32 } from "node:zlib";
import type { CacheEntry } from "../cache/tier.ts";
import { toBytes } from "../dynamodb/json-codec.ts";
import { memberSlices, withMember, withoutMember } from "../dynamodb/json-slices.ts";
import type { Input } from "../dynamodb/model.ts";
import type { UpstreamReply } from "../upstream/upstream.ts";
import { ownBytes } from "../util/own-bytes.ts";
import type { Reply } from "./call.ts";
import type { Answer } from "./loaded.ts";
import type { QueryPlan } from "./plan.ts";
import type { Answered, Readable } from "./read-through.ts";
import { ours, unitsOf, zeroCapacity } from "./reply.ts";

/** @param ageMsMaxOfTable the table's freshness gate */
export function queryReadable(input: Input, plan: QueryPlan, ageMsMaxOfTable: number): Readable {
  const ageMsMax = Math.min(plan.rule.queryTtlMs, ageMsMaxOfTable);
  return {
    kind: plan.kind,
    schema: plan.schema,
    rule: plan.rule,
    cacheKey: plan.cacheKey,
    tags: plan.tags,
    lookup: { ageMsMax, negativeAgeMsMax: ageMsMax, settleMs: plan.settleMs, keepMs: plan.rule.queryTtlMs },
    strongWhenUnsettled: plan.strongWhenUnsettled,
    requestBody: (readConsistently) =>
      toBytes({
        ...input,
        ...(readConsistently && { ConsistentRead: true }),
        ReturnConsumedCapacity: plan.capacity === "INDEXES" ? "INDEXES" : "TOTAL",
      }),
    loaded: loadedPage,
    reply: (entry, how) => pageReply(input, plan, entry, how),
  };
}

function loadedPage(reply: UpstreamReply, readAtMs: number): Answer {
  const capacity = memberSlices(reply.body)?.get("ConsumedCapacity");
  const capacityText = capacity && Buffer.from(reply.body.subarray(capacity.start, capacity.end)).toString();
  const units = capacityText === undefined ? 0 : unitsOf(JSON.parse(capacityText));
  const body = ownBytes(withoutMember(reply.body, "ConsumedCapacity"));
  return { entry: { body, crc32: crc32(body), readAtMs, units, negative: false }, capacityText };
}

function pageReply(input: Input, plan: QueryPlan, entry: CacheEntry, how: Answered): Reply {
  const notes = {
    table: plan.schema.TableName,
    tier: how.tier,
    reason: how.reason,
    requestId: how.requestId,
  };
  if (plan.capacity === "NONE" || plan.capacity === "invalid")
    return ours(entry.body, how.outcome, { ...notes, crc: entry.crc32 });
  const text =
    how.capacityText ?? JSON.stringify(zeroCapacity(plan.capacity, String(input.TableName), plan.index));
  return ours(withMember(entry.body, "ConsumedCapacity", text), how.outcome, notes);
}
