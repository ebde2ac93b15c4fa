/** What the request path is made of; app.ts and the simulation put it together. */

import type { SingleFlight } from "../cache/single-flight.ts";
import type { CacheTier } from "../cache/tier.ts";
import type { ResolvedRule } from "../config/table-rules.ts";
import type { TableSchema } from "../dynamodb/model.ts";
import type { Recorder } from "../metrics/outcome.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { Clock } from "../util/clock.ts";
import type { MaybePromise } from "./call.ts";
import type { Loaded } from "./loaded.ts";

/** What the request path asks of the table catalog (upstream/table-catalog.ts). */
export interface Schemas {
  /** By TableName or ARN; undefined if the table does not exist or may not be described: then it is not cached. */
  schema(reference: string, deadlineAtMs: number): MaybePromise<TableSchema | undefined>;
  /** Describes the table again now, because an answer does not fit what we know of it. */
  refresh(reference: string): void;
  /** Drops what is known of the table, because an operation has changed it. */
  forget(reference: string): void;
  /** The tables as they are known now; without those that have to be described again before their next use. */
  known(): readonly TableSchema[];
}

export interface Deps {
  readonly upstream: Upstream;
  readonly schemas: Schemas;
  readonly cache: CacheTier;
  readonly flights: SingleFlight<Loaded>;
  readonly clock: Clock;
  readonly recorder: Recorder;
  /** How old a hit of this table may be, given how its change source is doing; 0 = the table passes. */
  readonly freshness: { ageMsMax(tableId: string): number };
  ruleFor(TableName: string): ResolvedRule;
  /** Whether nobody else would tell other nodes of a write to this table: they must be warned before it is sent. */
  isGuarded(schema: TableSchema): boolean;
  /** How long after an unknown outcome the write may still land. */
  readonly unknownOutcomeMs: number;
}
