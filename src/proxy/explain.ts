/** What the pipeline would do with a request, in words: `dynatier explain`. Nothing is sent but DescribeTable. */

import type { Input } from "../dynamodb/model.ts";
import { planBatchGet } from "./batch-plan.ts";
import { bypasses } from "./bypass.ts";
import type { Deps } from "./deps.ts";
import { operations } from "./operations.ts";
import { planGetItem, planQuery } from "./plan.ts";
import type { Tables } from "./write-batch.ts";
import { effectsOf, isPartiQl, writtenTables } from "./write-partiql.ts";

type Explanation = Record<string, unknown>;

/** The plan of a request: what it is, its cache key, the tags it depends on or changes, and why. */
export async function explain(
  operation: string,
  input: Input,
  deadlineAtMs: number,
  deps: Deps,
): Promise<Explanation> {
  const row = operations.get(operation);
  if (row === undefined) return { kind: "refused", reason: `${operation} is no operation of DynamoDB` };
  if (row.class === "pass") return { kind: "pass", reason: "passed through byte for byte" };
  const references = isPartiQl(operation) ? writtenTables(effectsOf(operation, input)) : row.tables(input);
  const tables = await describe(references, deadlineAtMs, deps);
  const missing = references.filter((reference) => tables.get(reference) === undefined);
  if (row.class === "write" || row.class === "schema") {
    return {
      kind: row.class,
      tables: references,
      effect: row.effect,
      ...(missing.length > 0 && { undescribed: missing }),
    };
  }
  if (missing.length > 0 || references.length === 0) {
    return {
      kind: "pass",
      reason: `the table ${missing.join(", ")} does not exist, is not active or may not be described`,
    };
  }
  if (row.class === "batch-read") return explainBatch(input, tables);
  if (row.class === "transact-read")
    return { kind: "pass", reason: "transactional reads always go to DynamoDB", effect: row.effect };
  return explainRead(operation, input, tables);
}

function explainRead(operation: string, input: Input, tables: Tables): Explanation {
  const [[, table] = []] = tables;
  if (table === undefined) return { kind: "pass", reason: "no table" };
  const { schema, rule } = table;
  const ttlMs = operation === "GetItem" ? rule.itemTtlMs : rule.queryTtlMs;
  if (rule.cache === "off") return { kind: "pass", reason: "the table's rule says cache: off" };
  if (ttlMs === 0) return { kind: "pass", reason: "the table's TTL for this kind of read is 0" };
  if (input.ConsistentRead === true)
    return { kind: "pass", reason: "strongly consistent reads always go to DynamoDB" };
  if (bypasses(input, rule)) return { kind: "pass", reason: "the table's rule bypasses this projection" };
  const common = { kind: "read", table: schema.TableName, cache: rule.cache, ttlMs };
  const unproven = "not proven to be valid: DynamoDB answers it, and nothing is cached";
  if (operation === "GetItem") {
    const plan = planGetItem(input, schema, rule);
    if (plan === undefined) return { kind: "pass", reason: unproven };
    const answer =
      plan.projection === "whole" ? "the whole item" : "cut from the whole item, which is what is cached";
    return {
      ...common,
      key: readable(plan.ref.cacheKey),
      tags: plan.ref.tags.map(readable),
      negativeTtlMs: rule.negativeTtlMs,
      answer,
    };
  }
  const plan = planQuery(operation === "Scan" ? "Scan" : "Query", input, schema, rule);
  if (plan === undefined) return { kind: "pass", reason: unproven };
  return {
    ...common,
    key: readable(plan.cacheKey),
    tags: plan.tags.map(readable),
    insideTheSettleWindow: plan.strongWhenUnsettled ? "read strongly consistent" : "answered, not stored",
    keyedBy: plan.exact
      ? "meaning: requests that mean the same share an entry"
      : "spelling: its meaning could not be told",
  };
}

function explainBatch(input: Input, tables: Tables): Explanation {
  const plan = planBatchGet(input, tables);
  if (plan === undefined)
    return { kind: "pass", reason: "not proven to be valid: DynamoDB answers it, and nothing is cached" };
  return {
    kind: "batch_read",
    parts: plan.parts.map(({ schema, mode, keys }) => ({
      table: schema.TableName,
      mode,
      keys: keys.map(({ ref }) => readable(ref.cacheKey)),
    })),
  };
}

async function describe(references: readonly string[], deadlineAtMs: number, deps: Deps): Promise<Tables> {
  const entries = references.map(async (reference) => {
    const schema = await deps.schemas.schema(reference, deadlineAtMs);
    return [reference, schema && { schema, rule: deps.ruleFor(schema.TableName) }] as const;
  });
  return new Map(await Promise.all(entries));
}

/** Keys and tags join their parts with NUL. */
function readable(text: string): string {
  return text.replaceAll("\0", " ");
}
