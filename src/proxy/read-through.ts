/**
 * One cacheable read: look up → single flight → upstream → fill → every caller shapes its own answer. GetItem, Query
 * and Scan differ only in the Readable they come with.
 */

import type { CacheEntry, CacheKey, FillOutcome, Lease, Lookup, LookupOptions, Tag } from "../cache/tier.ts";
import type { ResolvedRule } from "../config/table-rules.ts";
import { DynamoDbError } from "../dynamodb/errors.ts";
import type { TableSchema } from "../dynamodb/model.ts";
import type { Reason } from "../metrics/outcome.ts";
import type { UpstreamReply } from "../upstream/upstream.ts";
import type { Call, MaybePromise, Reply } from "./call.ts";
import type { Deps } from "./deps.ts";
import { wireError } from "./failures.ts";
import type { Answer, Loaded } from "./loaded.ts";
import { passedOn, refused } from "./reply.ts";
import { doubtSchema } from "./schema-doubt.ts";

/** One read, as the steps here need to know it. */
export interface Readable {
  readonly kind: "item" | "query" | "scan";
  readonly schema: TableSchema;
  readonly rule: ResolvedRule;
  readonly cacheKey: CacheKey;
  readonly tags: readonly Tag[];
  readonly lookup: LookupOptions;
  /** Whether it is read strongly while something it depends on is unsettled. */
  readonly strongWhenUnsettled: boolean;
  /** The request that goes upstream. */
  requestBody(readConsistently: boolean): Uint8Array;
  /** The entry that upstream's 200 gives, and what it consumed as upstream wrote it. */
  loaded(reply: UpstreamReply, readAtMs: number): Answer;
  /** The answer to this caller from an entry; `capacityText` is what was consumed for this very caller. */
  reply(entry: CacheEntry, how: Answered): Reply;
}

export interface Answered {
  readonly outcome: "hit" | "miss" | "coalesced";
  readonly tier?: "memory" | "redis";
  readonly reason?: Reason | undefined;
  readonly capacityText?: string | undefined;
  readonly requestId?: string | undefined;
}

/** Answers without awaiting anything on an L1 hit. */
export function readThrough(call: Call, read: Readable, deps: Deps): MaybePromise<Reply> {
  const found = deps.cache.lookup(read.cacheKey, read.tags, lookupOptions(call, read.lookup));
  return found instanceof Promise
    ? found.then((f) => answer(call, read, f, deps))
    : answer(call, read, found, deps);
}

function answer(call: Call, read: Readable, found: Lookup, deps: Deps): MaybePromise<Reply> {
  const table = read.schema.TableName;
  if (found.entry !== undefined) {
    if (read.rule.cache === "shadow") {
      deps.recorder.lookup(read.kind, table, "shadow_hit", 1);
      return shadowRead(call, read, deps);
    }
    deps.recorder.lookup(read.kind, table, found.entry.negative ? "negative_hit" : "hit", 1);
    deps.recorder.readUnits(table, 0, found.entry.units);
    return read.reply(found.entry, { outcome: "hit", tier: found.tier });
  }
  if (call.control.onlyIfCached) {
    deps.recorder.lookup(read.kind, table, "miss", 1);
    const error = new DynamoDbError("NotCachedException", "The answer is not in the cache (only-if-cached).");
    return refused(error, "miss", { table });
  }
  return miss(call, read, found.lease, deps);
}

async function miss(call: Call, read: Readable, lease: Lease, deps: Deps): Promise<Reply> {
  const table = read.schema.TableName;
  const { noStore } = call.control;
  const waiter = {
    deadlineAtMs: call.deadlineAtMs,
    signal: call.signal,
    ageMsMax: joinAgeMsMax(call, read, deps),
  };
  try {
    // A caller who wants nothing stored reads alone: those who would join it want their answer stored.
    const { value, leader } = noStore
      ? { value: await load(call, read, lease, call.signal, deps), leader: true }
      : await deps.flights.run(read.cacheKey, lease.stamp, waiter, (signal) =>
          load(call, read, lease, signal, deps),
        );
    deps.recorder.lookup(read.kind, table, leader ? "miss" : "coalesced", 1);
    if (value.answer === undefined) return passedOn(value.reply, "miss", { table, reason: "upstream-error" });
    if (!leader) return read.reply(value.answer.entry, { outcome: "coalesced" });
    return read.reply(value.answer.entry, {
      outcome: "miss",
      reason: missReason(call, value.fill),
      capacityText: value.answer.capacityText,
      requestId: value.requestId,
    });
  } catch (failure) {
    deps.recorder.lookup(read.kind, table, "miss", 1);
    return refused(wireError(failure), "miss", { table, reason: "upstream-error" });
  }
}

