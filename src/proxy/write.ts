/**
 * Every write: lease (which warns other nodes) → upstream → classify the outcome → invalidate, and write through where
 * the rule allows → reply. Which items a write touches and what the client's reply is, its plan says (write-plans.ts).
 */

import { type FillOutcome, type Tag, type WriteLease, WriteNotGuarded } from "../cache/tier.ts";
import { DynamoDbError } from "../dynamodb/errors.ts";
import type { TableSchema } from "../dynamodb/model.ts";
import { applyChange } from "../invalidation/invalidator.ts";
import { everythingTag, schemaTag } from "../invalidation/tags.ts";
import { UpstreamFailure, type UpstreamReply } from "../upstream/upstream.ts";
import type { Call, Reply } from "./call.ts";
import type { Deps } from "./deps.ts";
import { wireError } from "./failures.ts";
import { itemEntry } from "./item-read.ts";
import { keepsImages } from "./learn.ts";
import type { ItemRef } from "./plan.ts";
import { capacityWish, consumedUnits, errorOf, passedOn, refused } from "./reply.ts";
import { doubtSchema } from "./schema-doubt.ts";

/** The item's JSON after the write; "absent" after a delete. */
export type Image = Uint8Array | "absent";

export interface Done {
  readonly tags: readonly Tag[];
  readonly images: readonly (readonly [ItemRef, Image])[];
  /** The client's reply body. */
  readonly body: Uint8Array;
}

export interface WritePlan {
  /** TableName for the metrics; "" for several. */
  readonly table: string;
  /** What goes upstream. */
  readonly body: Uint8Array;
  /** Whether sending it twice does no harm. */
  readonly idempotent: boolean;
  /** Items of which the reply may show the new image. */
  readonly refs: readonly ItemRef[];
  /** The schemas that the plan was made with. */
  readonly schemas: readonly TableSchema[];
  /** Tables named in the request that could not be described. */
  readonly unknownTables: readonly string[];
  /** Everything that the write may have changed, if its outcome stays unknown. */
  readonly touched: readonly Tag[];
  /** What upstream's 200 with this body has changed. */
  done(body: Uint8Array): Done;
}

export async function write(call: Call, plan: WritePlan, deps: Deps): Promise<Reply> {
  let lease: WriteLease;
  try {
    lease = await writeLease(call, plan, deps);
  } catch (failure) {
    if (!(failure instanceof WriteNotGuarded)) throw failure;
    return refused(wireError(failure), "write", { table: plan.table, reason: "not-guarded" });
  }
  const sentAtMs = deps.clock.nowMs();
  let reply: UpstreamReply;
  try {
    // Not aborted when the client leaves: the outcome must be learned.
    const { target, deadlineAtMs } = call;
    reply = await deps.upstream.send({ target, body: plan.body, idempotent: plan.idempotent, deadlineAtMs });
  } catch (failure) {
    if (!(failure instanceof UpstreamFailure) || failure.outcome === "unknown")
      await outcomeUnknown(plan, lease, deps);
    else lease.release();
    return refused(wireError(failure), "write", { table: plan.table, reason: "upstream-error" });
  }
  if (reply.status !== 200) return notDone(call, reply, plan, lease, deps);

  deps.recorder.writeUnits(plan.table, consumedUnits(call.input, reply.body));
  const done = doneOrTouched(plan, reply);
  const tags = [...done.tags, ...schemaChanges(plan, deps)];
  await applyChange({ table: plan.table, source: "write", tags }, lease, deps.recorder);
  for (const [ref, image] of done.images) {
    if (!keepsImages(ref, image === "absent")) continue;
    const entry = itemEntry(image === "absent" ? undefined : image, sentAtMs, 0);
    const outcome: FillOutcome = await lease.store(ref.cacheKey, entry);
    deps.recorder.fill(ref.schema.TableName, outcome);
  }
  return done.body === reply.body
    ? passedOn(reply, "write", { table: plan.table })
    : { ...passedOn(reply, "write", { table: plan.table }), body: done.body, crc32: undefined };
}

