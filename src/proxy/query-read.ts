/** Query and Scan: an entry is one page as DynamoDB sent it, without what it consumed. */

import { crc32 } from "node:zlib";
import type { CacheEntry, CacheKey, LookupOptions, Tag } from "../cache/tier.ts";
import type { ResolvedRule } from "../config/table-rules.ts";
import { toBytes } from "../dynamodb/json-codec.ts";
import { memberSlices, withMember, withoutMember } from "../dynamodb/json-slices.ts";
import type { Input, TableSchema } from "../dynamodb/model.ts";
import type { UpstreamReply } from "../upstream/upstream.ts";
import { ownBytes } from "../util/own-bytes.ts";
import type { Reply } from "./call.ts";
import type { Answer } from "./loaded.ts";
import type { QueryPlan } from "./plan.ts";
import type { Answered, Readable } from "./read-through.ts";
import { ours, unitsOf, zeroCapacity } from "./reply.ts";

/** One Query or Scan. A class, so that a hit makes no closures. */
export class QueryReadable implements Readable {
  readonly kind: "query" | "scan";
  readonly schema: TableSchema;
  readonly rule: ResolvedRule;
  readonly cacheKey: CacheKey;
  readonly tags: readonly Tag[];
  readonly lookup: LookupOptions;
  readonly strongWhenUnsettled: boolean;
  readonly #input: Input;
  readonly #plan: QueryPlan;

  /**
   * @param input the client's request, which `plan` was made from
   * @param ageMsMaxOfTable the table's freshness gate
   * @param guarded Deps.isGuarded
   */
  constructor(input: Input, plan: QueryPlan, ageMsMaxOfTable: number, guarded: boolean) {
    const { rule, settleMs } = plan;
    const ageMsMax = Math.min(rule.queryTtlMs, ageMsMaxOfTable);
    this.kind = plan.kind;
    this.schema = plan.schema;
    this.rule = rule;
    this.cacheKey = plan.cacheKey;
    this.tags = plan.tags;
    this.lookup = { ageMsMax, negativeAgeMsMax: ageMsMax, settleMs, keepMs: rule.queryTtlMs, guarded };
    this.strongWhenUnsettled = plan.strongWhenUnsettled;
    this.#input = input;
    this.#plan = plan;
  }

  requestBody(readConsistently: boolean): Uint8Array {
    return toBytes({
      ...this.#input,
      ...(readConsistently && { ConsistentRead: true }),
      ReturnConsumedCapacity: this.#plan.capacity === "INDEXES" ? "INDEXES" : "TOTAL",
    });
  }

  loaded(reply: UpstreamReply, readAtMs: number): Answer {
    return loadedPage(reply, readAtMs);
  }

  reply(entry: CacheEntry, how: Answered): Reply {
    return pageReply(this.#input, this.#plan, entry, how);
  }
}

function loadedPage(reply: UpstreamReply, readAtMs: number): Answer {
  const capacity = memberSlices(reply.body)?.get("ConsumedCapacity");
  const capacityText = capacity && Buffer.from(reply.body.subarray(capacity.start, capacity.end)).toString();
  const units = capacityText === undefined ? 0 : unitsOf(JSON.parse(capacityText));
  const body = ownBytes(withoutMember(reply.body, "ConsumedCapacity"));
  return { entry: { body, crc32: crc32(body), readAtMs, units, negative: false }, capacityText };
}

function pageReply(input: Input, plan: QueryPlan, entry: CacheEntry, how: Answered): Reply {
  const { outcome, tier, reason, requestId } = how;
  const table = plan.schema.TableName;
  if (plan.capacity === "NONE" || plan.capacity === "invalid")
    return ours(entry.body, outcome, { table, tier, reason, requestId, crc: entry.crc32 });
  const text =
    how.capacityText ?? JSON.stringify(zeroCapacity(plan.capacity, String(input.TableName), plan.index));
  const body = withMember(entry.body, "ConsumedCapacity", text);
  return ours(body, outcome, { table, tier, reason, requestId });
}
