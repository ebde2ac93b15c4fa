/** Mutants of the write path. They sit around the upstream, where they see a write go and its reply come. */

import type { MemoryTier } from "../../src/cache/memory-tier.ts";
import type { CacheTier, ImageLease, Tag } from "../../src/cache/tier.ts";
import { itemKey } from "../../src/dynamodb/canonical-key.ts";
import { parseReply, toBytes } from "../../src/dynamodb/json-codec.ts";
import { withoutMember } from "../../src/dynamodb/json-slices.ts";
import { type Input, isObject } from "../../src/dynamodb/model.ts";
import { type Call, noWishes } from "../../src/proxy/call.ts";
import { itemEntry } from "../../src/proxy/item-read.ts";
import { type ItemRef, itemRef } from "../../src/proxy/plan.ts";
import type { WritePlan } from "../../src/proxy/write.ts";
import { planBatchWrite, planTransactWrite, type Tables } from "../../src/proxy/write-batch.ts";
import {
  planDeleteItem,
  planPutItem,
  planUpdateItem,
  type SinglePlanner,
} from "../../src/proxy/write-single.ts";
import type { Upstream, UpstreamReply, UpstreamRequest } from "../../src/upstream/upstream.ts";
import { FaultyTier } from "./faulty-tier.ts";
import type { Mutant, Parts } from "./mutant.ts";

abstract class FaultyUpstream implements Upstream {
  protected readonly real: Upstream;

  constructor(real: Upstream) {
    this.real = real;
  }

  abstract send(request: UpstreamRequest): Promise<UpstreamReply>;

  close(): Promise<void> {
    return this.real.close();
  }
}

function operationOf(request: UpstreamRequest): string {
  return request.target.slice(request.target.indexOf(".") + 1);
}

const singlePlanners: Readonly<Record<string, SinglePlanner>> = {
  PutItem: planPutItem,
  UpdateItem: planUpdateItem,
  DeleteItem: planDeleteItem,
};

/** Invalidates what a write may change when it is sent, and not when it is answered. */
export class BumpBeforeOnly extends FaultyUpstream {
  readonly #cache: CacheTier;
  readonly #parts: Parts;

  constructor(real: Upstream, cache: CacheTier, parts: Parts) {
    super(real);
    this.#cache = cache;
    this.#parts = parts;
  }

  async send(request: UpstreamRequest): Promise<UpstreamReply> {
    const plan = this.#plan(operationOf(request), request.body);
    if (plan !== undefined) await this.#cache.invalidate(plan.touched);
    return this.real.send(request);
  }

  #plan(operation: string, body: Uint8Array): WritePlan | undefined {
    const input = parseReply(body);
    const call: Call = {
      ...{ target: "", operation, body, input },
      deadlineAtMs: 0,
      signal: undefined,
      control: noWishes,
    };
    const tables = tablesOf(this.#parts);
    if (operation === "BatchWriteItem") return planBatchWrite(call, input, tables);
    if (operation === "TransactWriteItems") return planTransactWrite(call, input, tables);
    const table = tables.get(String(input.TableName));
    return table && singlePlanners[operation]?.(call, input, table.schema, table.rule);
  }
}

function tablesOf({ schemas, rule }: Parts): Tables {
  return new Map(
    schemas()
      .known()
      .map((schema) => [schema.TableName, { schema, rule }]),
  );
}

interface Promised {
  readonly ref: ItemRef;
  readonly lease: ImageLease;
  readonly item: Input;
  readonly sentAtMs: number;
  answered: boolean;
}

/** Stores what a transaction puts, as if its success always meant that it has just been done. */
export class StoreTransactions extends FaultyTier {
  readonly #promised: Promised[] = [];

  static parts(): Pick<Mutant, "cache" | "upstream"> {
    return {
      cache: (real: MemoryTier) => new StoreTransactions(real),
      upstream: (real, cache, parts) => ({
        send: (request) =>
          cache instanceof StoreTransactions ? cache.watch(real, request, parts) : real.send(request),
        close: () => real.close(),
      }),
    };
  }

  async watch(real: Upstream, request: UpstreamRequest, parts: Parts): Promise<UpstreamReply> {
    if (operationOf(request) !== "TransactWriteItems") return real.send(request);
    const actions = parseReply(request.body).TransactItems;
    const promised = (Array.isArray(actions) ? actions : []).flatMap((action): Promised[] => {
      const put: unknown = isObject(action) ? action.Put : undefined;
      const table = isObject(put) ? tablesOf(parts).get(String(put.TableName)) : undefined;
      if (!isObject(put) || !isObject(put.Item) || table === undefined) return [];
      const item = put.Item;
      const canonical = itemKey(item, table.schema);
      const ref = canonical === undefined ? undefined : itemRef(canonical, table.schema, table.rule);
      if (ref === undefined) return [];
      return [
        {
          ref,
          lease: this.imageLease(ref.cacheKey, ref.tags),
          item,
          sentAtMs: parts.clock.nowMs(),
          answered: false,
        },
      ];
    });
    const reply = await real.send(request);
    for (const one of promised) one.answered = reply.status === 200;
    this.#promised.push(...promised);
    return reply;
  }

  override invalidate(tags: readonly Tag[], pendingForMs = 0): void {
    super.invalidate(tags, pendingForMs);
    for (const { ref, lease, item, sentAtMs, answered } of this.#promised.splice(0)) {
      if (answered && tags.includes(ref.itemTag)) lease.store(itemEntry(toBytes(item), sentAtMs, 0), tags);
    }
  }
}

/**
 * Takes an item that was replaced or deleted for one that was not there: its old index partition is not told.
 */
export class ForgetOldImage extends FaultyUpstream {
  readonly #parts: Parts;

  constructor(real: Upstream, parts: Parts) {
    super(real);
    this.#parts = parts;
  }

  async send(request: UpstreamRequest): Promise<UpstreamReply> {
    const reply = await this.real.send(request);
    const operation = operationOf(request);
    const replaces = operation === "PutItem" || operation === "DeleteItem";
    // What the client asked for itself has to stay: a reply that lacks it is another fault than this one.
    if (!replaces || this.#parts.wish(operation, parseReply(request.body)) === "ALL_OLD") return reply;
    return { ...reply, body: withoutMember(reply.body, "Attributes") };
  }
}
