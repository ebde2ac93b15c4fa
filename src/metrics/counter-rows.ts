/** What is counted, row by row: the shapes that counters.ts fills, and how they reach another thread. */
import {
  fillSlots,
  kindSlots,
  lookupSlots,
  outcomeSlots,
  reasonSlots,
  sourceSlots,
  statusSlots,
} from "./label-values.ts";
import type { Latency, LatencyFigures } from "./latency.ts";

export const outcomeCount = Object.keys(outcomeSlots).length;
export const statusCount = Object.keys(statusSlots).length;
export const lookupCount = Object.keys(lookupSlots).length;

export type ErrorKind = "user_error" | "throttled" | "fault";

export interface ErrorCounter {
  readonly kind: ErrorKind;
  readonly origin: "proxy" | "upstream";
  readonly error: string;
  count: number;
}

/** Calls of one operation on one table: a number per outcome and status class, row by row. */
export interface OperationCounters {
  readonly calls: Float64Array;
  /** By outcome; shared by all tables, since a histogram has many series. */
  readonly latencies: readonly Latency[];
}

export interface UpstreamCounters {
  readonly results: Float64Array;
  readonly latency: Latency;
  retries: number;
}

/** All that is counted of one table. */
export interface TableCounters {
  readonly table: string;
  readonly operations: Map<string, OperationCounters>;
  /** A number per cache kind and look-up result, row by row. */
  readonly lookups: Float64Array;
  readonly fills: Float64Array;
  readonly invalidations: Float64Array;
  readonly reasons: Float64Array;
  readUnitsUsed: number;
  readUnitsSaved: number;
  writeUnitsUsed: number;
  strongReadsForced: number;
}

/** All the numbers, in a form that can be posted to another thread. */
export interface CounterFigures {
  readonly tables: readonly (Omit<TableCounters, "operations"> & {
    readonly operations: ReadonlyMap<string, Pick<OperationCounters, "calls">>;
  })[];
  readonly latencies: ReadonlyMap<string, readonly LatencyFigures[]>;
  readonly upstream: ReadonlyMap<
    string,
    Pick<UpstreamCounters, "results" | "retries"> & { readonly latency: LatencyFigures }
  >;
  readonly errors: readonly ErrorCounter[];
}

export function newTable(table: string): TableCounters {
  return {
    table,
    operations: new Map(),
    lookups: new Float64Array(Object.keys(kindSlots).length * lookupCount),
    fills: new Float64Array(Object.keys(fillSlots).length),
    invalidations: new Float64Array(Object.keys(sourceSlots).length),
    reasons: new Float64Array(Object.keys(reasonSlots).length),
    readUnitsUsed: 0,
    readUnitsSaved: 0,
    writeUnitsUsed: 0,
    strongReadsForced: 0,
  };
}
