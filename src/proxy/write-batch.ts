/** Plans for BatchWriteItem and TransactWriteItems: several items, several tables, old images unknown. */

import type { Tag } from "../cache/tier.ts";
import type { ResolvedRule } from "../config/table-rules.ts";
import { canonicalKey, itemKey } from "../dynamodb/canonical-key.ts";
import { updatedAttributes } from "../dynamodb/expression/updated-attributes.ts";
import { parseReply, toBytes } from "../dynamodb/json-codec.ts";
import { type Input, isObject, type TableSchema } from "../dynamodb/model.ts";
import { storedImage } from "../dynamodb/stored-image.ts";
import { changedTags, type Image as Known, schemaTag } from "../invalidation/tags.ts";
import type { Call } from "./call.ts";
import { changeOf, type ItemRef, itemRef } from "./plan.ts";
import type { Image, WritePlan } from "./write.ts";

/** A table that a request names: its schema, or undefined where it could not be described. */
export type Tables = ReadonlyMap<
  string,
  { readonly schema: TableSchema; readonly rule: ResolvedRule } | undefined
>;

interface Written {
  /** Undefined where the item cannot be told: then `tags` name its whole table. */
  readonly ref: ItemRef | undefined;
  readonly tags: readonly Tag[];
  readonly image: Image | undefined;
}

export function planBatchWrite(call: Call, input: Input, tables: Tables): WritePlan {
  const requests = isObject(input.RequestItems) ? input.RequestItems : {};
  const written = batchRequests(requests, tables);
  const all = written.flatMap((one) => one.tags);
  return {
    ...several(call, tables),
    idempotent: false,
    refs: written.flatMap(({ ref, image }) => (ref && image !== undefined ? [ref] : [])),
    touched: all,
    done: (body) => {
      const unprocessed = parseReply(body).UnprocessedItems;
      // What was left undone has not changed. If what was left cannot be told, all may have.
      const left = isObject(unprocessed) ? batchRequests(unprocessed, tables) : [];
      const undone = new Set(left.map(({ ref }) => ref?.cacheKey));
      const tellable = left.every(({ ref }) => ref !== undefined);
      const done = tellable
        ? written.filter(({ ref }) => ref === undefined || !undone.has(ref.cacheKey))
        : written;
      return {
        tags: done.flatMap((one) => one.tags),
        images: tellable
          ? done.flatMap(({ ref, image }) => (ref && image !== undefined ? [[ref, image] as const] : []))
          : [],
        body,
      };
    },
  };
}

function batchRequests(requestItems: Input, tables: Tables): Written[] {
  return Object.entries(requestItems).flatMap(([reference, requests]) => {
    const table = tables.get(reference);
    if (!Array.isArray(requests)) return [];
    if (table === undefined) return requests.map(() => ({ ref: undefined, tags: [], image: undefined }));
    return requests.map((request) => batchRequest(request, table.schema, table.rule));
  });
}

function batchRequest(request: unknown, schema: TableSchema, rule: ResolvedRule): Written {
  const put = isObject(request) ? request.PutRequest : undefined;
  const remove = isObject(request) ? request.DeleteRequest : undefined;
  if (isObject(put) && isObject(put.Item)) {
    const stored = storedImage(put.Item);
    return written(itemKey(put.Item, schema), schema, rule, put.Item, stored && toBytes(stored));
  }
  if (isObject(remove) && isObject(remove.Key)) {
    return written(canonicalKey(remove.Key, schema), schema, rule, "absent", "absent");
  }
  return { ref: undefined, tags: [schemaTag(schema.tableId)], image: undefined };
}

/**
 * A transaction's images are never stored, even of its Puts: a success may be the answer to a repeated
 * ClientRequestToken, whose transaction ran minutes ago (1 transaction T puts x · 2 another writer puts y · 3 T is sent
 * again with its token and succeeds without writing: x is not the item).
 */
export function planTransactWrite(call: Call, input: Input, tables: Tables): WritePlan {
  const items: readonly unknown[] = Array.isArray(input.TransactItems) ? input.TransactItems : [];
  const tags = items.flatMap((item) => {
    if (!isObject(item)) return [];
    return Object.entries(item).flatMap(([verb, action]) =>
      isObject(action) ? transactTags(verb, action, tables) : [],
    );
  });
  return {
    ...several(call, tables),
    // DynamoDB itself makes a repeated token harmless (API_TransactWriteItems, for ten minutes).
    idempotent: typeof input.ClientRequestToken === "string",
    refs: [],
    touched: tags,
    done: (body) => ({ tags, images: [], body }),
  };
}

function transactTags(verb: string, action: Input, tables: Tables): readonly Tag[] {
  const table = tables.get(String(action.TableName));
  if (verb === "ConditionCheck" || table === undefined) return [];
  const { schema, rule } = table;
  if (verb === "Put" && isObject(action.Item)) {
    return written(itemKey(action.Item, schema), schema, rule, action.Item, undefined).tags;
  }
  if (!isObject(action.Key)) return [schemaTag(schema.tableId)];
  const canonical = canonicalKey(action.Key, schema);
  if (verb === "Delete") return written(canonical, schema, rule, "absent", undefined).tags;
  const touched = verb === "Update" ? updatedAttributes(action)?.names : undefined;
  return written(canonical, schema, rule, "unknown", undefined, touched).tags;
}

function written(
  canonical: string | undefined,
  schema: TableSchema,
  rule: ResolvedRule,
  after: Known,
  image: Image | undefined,
  touched?: ReadonlySet<string>,
): Written {
  const ref = canonical === undefined ? undefined : itemRef(canonical, schema, rule);
  if (ref === undefined) return { ref, tags: [schemaTag(schema.tableId)], image: undefined };
  return { ref, tags: changedTags(changeOf(ref, { before: "unknown", after, touched })), image };
}

function several(
  call: Call,
  tables: Tables,
): Pick<WritePlan, "table" | "body" | "schemas" | "unknownTables"> {
  const schemas = [...tables.values()].flatMap((table) => (table ? [table.schema] : []));
  const [only] = schemas;
  return {
    table: only !== undefined && tables.size === 1 ? only.TableName : "",
    body: call.body,
    schemas,
    unknownTables: [...tables].flatMap(([reference, table]) => (table ? [] : [reference])),
  };
}
