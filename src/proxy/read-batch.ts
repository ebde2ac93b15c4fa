/**
 * BatchGetItem: each key has its own look-up and lease; only the misses go upstream, in one batch, and in a second
 * one those that must be read strongly (ConsistentRead is set for a whole table).
 */

import type { Lookup } from "../cache/tier.ts";
import { DynamoDbError } from "../dynamodb/errors.ts";
import { toBytes } from "../dynamodb/json-codec.ts";
import type { Input } from "../dynamodb/model.ts";
import type { UpstreamReply } from "../upstream/upstream.ts";
import { type BatchAnswer, readBatchReply } from "./batch-answer.ts";
import { batchBody } from "./batch-body.ts";
import type { BatchKey, BatchPart, BatchPlan, Wanted } from "./batch-plan.ts";
import { type Call, type MaybePromise, type Reply, together } from "./call.ts";
import type { Deps } from "./deps.ts";
import { wireError } from "./failures.ts";
import { itemEntry } from "./item-read.ts";
import { learn, type Seen, type Sight, sight } from "./learn.ts";
import { itemLookup } from "./plan.ts";
import { isRefusal } from "./read-through.ts";
import { ours, passedOn, refused } from "./reply.ts";
import { doubtSchema } from "./schema-doubt.ts";

/** Answers without awaiting anything where all look-ups answer at once and hit. */
export function readBatch(call: Call, plan: BatchPlan, deps: Deps): MaybePromise<Reply> {
  const tallies = plan.parts.map((part) => new Tally(part));
  const wanted = together(tallies.flatMap((tally) => lookups(call, tally, deps)));
  const found = (all: readonly Wanted[]): MaybePromise<Reply> => {
    for (const tally of tallies) tally.record(deps);
    return answer(call, plan, all, deps);
  };
  return wanted instanceof Promise ? wanted.then(found) : found(wanted);
}

const results = ["hit", "negative_hit", "miss", "shadow_hit"] as const;

/** How the look-ups of one table went; told once for all of its keys. */
class Tally {
  readonly part: BatchPart;
  readonly counts = { hit: 0, negative_hit: 0, miss: 0, shadow_hit: 0 };
  savedUnits = 0;

  constructor(part: BatchPart) {
    this.part = part;
  }

  record({ recorder }: Deps): void {
    const table = this.part.schema.TableName;
    for (const result of results) {
      const count = this.counts[result];
      if (count > 0) recorder.lookup("item", table, result, count);
    }
    if (this.savedUnits > 0) recorder.readUnits(table, 0, this.savedUnits);
  }
}

function answer(call: Call, plan: BatchPlan, wanted: readonly Wanted[], deps: Deps): MaybePromise<Reply> {
  let hits = 0;
  let cached = 0;
  let tier: Wanted["tier"];
  for (const one of wanted) {
    if (one.entry !== undefined) hits += 1;
    if (one.part.mode === "cached") cached += 1;
    // The farther one, if both had some.
    if (tier !== "redis") tier = one.tier ?? tier;
  }
  const [only] = plan.parts;
  const table = plan.parts.length === 1 && only ? only.schema.TableName : "";
  const items = { hits, of: plan.keyCount };
  if (hits === wanted.length) return ours(batchBody(plan, wanted, []), "hit", { table, tier, items });
  const missing = wanted.filter((one) => one.entry === undefined);
  const outcome = cached === 0 ? "pass" : "miss";
  if (call.control.onlyIfCached) {
    const error = new DynamoDbError(
      "NotCachedException",
      `${hits} of ${plan.keyCount} items are in the cache.`,
    );
    return refused(error, "miss", { table, items });
  }
  const reason = cached === 0 ? passReason(plan) : undefined;
  return fetchMissing(call, plan, wanted, missing, { outcome, table, tier, items, reason }, deps);
}

