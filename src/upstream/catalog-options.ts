// What a table catalog is made with: who describes, who hears of changes, and its times and bounds.

import type { TableSchema } from "../dynamodb/model.ts";
import type { Clock } from "../util/clock.ts";
import { type Describe, describeVia } from "./describe-table.ts";
import { TableVersions } from "./table-versions.ts";
import type { Upstream } from "./upstream.ts";

export interface TableCatalogOptions {
  readonly upstream: Upstream;
  /** Who describes tables; default the upstream. A worker thread asks the main thread's catalog. */
  readonly describe?: Describe;
  /** Shared with the catalogs of the process' other threads. */
  readonly versions?: TableVersions;
  /** Whether changes found here raise those versions; not where the answers come from a catalog that has done so. */
  readonly announces?: boolean;
  readonly clock: Clock;
  /**
   * The fingerprint of a table differs from what was known, or the table is gone, unreadable or evicted
   * (undefined).
   */
  readonly onChange: (old: TableSchema, next: TableSchema | undefined) => void;
  /** A description is used so long; from ¾ of it on the next use fetches a new one in the background. */
  readonly refreshMs?: number;
  /** A table that is not there, or that we may not describe, is remembered as such so long. */
  readonly absentMs?: number;
  /** Least time between two attempts while describing fails, and between two refresh() of one table. */
  readonly retryMs?: number;
  readonly describeTimeoutMs?: number;
  /** Tables known at a time; also the bound of absent ones remembered and of describes in flight. */
  readonly tablesMax?: number;
}

export function withDefaults(options: TableCatalogOptions): Required<TableCatalogOptions> {
  return {
    refreshMs: 60_000,
    absentMs: 1_000,
    retryMs: 1_000,
    describeTimeoutMs: 3_000,
    tablesMax: 10_000,
    describe: describeVia(options.upstream),
    versions: new TableVersions(),
    announces: true,
    ...options,
  };
}
