/** Reads that always go to DynamoDB: strongly consistent GetItem and TransactGetItems. What they show is learned. */

import type { ResolvedRule } from "../config/table-rules.ts";
import { canonicalKey } from "../dynamodb/canonical-key.ts";
import { hasDuplicateMembers, parseReply } from "../dynamodb/json-codec.ts";
import { elementSlices, memberSlices } from "../dynamodb/json-slices.ts";
import { type Input, isObject, type TableSchema } from "../dynamodb/model.ts";
import type { UpstreamReply } from "../upstream/upstream.ts";
import type { Call, Reply } from "./call.ts";
import type { Deps } from "./deps.ts";
import { wireError } from "./failures.ts";
import { learn, type Seen, type Sight, sight } from "./learn.ts";
import { itemRef } from "./plan.ts";
import { consumedUnits, passedOn, refused } from "./reply.ts";
import { doubtSchema } from "./schema-doubt.ts";
import type { Tables } from "./write-batch.ts";

export async function strongGet(
  call: Call,
  input: Input,
  schema: TableSchema,
  rule: ResolvedRule,
  deps: Deps,
): Promise<Reply> {
  const found = sightOf(input, schema, rule, deps);
  const table = schema.TableName;
  return observed(call, "consistent-read", table, [schema], deps, (reply) => {
    if (found === undefined) return [];
    return [[found, isProjected(input) ? "partly" : itemSeen(reply.body)]];
  });
}

export async function transactGet(call: Call, input: Input, tables: Tables, deps: Deps): Promise<Reply> {
  const gets = (Array.isArray(input.TransactItems) ? input.TransactItems : []).map((item: unknown) => {
    const get = isObject(item) && isObject(item.Get) ? item.Get : undefined;
    const table = get && tables.get(String(get.TableName));
    return get && table && { get, found: sightOf(get, table.schema, table.rule, deps) };
  });
  const schemas = [...tables.values()].flatMap((table) => (table ? [table.schema] : []));
  return observed(call, "transactional-read", "", schemas, deps, (reply) => {
    const responses = memberSlices(reply.body)?.get("Responses");
    const elements = (responses && elementSlices(reply.body, responses)) ?? [];
    return gets.flatMap((one, index): (readonly [Sight, Seen])[] => {
      const element = elements[index];
      if (one?.found === undefined || element === undefined) return [];
      if (isProjected(one.get)) return [[one.found, "partly"]];
      return [[one.found, itemSeen(reply.body.subarray(element.start, element.end))]];
    });
  });
}

async function observed(
  call: Call,
  reason: "consistent-read" | "transactional-read",
  table: string,
  schemas: readonly TableSchema[],
  deps: Deps,
  see: (reply: UpstreamReply) => readonly (readonly [Sight, Seen])[],
): Promise<Reply> {
  const readAtMs = deps.clock.nowMs();
  const { target, body, deadlineAtMs, signal } = call;
  try {
    const reply = await deps.upstream.send({ target, body, idempotent: true, deadlineAtMs, signal });
    if (reply.status === 200) deps.recorder.readUnits(table, consumedUnits(call.input, reply.body), 0);
    if (reply.status === 200) await learn(isAmbiguous(body) ? [] : see(reply), readAtMs, deps);
    else for (const schema of schemas) doubtSchema(reply, schema, deps);
    return passedOn(reply, "pass", { reason, table });
  } catch (failure) {
    return refused(wireError(failure), "pass", { reason: "upstream-error", table });
  }
}

/**
 * The request went up as it came. Where it names a member twice, DynamoDB may have read it otherwise than we did, and
 * its answer may be that of another item.
 */
function isAmbiguous(body: Uint8Array): boolean {
  return hasDuplicateMembers(Buffer.from(body).toString());
}

function sightOf(input: Input, schema: TableSchema, rule: ResolvedRule, deps: Deps): Sight | undefined {
  const { Key } = input;
  const canonical = canonicalKey(Key, schema);
  return canonical === undefined ? undefined : sight(itemRef(canonical, schema, rule), deps);
}

function isProjected(input: Input): boolean {
  return input.ProjectionExpression !== undefined || input.AttributesToGet !== undefined;
}

/** The item in a reply body, or in one of a transaction's responses. */
function itemSeen(body: Uint8Array): Seen {
  const slice = memberSlices(body)?.get("Item");
  if (slice !== undefined) return body.subarray(slice.start, slice.end);
  // Without an Item there is none; but only if this really is DynamoDB's answer.
  parseReply(body);
  return "absent";
}
