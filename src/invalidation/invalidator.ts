/**
 * The funnel: every change, whoever made it, ends here. It is called after DynamoDB has answered and before the client
 * hears. Bumping only before the write would be wrong: 1 the write bumps · 2 a read takes its stamp · 3 the read sees
 * the old item · 4 the write commits · 5 the read stores the old item for a whole TTL.
 */

import type { CacheTier, Tag } from "../cache/tier.ts";
import type { TableSchema } from "../dynamodb/model.ts";
import type { Recorder } from "../metrics/outcome.ts";
import { schemaTag } from "./tags.ts";

export type ChangeSource = Parameters<Recorder["invalidated"]>[1];

export interface Change {
  /** TableName for the metrics; "" for everything. */
  readonly table: string;
  readonly source: ChangeSource;
  readonly tags: readonly Tag[];
  /** The change may still land for so long (unknown outcome); 0 = it is over. */
  readonly pendingForMs?: number;
}

/** @param to the cache, or the lease of the write that made the change */
export function applyChange(
  change: Change,
  to: Pick<CacheTier, "invalidate">,
  recorder: Recorder,
): void | Promise<void> {
  recorder.invalidated(change.table, change.source);
  return to.invalidate(change.tags, change.pendingForMs ?? 0);
}

/**
 * What is known of a table has changed, or the table is known no more: all that is cached of it is dropped, and nothing
 * is stored while a write of unknown outcome may land that was planned before. Its tags do not name what is new (1 write
 * W is lost · 2 an index is created · 3 a query of the index is stored · 4 W lands). A write that is still under way
 * sees for itself that its plan is out of date.
 * @param pendingForMs how long the last write of unknown outcome may still land; 0 if there is none
 */
export function applyTableChange(
  old: TableSchema,
  pendingForMs: number,
  cache: CacheTier,
  recorder: Recorder,
): void | Promise<void> {
  const tags = [schemaTag(old.tableId)];
  return applyChange({ table: old.TableName, source: "schema", tags, pendingForMs }, cache, recorder);
}
