/**
 * The way of every call, read this first: the operation table says what it is; reads are planned and looked up, writes
 * are sent and applied, everything else passes. Handlers answer synchronously where they can: an L1 hit awaits nothing.
 */

import { DynamoDbError } from "../dynamodb/errors.ts";
import { hasDuplicateMembers } from "../dynamodb/json-codec.ts";
import type { Input, TableSchema } from "../dynamodb/model.ts";
import { applyChange } from "../invalidation/invalidator.ts";
import { schemaTag } from "../invalidation/tags.ts";
import type { Reason } from "../metrics/outcome.ts";
import { UpstreamFailure } from "../upstream/upstream.ts";
import { planBatchGet } from "./batch-plan.ts";
import { bypasses } from "./bypass.ts";
import { type Call, type MaybePromise, type Reply, together } from "./call.ts";
import type { Deps } from "./deps.ts";
import { wireError } from "./failures.ts";
import { ItemReadable } from "./item-read.ts";
import { type OperationClass, type OperationRow, operations } from "./operations.ts";
import { planGetItem, planQuery } from "./plan.ts";
import { QueryReadable } from "./query-read.ts";
import { readBatch } from "./read-batch.ts";
import { readThrough } from "./read-through.ts";
import { consumedUnits, passedOn, refused } from "./reply.ts";
import { strongGet, transactGet } from "./strong-read.ts";
import { opaqueWrite, type WritePlan, write } from "./write.ts";
import { planBatchWrite, planTransactWrite, type Tables } from "./write-batch.ts";
import { effectsOf, isPartiQl, planPartiQl, writtenTables } from "./write-partiql.ts";
import { planDeleteItem, planPutItem, planUpdateItem, type SinglePlanner } from "./write-single.ts";

type Handler = (call: Call, input: Input, row: OperationRow, deps: Deps) => MaybePromise<Reply>;

const handlers: Readonly<Record<OperationClass, Handler>> = {
  "item-read": readItem,
  "query-read": readQuery,
  "batch-read": readItems,
  "transact-read": readTransaction,
  write: writeItems,
  schema: changeSchema,
  pass: (call, _input, _row, deps) => pass(call, deps, "operation"),
};

/** Answers one call. Never rejects but for a bug. */
export function handle(call: Call, deps: Deps): MaybePromise<Reply> {
  const row = operations.get(call.operation);
  if (row === undefined) {
    return refused(
      new DynamoDbError("UnknownOperationException", `${call.target} is no operation of DynamoDB.`),
      "pass",
    );
  }
  if (row.class === "pass") return pass(call, deps, "operation");
  const complaint = row.class === "write" || row.class === "schema" ? ambiguity(call) : undefined;
  if (complaint !== undefined) return refused(new DynamoDbError("SerializationException", complaint), "pass");
  // A read that is no JSON object is for DynamoDB to refuse in its own words.
  if (call.input === undefined) return pass(call, deps, "unproven-request");
  return handlers[row.class](call, call.input, row, deps);
}

/**
 * Why this change is not sent: a parser upstream may read it otherwise than we do (it may take a byte order mark, text
 * after the object, the first of two members), and then what it changed would stay in the cache.
 */
function ambiguity(call: Call): string | undefined {
  if (call.input === undefined) return "The request is not one JSON object in UTF-8.";
  if (!hasDuplicateMembers(Buffer.from(call.body).toString())) return undefined;
  return "The request names a member of a JSON object twice.";
}

function readItem(call: Call, input: Input, _row: OperationRow, deps: Deps): MaybePromise<Reply> {
  return withTable(call, input, deps, readItemOf);
}

function readItemOf(call: Call, input: Input, schema: TableSchema, deps: Deps): MaybePromise<Reply> {
  const rule = deps.ruleFor(schema.TableName);
  if (rule.cache === "off") return pass(call, deps, "table-off", schema.TableName);
  if (rule.itemTtlMs === 0) return pass(call, deps, "ttl-zero", schema.TableName);
  if (input.ConsistentRead === true) return strongGet(call, input, schema, rule, deps);
  if (bypasses(input, rule)) return pass(call, deps, "bypass-rule", schema.TableName);
  const ageMsMax = deps.freshness.ageMsMax(schema.tableId);
  if (ageMsMax === 0) return pass(call, deps, "not-fresh", schema.TableName);
  const plan = planGetItem(input, schema, rule);
  if (plan === undefined) return pass(call, deps, "unproven-request", schema.TableName, schema);
  return readThrough(call, new ItemReadable(input, plan, ageMsMax, deps.isGuarded(schema)), deps);
}

function readQuery(call: Call, input: Input, _row: OperationRow, deps: Deps): MaybePromise<Reply> {
  return withTable(call, input, deps, readQueryOf);
}

function readQueryOf(call: Call, input: Input, schema: TableSchema, deps: Deps): MaybePromise<Reply> {
  const rule = deps.ruleFor(schema.TableName);
  if (rule.cache === "off") return pass(call, deps, "table-off", schema.TableName);
  if (rule.queryTtlMs === 0) return pass(call, deps, "ttl-zero", schema.TableName);
  if (input.ConsistentRead === true) return pass(call, deps, "consistent-read", schema.TableName);
  if (bypasses(input, rule)) return pass(call, deps, "bypass-rule", schema.TableName);
  const ageMsMax = deps.freshness.ageMsMax(schema.tableId);
  if (ageMsMax === 0) return pass(call, deps, "not-fresh", schema.TableName);
  const plan = planQuery(call.operation === "Scan" ? "Scan" : "Query", input, schema, rule);
  if (plan === undefined) return pass(call, deps, "unproven-request", schema.TableName, schema);
  return readThrough(call, new QueryReadable(input, plan, ageMsMax, deps.isGuarded(schema)), deps);
}