interface BatchNotes {
  readonly outcome: "pass" | "miss";
  readonly table: string;
  readonly tier: Wanted["tier"];
  readonly items: { readonly hits: number; readonly of: number };
  readonly reason: ReturnType<typeof passReason> | undefined;
}

async function fetchMissing(
  call: Call,
  plan: BatchPlan,
  wanted: readonly Wanted[],
  missing: readonly Wanted[],
  notes: BatchNotes,
  deps: Deps,
): Promise<Reply> {
  const { outcome, table, items } = notes;
  try {
    const isStrong = ({ part, lease }: Wanted) => part.mode === "cached" && lease?.unsettled === true;
    const strong = missing.filter(isStrong);
    const plain = missing.filter((one) => !isStrong(one));
    const answers = await Promise.all([
      ...(plain.length > 0 ? [fetchPlain(call, plan, plain, deps)] : []),
      ...(strong.length > 0 ? [fetchStrong(call, plan, strong, deps)] : []),
    ]);
    const failed = answers.find((one) => one instanceof BatchFailed);
    if (failed instanceof BatchFailed)
      return passedOn(failed.reply, outcome, { table, items, reason: "upstream-error" });
    const body = batchBody(
      plan,
      wanted,
      answers.filter((one): one is BatchAnswer => !(one instanceof BatchFailed)),
    );
    return ours(body, outcome, notes);
  } catch (failure) {
    return refused(wireError(failure), outcome, { table, items, reason: "upstream-error" });
  }
}

class BatchFailed {
  readonly reply: UpstreamReply;
  constructor(reply: UpstreamReply) {
    this.reply = reply;
  }
}

/** Every key of one table looked up, or what is done with it instead. */
function lookups(call: Call, tally: Tally, deps: Deps): MaybePromise<Wanted>[] {
  const { part } = tally;
  const { mode, keys, rule, schema } = part;
  if (mode === "strong") return keys.map((key) => ({ ...wantedOf(key, part), sight: sight(key.ref, deps) }));
  if (mode === "direct") return keys.map((key) => wantedOf(key, part));
  const { noCache, ageMsMax } = call.control;
  const wish = noCache ? 0 : (ageMsMax ?? Number.POSITIVE_INFINITY);
  const gate = Math.min(wish, deps.freshness.ageMsMax(schema.tableId));
  const options = itemLookup(rule, gate, deps.isGuarded(schema));
  return keys.map((key) => {
    const found = deps.cache.lookup(key.ref.cacheKey, key.ref.tags, options);
    return found instanceof Promise
      ? found.then((one) => looked(key, tally, one))
      : looked(key, tally, found);
  });
}

function wantedOf({ Key, ref }: BatchKey, part: BatchPart): Wanted {
  return { Key, ref, part, entry: undefined, tier: undefined, lease: undefined, sight: undefined };
}

function looked(key: BatchKey, tally: Tally, found: Lookup): Wanted {
  const { Key, ref } = key;
  const { part, counts } = tally;
  if (found.entry === undefined) {
    counts.miss += 1;
    return { Key, ref, part, entry: undefined, tier: undefined, lease: found.lease, sight: undefined };
  }
  const { entry, tier } = found;
  if (part.rule.cache === "shadow") {
    counts.shadow_hit += 1;
    return wantedOf(key, part);
  }
  if (entry.negative) counts.negative_hit += 1;
  else counts.hit += 1;
  tally.savedUnits += entry.units;
  return { Key, ref, part, entry, tier, lease: undefined, sight: undefined };
}

/** Settled misses, and the tables that are not cached or that the client reads strongly, in its own words. */
async function fetchPlain(
  call: Call,
  plan: BatchPlan,
  keys: readonly Wanted[],
  deps: Deps,
): Promise<BatchAnswer | BatchFailed> {
  const readAtMs = deps.clock.nowMs();
  const reply = await send(call, plan, keys, false, deps);
  if (reply.status !== 200) return failed(reply, plan, deps);
  const answer = readBatchReply(reply.body, keys);
  await fill(call, keys, answer, readAtMs, false, deps);
  await learn(seen(keys, answer), readAtMs, deps);
  return answer;
}

