/** Plans for PartiQL's three operations: a SELECT passes, anything else changes an item, a table, or who knows what. */

import type { Tag } from "../cache/tier.ts";
import { itemKey } from "../dynamodb/canonical-key.ts";
import { type Input, isObject } from "../dynamodb/model.ts";
import { type StatementEffect, statementEffect } from "../dynamodb/partiql.ts";
import { changedTags, everythingTag, schemaTag } from "../invalidation/tags.ts";
import type { Call } from "./call.ts";
import { changeOf, itemRef } from "./plan.ts";
import type { WritePlan } from "./write.ts";
import type { Tables } from "./write-batch.ts";

/** Where each operation keeps its statements. */
const statementsOf: Readonly<Record<string, (input: Input) => unknown>> = {
  ExecuteStatement: (input) => [input],
  BatchExecuteStatement: (input) => input.Statements,
  ExecuteTransaction: (input) => input.TransactStatements,
};

export function isPartiQl(operation: string): boolean {
  return Object.hasOwn(statementsOf, operation);
}

/** What each statement does; undefined stands for one that we do not understand. */
export function effectsOf(operation: string, input: Input): readonly (StatementEffect | undefined)[] {
  const statements = statementsOf[operation]?.(input);
  if (!Array.isArray(statements)) return [undefined];
  return statements.map((one) =>
    isObject(one) ? statementEffect(one.Statement, one.Parameters) : undefined,
  );
}

/** The tables that these statements write. */
export function writtenTables(effects: readonly (StatementEffect | undefined)[]): readonly string[] {
  return [...new Set(effects.flatMap((effect) => (effect?.kind === "write" ? [effect.TableName] : [])))];
}

export function planPartiQl(
  call: Call,
  input: Input,
  effects: readonly (StatementEffect | undefined)[],
  tables: Tables,
): WritePlan {
  const tags = effects.flatMap((effect) => effectTags(effect, tables));
  const schemas = [...tables.values()].flatMap((table) => (table ? [table.schema] : []));
  return {
    table: schemas.length === 1 && tables.size === 1 ? (schemas[0]?.TableName ?? "") : "",
    body: call.body,
    idempotent: call.operation === "ExecuteTransaction" && typeof input.ClientRequestToken === "string",
    refs: [],
    schemas,
    unknownTables: [...tables].flatMap(([reference, table]) => (table ? [] : [reference])),
    touched: tags,
    done: (body) => ({ tags, images: [], body }),
  };
}

function effectTags(effect: StatementEffect | undefined, tables: Tables): readonly Tag[] {
  if (effect === undefined) return [everythingTag];
  if (effect.kind === "read") return [];
  const table = tables.get(effect.TableName);
  if (table === undefined) return [];
  const { schema, rule } = table;
  const values: Input = Object.fromEntries(effect.attributes);
  const canonical = itemKey(values, schema);
  const ref = canonical === undefined ? undefined : itemRef(canonical, schema, rule);
  if (ref === undefined) return [schemaTag(schema.tableId)];
  const after = effect.verb === "delete" ? "absent" : "unknown";
  return changedTags(changeOf(ref, { before: "unknown", after }));
}