function readItems(call: Call, input: Input, row: OperationRow, deps: Deps): MaybePromise<Reply> {
  const tables = tablesOf(row.tables(input), call, deps);
  const read = (known: Tables): MaybePromise<Reply> => {
    const plan = planBatchGet(input, known);
    return plan === undefined ? pass(call, deps, "unproven-request") : readBatch(call, plan, deps);
  };
  return tables instanceof Promise ? tables.then(read) : read(tables);
}

async function readTransaction(call: Call, input: Input, row: OperationRow, deps: Deps): Promise<Reply> {
  return transactGet(call, input, await tablesOf(row.tables(input), call, deps), deps);
}

const singlePlanners: Readonly<Record<string, SinglePlanner>> = {
  PutItem: planPutItem,
  UpdateItem: planUpdateItem,
  DeleteItem: planDeleteItem,
};

async function writeItems(call: Call, input: Input, row: OperationRow, deps: Deps): Promise<Reply> {
  if (isPartiQl(call.operation)) return executeStatements(call, input, deps);
  const tables = await tablesOf(row.tables(input), call, deps);
  return write(call, planWrite(call, input, tables), deps);
}

function planWrite(call: Call, input: Input, tables: Tables): WritePlan {
  if (call.operation === "BatchWriteItem") return planBatchWrite(call, input, tables);
  if (call.operation === "TransactWriteItems") return planTransactWrite(call, input, tables);
  const planner = singlePlanners[call.operation];
  const [[reference, table] = []] = tables;
  if (planner !== undefined && table !== undefined) return planner(call, input, table.schema, table.rule);
  return {
    ...opaqueWrite(call),
    ...(reference !== undefined && { touched: [], unknownTables: [reference], done: nothingKnown }),
  };
}

/** A table that cannot be described is not cached under the name it was written by. */
const nothingKnown = (body: Uint8Array) => ({ tags: [], images: [], body });

async function executeStatements(call: Call, input: Input, deps: Deps): Promise<Reply> {
  const effects = effectsOf(call.operation, input);
  if (effects.every((effect) => effect?.kind === "read")) return pass(call, deps, "partiql");
  const tables = await tablesOf(writtenTables(effects), call, deps);
  return write(call, planPartiQl(call, input, effects, tables), deps);
}

/** Drops what is cached of the tables after DynamoDB has answered, also when we cannot tell what it did. */
async function changeSchema(call: Call, input: Input, row: OperationRow, deps: Deps): Promise<Reply> {
  const references = row.tables(input);
  const drop = async (pendingForMs: number) => {
    const tags = references.map(schemaTag);
    for (const reference of references) deps.schemas.forget(reference);
    const change = { table: references.join(","), source: "schema", tags, pendingForMs } as const;
    await applyChange(change, deps.cache, deps.recorder);
  };
  try {
    const reply = await deps.upstream.send(verbatim(call, false));
    if (reply.status === 200) await drop(0);
    else if (reply.status >= 500) await drop(deps.unknownOutcomeMs);
    return passedOn(reply, "pass", { reason: "operation" });
  } catch (failure) {
    if (!(failure instanceof UpstreamFailure) || failure.outcome === "unknown")
      await drop(deps.unknownOutcomeMs);
    return refused(wireError(failure), "pass", { reason: "upstream-error" });
  }
}

/** Sends the call up and its reply back, byte for byte. */
async function pass(
  call: Call,
  deps: Deps,
  reason: Reason,
  table = "",
  doubted?: TableSchema,
): Promise<Reply> {
  try {
    const row = operations.get(call.operation);
    // PartiQL passes only where all of its statements read.
    const reply = await deps.upstream.send(verbatim(call, row?.readOnly === true || reason === "partiql"));
    if (row?.class.endsWith("-read"))
      deps.recorder.readUnits(table, consumedUnits(call.input, reply.body), 0);
    // A request that does not fit our picture of the table, but that DynamoDB accepts: the picture is old.
    if (doubted !== undefined && reply.status === 200) deps.schemas.refresh(doubted.tableId);
    return passedOn(reply, "pass", { reason, table });
  } catch (failure) {
    return refused(wireError(failure), "pass", { reason: "upstream-error", table });
  }
}

function verbatim(call: Call, idempotent: boolean) {
  const { target, body, deadlineAtMs } = call;
  return { target, body, idempotent, deadlineAtMs, signal: idempotent ? call.signal : undefined };
}

/** Runs `then` with the schema of the request's TableName; without one the call passes. */
function withTable(
  call: Call,
  input: Input,
  deps: Deps,
  then: (call: Call, input: Input, schema: TableSchema, deps: Deps) => MaybePromise<Reply>,
): MaybePromise<Reply> {
  const { TableName } = input;
  if (typeof TableName !== "string") return pass(call, deps, "unproven-request");
  const schema = deps.schemas.schema(TableName, call.deadlineAtMs);
  if (schema instanceof Promise)
    return schema.then((found) => (found ? then(call, input, found, deps) : pass(call, deps, "no-schema")));
  return schema ? then(call, input, schema, deps) : pass(call, deps, "no-schema");
}

/** The tables that a call names, at once where all of them are known. */
function tablesOf(references: readonly string[], call: Call, deps: Deps): MaybePromise<Tables> {
  const schemas = together(references.map((reference) => deps.schemas.schema(reference, call.deadlineAtMs)));
  const withRules = (known: readonly (TableSchema | undefined)[]): Tables =>
    new Map(
      known.map((schema, at) => [
        references[at]!,
        schema && { schema, rule: deps.ruleFor(schema.TableName) },
      ]),
    );
  return schemas instanceof Promise ? schemas.then(withRules) : withRules(schemas);
}