/**
 * Reads upstream under a lease, and stores the answer if the rule and the caller allow. Without a lease it reads as the
 * caller asked and stores nothing.
 */
async function load(
  call: Call,
  read: Readable,
  lease: Lease | undefined,
  signal: AbortSignal | undefined,
  deps: Deps,
): Promise<Loaded> {
  const table = read.schema.TableName;
  const readAtMs = deps.clock.nowMs();
  const send = (readConsistently: boolean) =>
    deps.upstream.send({
      target: call.target,
      body: read.requestBody(readConsistently),
      idempotent: true,
      deadlineAtMs: call.deadlineAtMs,
      signal,
    });
  let strong = (lease?.unsettled ?? false) && read.strongWhenUnsettled;
  let reply = await send(strong);
  if (strong) deps.recorder.strongReadForced(table);
  if (strong && isRefusal(reply)) {
    // DynamoDB has no capacity for a strong read: the client gets what it asked for, and nothing is stored.
    strong = false;
    reply = await send(false);
  }
  if (reply.status !== 200) {
    doubtSchema(reply, read.schema, deps);
    return { reply };
  }
  const loaded = read.loaded(reply, readAtMs);
  deps.recorder.readUnits(table, loaded.entry.units, 0);
  if (lease === undefined || call.control.noStore || lifetimeMs(loaded.entry, read.lookup) === 0) {
    return { answer: loaded, requestId: reply.requestId, fill: undefined };
  }
  // What a hit saves is what the caller's own eventually consistent read would have cost: half of a strong one.
  const entry = strong ? { ...loaded.entry, units: loaded.entry.units / 2 } : loaded.entry;
  const fill = await lease.fill(entry, strong);
  deps.recorder.fill(table, fill);
  return { answer: loaded, requestId: reply.requestId, fill };
}

/** A table in shadow mode is always answered from upstream, hit or not. */
async function shadowRead(call: Call, read: Readable, deps: Deps): Promise<Reply> {
  const table = read.schema.TableName;
  try {
    const loaded = await load(call, read, undefined, call.signal, deps);
    if (loaded.answer === undefined)
      return passedOn(loaded.reply, "pass", { table, reason: "upstream-error" });
    const { entry, capacityText } = loaded.answer;
    const reply = read.reply(entry, { outcome: "miss", capacityText, requestId: loaded.requestId });
    return { ...reply, outcome: "pass", reason: "shadow" };
  } catch (failure) {
    return refused(wireError(failure), "pass", { table, reason: "upstream-error" });
  }
}

function lookupOptions(call: Call, options: LookupOptions): LookupOptions {
  const { noCache, ageMsMax } = call.control;
  if (!noCache && ageMsMax === undefined) return options;
  const wished = noCache ? 0 : (ageMsMax ?? 0);
  return {
    ageMsMax: Math.min(options.ageMsMax, wished),
    negativeAgeMsMax: Math.min(options.negativeAgeMsMax, wished),
    settleMs: options.settleMs,
    keepMs: options.keepMs,
    guarded: options.guarded,
  };
}

/** The oldest flight that this call may join: as fresh as an entry must be, and with half of its own patience left. */
function joinAgeMsMax(call: Call, read: Readable, deps: Deps): number {
  const { ageMsMax } = lookupOptions(call, read.lookup);
  return Math.min(ageMsMax, (call.deadlineAtMs - deps.clock.nowMs()) / 2);
}

function lifetimeMs(entry: CacheEntry, options: LookupOptions): number {
  return entry.negative ? options.negativeAgeMsMax : options.ageMsMax;
}

function missReason(call: Call, fill: FillOutcome | undefined): Reason | undefined {
  if (call.control.noCache) return "no-cache";
  if (call.control.noStore) return "no-store";
  const reasons = {
    stored: undefined,
    stale_lease: "stale-lease",
    unsettled: "unsettled",
    too_large: "too-large",
  } as const;
  return fill && reasons[fill];
}

/** Throttled or failed, as against a request that DynamoDB holds to be wrong. */
export function isRefusal(reply: UpstreamReply): boolean {
  return (
    reply.status >= 500 || /Throttl|ProvisionedThroughputExceeded|RequestLimitExceeded/.test(errorText(reply))
  );
}

function errorText(reply: UpstreamReply): string {
  return reply.status === 200 ? "" : Buffer.from(reply.body).toString();
}
