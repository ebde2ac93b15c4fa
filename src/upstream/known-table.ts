// What the table catalog remembers of one table, and under which names.

import type { TableSchema } from "../dynamodb/model.ts";

export interface KnownTable {
  schema: TableSchema;
  /** Which describe it came from: a later start has a higher number. */
  seq: number;
  /** The start of that describe. */
  describedAtMs: number;
  /** When describing it last failed, and from when it may be tried again. */
  failedAtMs: number;
  retryAtMs: number;
  /** When a refresh was last asked for. */
  refreshedAtMs: number;
  /** To be described anew before its next use: what we have only serves to notice the difference. */
  forgotten: boolean;
  /** Where its name's version stands (table-versions.ts), and the version that this description belongs to. */
  readonly slot: number;
  version: number;
  /** The last version that was met with an older description. */
  doubtedVersion: number;
  /** Grows with each use; the table with the least goes first. */
  used: number;
  /** The names and ARNs under which it was asked for, bounded. */
  readonly references: Set<string>;
}

export function newKnownTable(schema: TableSchema, slot: number, version: number, used: number): KnownTable {
  const never = Number.NEGATIVE_INFINITY;
  return {
    schema,
    seq: 0,
    describedAtMs: never,
    failedAtMs: never,
    retryAtMs: never,
    refreshedAtMs: never,
    forgotten: false,
    slot,
    version,
    doubtedVersion: version,
    used,
    references: new Set(),
  };
}

/**
 * True if the reference (TableName or ARN) may mean this table. An ARN of a namesake elsewhere counts, to be
 * safe.
 */
export function mayMean(reference: string, known: KnownTable): boolean {
  const { TableName, tableId } = known.schema;
  return TableName === nameOf(reference) || tableId === reference || known.references.has(reference);
}

/** The table's name in a TableName or in an ARN (arn:…:table/NAME or arn:…:table/NAME/…). */
export function nameOf(reference: string): string {
  return /^arn:[^/]*:table\/([^/]+)/.exec(reference)?.[1] ?? reference;
}
