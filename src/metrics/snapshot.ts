/** The numbers of /api/status and /api/tables: what metrics know, summed up for each table. */
import { lookupCount, statusCount, type TableCounters } from "./counter-rows.ts";
import type { Counters } from "./counters.ts";
import { kindSlots, lookupSlots, noneLabel, otherLabel, statusSlots } from "./label-values.ts";
import type { LookupKind } from "./outcome.ts";

/** hits + negativeHits + coalesced + shadowHits + misses = lookups. */
export interface LookupFigures {
  readonly lookups: number;
  readonly hits: number;
  readonly negativeHits: number;
  readonly coalesced: number;
  /** Would have been hits, had the table not been in shadow mode. */
  readonly shadowHits: number;
  readonly misses: number;
  /** (hits + negativeHits) / (lookups − shadowHits), 0 to 1; null without look-ups. */
  readonly hitRatio: number | null;
  /** (hits + negativeHits + shadowHits) / lookups: the ratio without shadow mode; null without look-ups. */
  readonly shadowHitRatio: number | null;
}

export interface Figures extends LookupFigures {
  readonly requests: number;
  /** Requests answered with a 4xx or 5xx. */
  readonly errors: number;
  readonly readUnitsUsed: number;
  readonly readUnitsSaved: number;
  readonly writeUnitsUsed: number;
  readonly strongReadsForced: number;
  /** The look-ups above, by cache. */
  readonly caches: Readonly<Record<LookupKind, LookupFigures>>;
}

export interface TableFigures extends Figures {
  /** TableName; "_other" for the tables over the bound together. */
  readonly table: string;
}

export interface MetricsSnapshot {
  /** Everything since the start, calls that name no table or several included. */
  readonly total: Figures;
  /** In the order of their first call. */
  readonly tables: readonly TableFigures[];
}

function ratio(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null;
}

function lookupFigures(rows: readonly Float64Array[]): LookupFigures {
  const sum = (slot: number) => rows.reduce((total, row) => total + row[slot]!, 0);
  const hits = sum(lookupSlots.hit);
  const negativeHits = sum(lookupSlots.negative_hit);
  const coalesced = sum(lookupSlots.coalesced);
  const shadowHits = sum(lookupSlots.shadow_hit);
  const misses = sum(lookupSlots.miss);
  const lookups = hits + negativeHits + coalesced + shadowHits + misses;
  return {
    lookups,
    hits,
    negativeHits,
    coalesced,
    shadowHits,
    misses,
    hitRatio: ratio(hits + negativeHits, lookups - shadowHits),
    shadowHitRatio: ratio(hits + negativeHits + shadowHits, lookups),
  };
}

function callsOf(table: TableCounters): { readonly requests: number; readonly errors: number } {
  let requests = 0;
  let errors = 0;
  for (const { calls } of table.operations.values()) {
    for (const [slot, count] of calls.entries()) {
      const status = slot % statusCount;
      requests += count;
      if (status === statusSlots["4xx"] || status === statusSlots["5xx"]) errors += count;
    }
  }
  return { requests, errors };
}

/** The sum over some tables. */
function figures(tables: readonly TableCounters[]): Figures {
  const sum = (of: (table: TableCounters) => number) => tables.reduce((total, table) => total + of(table), 0);
  const cache = (kind: LookupKind) => {
    const start = kindSlots[kind] * lookupCount;
    return tables.map(({ lookups }) => lookups.subarray(start, start + lookupCount));
  };
  const [item, query, scan] = [cache("item"), cache("query"), cache("scan")];
  const calls = tables.map(callsOf);
  return {
    requests: calls.reduce((total, { requests }) => total + requests, 0),
    errors: calls.reduce((total, { errors }) => total + errors, 0),
    ...lookupFigures([...item, ...query, ...scan]),
    readUnitsUsed: sum((table) => table.readUnitsUsed),
    readUnitsSaved: sum((table) => table.readUnitsSaved),
    writeUnitsUsed: sum((table) => table.writeUnitsUsed),
    strongReadsForced: sum((table) => table.strongReadsForced),
    caches: { item: lookupFigures(item), query: lookupFigures(query), scan: lookupFigures(scan) },
  };
}

/** Everything counted so far, summed up. */
export function takeSnapshot(counters: Counters): MetricsSnapshot {
  const tables = counters.tables();
  const named = tables.filter((table) => table.table !== noneLabel);
  return {
    total: figures(tables),
    tables: named
      .filter((table) => table.table !== otherLabel || used(table))
      .map((table) => ({ table: table.table, ...figures([table]) })),
  };
}

function used(table: TableCounters): boolean {
  return table.operations.size > 0 || table.lookups.some((count) => count > 0);
}