function writeLease(call: Call, plan: WritePlan, deps: Deps): WriteLease | Promise<WriteLease> {
  const { refs, schemas, unknownTables } = plan;
  return deps.cache.writeLease({
    tags: [...new Set([...plan.touched, ...unknownTables.map(schemaTag)])],
    images: refs.map(({ cacheKey: key, tags }) => ({ key, tags })),
    keepMs: refs.reduce((ms, { rule }) => Math.max(ms, rule.itemTtlMs, rule.negativeTtlMs), 0),
    // Without a schema nobody can tell whether a stream is followed.
    guarded: schemas.length === 0 || unknownTables.length > 0 || schemas.some(deps.isGuarded),
    landsUntilMs: call.deadlineAtMs + deps.unknownOutcomeMs,
  });
}

/** A reply we cannot read is a success all the same: all that it may have touched has changed. */
function doneOrTouched(plan: WritePlan, reply: UpstreamReply): Done {
  try {
    return plan.done(reply.body);
  } catch (error) {
    if (!(error instanceof DynamoDbError)) throw error;
    return { tags: plan.touched, images: [], body: reply.body };
  }
}

async function notDone(
  call: Call,
  reply: UpstreamReply,
  plan: WritePlan,
  lease: WriteLease,
  deps: Deps,
): Promise<Reply> {
  const error = errorOf(reply);
  // An attempt with the same token is still under way, or its reply was lost: whether it succeeds is not known yet.
  if (
    reply.status >= 500 ||
    reply.earlierUnknown ||
    error === undefined ||
    error === "TransactionInProgressException"
  ) {
    await outcomeUnknown(plan, lease, deps);
  } else {
    for (const schema of plan.schemas) doubtSchema(reply, schema, deps);
    if (mayBeDone(call)) {
      const tags = [...plan.touched, ...schemaChanges(plan, deps)];
      await applyChange({ table: plan.table, source: "write", tags }, lease, deps.recorder);
    } else lease.release();
  }
  return passedOn(reply, "write", { table: plan.table });
}

/**
 * What DynamoDB Local carries out and then refuses (test/wire/regressions.test.ts): statements of a batch that is
 * refused as a whole, and writes whose capacity it cannot report.
 */
function mayBeDone({ operation, input }: Call): boolean {
  return operation === "BatchExecuteStatement" || (input !== undefined && capacityWish(input) === "invalid");
}

/**
 * The write may have landed, or may land yet: nothing is stored until it no longer can, and then read strongly. Afterwards
 * the tables are looked at again, because another thread may learn in between that one has changed. It says so first and
 * then asks how long a lost write may land (applyTableChange); here the wait begins first and then the tables are
 * looked at: whichever order the four steps come in, one of the two sees the other. (1 the tables are looked at here: no
 * change · 2 another thread learns of an index, sees no write that may land, and stores a query of it · 3 the wait
 * begins here, without the index' tags · 4 the write lands.)
 */
async function outcomeUnknown(plan: WritePlan, lease: WriteLease, deps: Deps): Promise<void> {
  const { table } = plan;
  const { unknownOutcomeMs: pendingForMs, recorder } = deps;
  const tags = [...plan.touched, ...schemaChanges(plan, deps)];
  await applyChange({ table, source: "unknown_outcome", tags, pendingForMs }, lease, recorder);
  const late = schemaChanges(plan, deps).filter((tag) => !tags.includes(tag));
  if (late.length === 0) return;
  await applyChange({ table, source: "unknown_outcome", tags: late, pendingForMs }, deps.cache, recorder);
}

/**
 * What must be dropped because the plan did not know the table as it is known now: an index that was created while the
 * write was under way has tags which the plan does not name. A table that is not known any more may come back changed.
 * That holds for what other threads know as well: before any of them uses a changed table, its description is no
 * longer current here (upstream/table-versions.ts). One that learns of the change only after this look has not read yet.
 */
function schemaChanges(plan: WritePlan, deps: Deps): Tag[] {
  const known = deps.schemas.known();
  const changed = plan.schemas.filter(
    ({ tableId, fingerprint }) => known.find((now) => now.tableId === tableId)?.fingerprint !== fingerprint,
  );
  return [...changed.map(({ tableId }) => schemaTag(tableId)), ...plan.unknownTables.map(schemaTag)];
}

/** A write that we cannot read at all: if it succeeds, everything may have changed. */
export function opaqueWrite(call: Call): WritePlan {
  const tags = [everythingTag];
  return {
    table: "",
    body: call.body,
    idempotent: false,
    refs: [],
    schemas: [],
    unknownTables: [],
    touched: tags,
    done: (body) => ({ tags, images: [], body }),
  };
}
