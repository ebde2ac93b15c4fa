/** The operator's invalidation: an item, a partition, a table or everything, through the same funnel as every write. */

import type { CacheTier, Tag } from "../cache/tier.ts";
import { canonicalKey, canonicalPartition } from "../dynamodb/canonical-key.ts";
import type { TableSchema } from "../dynamodb/model.ts";
import { applyChange } from "../invalidation/invalidator.ts";
import { changedTags, everythingTag, itemTag, partitionTag, schemaTag } from "../invalidation/tags.ts";
import type { Recorder } from "../metrics/outcome.ts";
import { InvalidateError, type InvalidateRequest } from "./invalidate-request.ts";

export interface InvalidationDeps {
  readonly cache: CacheTier;
  readonly recorder: Recorder;
  describe(reference: string): Promise<TableSchema | undefined>;
}

/** @throws InvalidateError for an unknown table, or a key that is not the table's */
export async function invalidate(
  request: InvalidateRequest,
  deps: InvalidationDeps,
): Promise<{ invalidated: string }> {
  if (request.kind === "everything") {
    await applyChange({ table: "", source: "operator", tags: [everythingTag] }, deps.cache, deps.recorder);
    return { invalidated: "everything" };
  }
  const schema = await deps.describe(request.table);
  if (schema === undefined) {
    throw new InvalidateError(
      404,
      `The table ${request.table} does not exist, is not active or may not be described.`,
    );
  }
  const [tags, invalidated] = await tagsOf(request, schema);
  await applyChange({ table: schema.TableName, source: "operator", tags }, deps.cache, deps.recorder);
  return { invalidated };
}

function tagsOf(
  request: Exclude<InvalidateRequest, { kind: "everything" }>,
  schema: TableSchema,
): [Tag[], string] {
  const { tableId, TableName } = schema;
  if (request.kind === "table") return [[schemaTag(tableId)], `table ${TableName}`];
  if (request.kind === "partition") {
    const partition = canonicalPartition(request.partition, [schema.partitionKey]);
    const exact = Object.keys(request.partition).length === 1;
    if (partition === undefined || !exact) throw new InvalidateError(400, wanted("partition", schema));
    // Items are cached by their own tag, so a partition's items cannot be named one by one: the table goes.
    const tags =
      schema.sortKey === undefined
        ? [itemTag(tableId, partition), partitionTag(tableId, partition)]
        : [schemaTag(tableId)];
    return [
      tags,
      schema.sortKey === undefined
        ? `the item of that key in ${TableName}`
        : `table ${TableName}, the partition with it`,
    ];
  }
  const key = canonicalKey(request.key, schema);
  const partition = canonicalPartition(request.key, [schema.partitionKey]);
  if (key === undefined || partition === undefined) throw new InvalidateError(400, wanted("key", schema));
  return [
    changedTags({ schema, key, partition, before: "unknown", after: "unknown" }),
    `item in ${TableName}, and its queries`,
  ];
}

function wanted(member: "key" | "partition", schema: TableSchema): string {
  const { partitionKey, sortKey } = schema;
  const attributes = member === "partition" || !sortKey ? [partitionKey] : [partitionKey, sortKey];
  const shape = attributes.map(({ name, type }) => `"${name}": {"${type}": …}`).join(", ");
  return `${member} of ${schema.TableName} must be {${shape}}.`;
}