async function fetchStrong(
  call: Call,
  plan: BatchPlan,
  keys: readonly Wanted[],
  deps: Deps,
): Promise<BatchAnswer | BatchFailed> {
  const readAtMs = deps.clock.nowMs();
  for (const { part } of keys) deps.recorder.strongReadForced(part.schema.TableName);
  let reply = await send(call, plan, keys, true, deps);
  const strong = !isRefusal(reply);
  if (!strong) reply = await send(call, plan, keys, false, deps);
  if (reply.status !== 200) return failed(reply, plan, deps);
  const answer = readBatchReply(reply.body, keys);
  await fill(call, keys, answer, readAtMs, strong, deps);
  return answer;
}

function failed(reply: UpstreamReply, plan: BatchPlan, deps: Deps): BatchFailed {
  for (const { schema } of plan.parts) doubtSchema(reply, schema, deps);
  return new BatchFailed(reply);
}

function send(
  call: Call,
  plan: BatchPlan,
  keys: readonly Wanted[],
  strong: boolean,
  deps: Deps,
): Promise<UpstreamReply> {
  const RequestItems: Record<string, Input> = Object.create(null);
  for (const part of plan.parts) {
    const Keys = keys.filter((one) => one.part === part).map((one) => one.Key);
    if (Keys.length === 0) continue;
    const words = part.mode === "cached" ? (strong ? { ConsistentRead: true } : {}) : part.request;
    RequestItems[part.reference] = { ...words, Keys };
  }
  const ReturnConsumedCapacity = plan.capacity === "INDEXES" ? "INDEXES" : "TOTAL";
  return deps.upstream.send({
    target: call.target,
    body: toBytes({ RequestItems, ReturnConsumedCapacity }),
    idempotent: true,
    deadlineAtMs: call.deadlineAtMs,
    signal: call.signal,
  });
}

/** Stores each item, or that there is none, under the lease of its own key. */
async function fill(
  call: Call,
  keys: readonly Wanted[],
  answer: BatchAnswer,
  readAtMs: number,
  readConsistently: boolean,
  deps: Deps,
): Promise<void> {
  for (const { part, ref, lease } of keys) {
    if (part.mode !== "cached") continue;
    const item = answer.items.get(ref.cacheKey);
    const units = answer.unitsPerKey.get(part) ?? 0;
    deps.recorder.readUnits(part.schema.TableName, units, 0);
    if (lease === undefined || call.control.noStore || answer.unprocessed.has(ref.cacheKey)) continue;
    if (item === undefined && part.rule.negativeTtlMs === 0) continue;
    deps.recorder.fill(
      part.schema.TableName,
      await lease.fill(itemEntry(item, readAtMs, readConsistently ? units / 2 : units), readConsistently),
    );
  }
}

function seen(keys: readonly Wanted[], answer: BatchAnswer): (readonly [Sight, Seen])[] {
  return keys.flatMap((one): (readonly [Sight, Seen])[] => {
    if (one.sight === undefined || answer.unprocessed.has(one.ref.cacheKey)) return [];
    if (one.part.projection !== "whole") return [[one.sight, "partly"]];
    return [[one.sight, answer.items.get(one.ref.cacheKey) ?? "absent"]];
  });
}

function passReason(plan: BatchPlan): "consistent-read" | "table-off" | "ttl-zero" | "bypass-rule" {
  if (plan.parts.some((part) => part.mode === "strong")) return "consistent-read";
  const rules = plan.parts.map(({ rule }) => rule);
  if (rules.some(({ cache }) => cache === "off")) return "table-off";
  return rules.some(({ itemTtlMs }) => itemTtlMs === 0) ? "ttl-zero" : "bypass-rule";
}
