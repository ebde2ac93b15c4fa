/** The Recorder in plain numbers: a call costs two map look-ups and a few additions, whatever is scraped. */
import {
  fillSlots,
  kindSlots,
  lookupSlots,
  noneLabel,
  operationNames,
  otherLabel,
  outcomeSlots,
  reasonSlots,
  sourceSlots,
  statusSlot,
  statusSlots,
  upstreamSlots,
} from "./label-values.ts";
import { Latency } from "./latency.ts";
import type {
  CallRecord,
  FillResult,
  InvalidationSource,
  LookupKind,
  LookupResult,
  Recorder,
  UpstreamResult,
} from "./outcome.ts";

/** Distinct (kind, origin, name) rows of errors that are kept; further names are counted as "_other". */
const errorRowsMax = 200;

export const outcomeCount = Object.keys(outcomeSlots).length;
export const statusCount = Object.keys(statusSlots).length;
export const lookupCount = Object.keys(lookupSlots).length;

/** DynamoDB's names for "slow down" (API_…_Errors of the data operations); ours are among them. */
const throttlingErrors: ReadonlySet<string> = new Set([
  "ThrottlingException",
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
]);

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

function newTable(table: string): TableCounters {
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

/** What may be added to a counter: anything else (NaN would stay for ever) counts as nothing. */
function amount(value: number): number {
  return value > 0 && value < Number.POSITIVE_INFINITY ? value : 0;
}

export class Counters implements Recorder {
  readonly #tables = new Map<string, TableCounters>();
  readonly #none = newTable(noneLabel);
  readonly #other = newTable(otherLabel);
  readonly #latencies = new Map<string, readonly Latency[]>();
  readonly #upstream = new Map<string, UpstreamCounters>();
  readonly #errors = new Map<string, ErrorCounter>();
  readonly #tablesMax: number;

  /** `tablesMax`: tables counted under their own name; later ones are counted together as "_other". */
  constructor(tablesMax: number) {
    if (!Number.isSafeInteger(tablesMax) || tablesMax < 0) {
      throw new RangeError(`tablesMax must be a whole number from 0, not ${tablesMax}`);
    }
    this.#tablesMax = tablesMax;
  }

  call(record: CallRecord): void {
    const table = this.#table(record.table);
    const operation = table.operations.get(record.operation) ?? this.#operation(table, record.operation);
    const outcome = outcomeSlots[record.outcome];
    operation.calls[outcome * statusCount + statusSlot(record.status)]! += 1;
    operation.latencies[outcome]!.observe(record.durationMs);
    if (record.reason !== undefined) table.reasons[reasonSlots[record.reason]]! += 1;
    if (record.status >= 400) this.#countError(record);
  }

  lookup(kind: LookupKind, table: string, result: LookupResult, count: number): void {
    this.#table(table).lookups[kindSlots[kind] * lookupCount + lookupSlots[result]]! += amount(count);
  }

  fill(table: string, outcome: FillResult): void {
    this.#table(table).fills[fillSlots[outcome]]! += 1;
  }

  invalidated(table: string, source: InvalidationSource): void {
    this.#table(table).invalidations[sourceSlots[source]]! += 1;
  }

  readUnits(table: string, used: number, saved: number): void {
    const counters = this.#table(table);
    counters.readUnitsUsed += amount(used);
    counters.readUnitsSaved += amount(saved);
  }

  writeUnits(table: string, used: number): void {
    this.#table(table).writeUnitsUsed += amount(used);
  }

  strongReadForced(table: string): void {
    this.#table(table).strongReadsForced += 1;
  }

  upstream(operation: string, result: UpstreamResult, durationMs: number): void {
    const counters = this.#upstreamOperation(operation);
    counters.results[upstreamSlots[result]]! += 1;
    counters.latency.observe(durationMs);
  }

  upstreamRetry(operation: string): void {
    this.#upstreamOperation(operation).retries += 1;
  }

  /** Every table seen so far, then "_other" and "_none"; at most `tablesMax` + 2 rows. */
  tables(): readonly TableCounters[] {
    return [...this.#tables.values(), this.#other, this.#none];
  }

  /** By operation: a histogram per outcome, in the order of `outcomeSlots`. */
  latencies(): ReadonlyMap<string, readonly Latency[]> {
    return this.#latencies;
  }

  /** By operation: what became of the calls sent upstream. */
  upstreamOperations(): ReadonlyMap<string, UpstreamCounters> {
    return this.#upstream;
  }

  errors(): Iterable<ErrorCounter> {
    return this.#errors.values();
  }

  #table(name: string): TableCounters {
    return this.#tables.get(name) ?? this.#newTable(name);
  }

  #newTable(name: string): TableCounters {
    if (name === "") return this.#none;
    if (this.#tables.size >= this.#tablesMax) return this.#other;
    const table = newTable(name);
    this.#tables.set(name, table);
    return table;
  }

  #operation(table: TableCounters, name: string): OperationCounters {
    const label = operationNames.has(name) ? name : otherLabel;
    const known = table.operations.get(label);
    if (known) return known;
    let latencies = this.#latencies.get(label);
    if (!latencies) {
      latencies = Array.from({ length: outcomeCount }, () => new Latency());
      this.#latencies.set(label, latencies);
    }
    const operation = { calls: new Float64Array(outcomeCount * statusCount), latencies };
    table.operations.set(label, operation);
    return operation;
  }

  #upstreamOperation(name: string): UpstreamCounters {
    const label = operationNames.has(name) ? name : otherLabel;
    let counters = this.#upstream.get(label);
    if (!counters) {
      const results = new Float64Array(Object.keys(upstreamSlots).length);
      counters = { results, latency: new Latency(), retries: 0 };
      this.#upstream.set(label, counters);
    }
    return counters;
  }

  #countError(record: CallRecord): void {
    const name = record.error ?? noneLabel;
    const kind = record.status >= 500 ? "fault" : throttlingErrors.has(name) ? "throttled" : "user_error";
    const origin = record.errorOrigin ?? "upstream";
    const row = this.#errors.get(`${kind} ${origin} ${name}`);
    if (row) row.count += 1;
    else this.#newError(kind, origin, this.#errors.size < errorRowsMax ? name : otherLabel);
  }

  #newError(kind: ErrorKind, origin: "proxy" | "upstream", error: string): void {
    const key = `${kind} ${origin} ${error}`;
    const row = this.#errors.get(key);
    if (row) row.count += 1;
    else this.#errors.set(key, { kind, origin, error, count: 1 });
  }
}
