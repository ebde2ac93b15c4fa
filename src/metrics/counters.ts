/** The Recorder in plain numbers: a call costs two map look-ups and a few additions, whatever is scraped. */
import {
  type CounterFigures,
  type ErrorCounter,
  type ErrorKind,
  lookupCount,
  newTable,
  type OperationCounters,
  outcomeCount,
  statusCount,
  type TableCounters,
  type UpstreamCounters,
} from "./counter-rows.ts";
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

/** DynamoDB's names for "slow down" (API_…_Errors of the data operations); ours are among them. */
const throttlingErrors: ReadonlySet<string> = new Set([
  "ThrottlingException",
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
]);

const arrayFields = ["lookups", "fills", "invalidations", "reasons"] as const;
const numberFields = ["readUnitsUsed", "readUnitsSaved", "writeUnitsUsed", "strongReadsForced"] as const;

function addAll(to: Float64Array, from: Float64Array): void {
  for (const [slot, count] of from.entries()) to[slot]! += count;
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

  /** The numbers themselves, which go on growing: to be copied (as posting does) or added to others at once. */
  figures(): CounterFigures {
    return {
      tables: this.tables(),
      latencies: this.#latencies,
      upstream: this.#upstream,
      errors: [...this.#errors.values()],
    };
  }

  /** Adds what another thread has counted. */
  add(figures: CounterFigures): void {
    for (const from of figures.tables) {
      const to = this.#rowOf(from.table);
      for (const field of arrayFields) addAll(to[field], from[field]);
      for (const field of numberFields) to[field] += from[field];
      for (const [name, { calls }] of from.operations) addAll(this.#operation(to, name).calls, calls);
    }
    for (const [name, latencies] of figures.latencies) {
      for (const [slot, latency] of this.#latenciesOf(name).entries()) latency.add(latencies[slot]!);
    }
    for (const [name, { results, latency, retries }] of figures.upstream) {
      const to = this.#upstreamOperation(name);
      addAll(to.results, results);
      to.latency.add(latency);
      to.retries += retries;
    }
    for (const { kind, origin, error, count } of figures.errors) this.#addError(kind, origin, error, count);
  }

  /** Has the tables counted by name in this order, as far as the bound goes. */
  name(tables: readonly string[]): void {
    for (const table of tables) this.#rowOf(table);
  }

  /** The tables counted by name, in the order of their first call. */
  namedTables(): readonly string[] {
    return [...this.#tables.keys()];
  }

  #rowOf(label: string): TableCounters {
    if (label === noneLabel) return this.#none;
    return label === otherLabel ? this.#other : this.#table(label);
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
    const calls = new Float64Array(outcomeCount * statusCount);
    const operation = { calls, latencies: this.#latenciesOf(label) };
    table.operations.set(label, operation);
    return operation;
  }

  #latenciesOf(label: string): readonly Latency[] {
    let latencies = this.#latencies.get(label);
    if (!latencies) {
      latencies = Array.from({ length: outcomeCount }, () => new Latency());
      this.#latencies.set(label, latencies);
    }
    return latencies;
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
    this.#addError(kind, origin, name, 1);
  }

  #addError(kind: ErrorKind, origin: ErrorCounter["origin"], name: string, count: number): void {
    const row = this.#errors.get(`${kind} ${origin} ${name}`);
    if (row) row.count += count;
    else this.#newError(kind, origin, this.#errors.size < errorRowsMax ? name : otherLabel, count);
  }

  #newError(kind: ErrorKind, origin: ErrorCounter["origin"], error: string, count: number): void {
    const key = `${kind} ${origin} ${error}`;
    const row = this.#errors.get(key);
    if (row) row.count += count;
    else this.#errors.set(key, { kind, origin, error, count });
  }
}
