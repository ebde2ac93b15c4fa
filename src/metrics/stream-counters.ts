/** The StreamRecorder in plain numbers, by table. */
import { noneLabel, otherLabel } from "./label-values.ts";
import { Latency } from "./latency.ts";
import type { PollResult, RecordResult, StreamRecorder } from "./outcome.ts";

/** Distinct reasons of flushes kept for a table; the follower knows fewer. */
const reasonsMax = 32;

export interface StreamTableCounters {
  readonly table: string;
  readonly records: Record<RecordResult, number>;
  readonly polls: Record<PollResult, number>;
  readonly flushes: Map<string, number>;
  readonly delay: Latency;
}

export class StreamCounters implements StreamRecorder {
  readonly #tables = new Map<string, StreamTableCounters>();
  readonly #tablesMax: number;

  /** `tablesMax`: tables counted under their own name; later ones are counted together as "_other". */
  constructor(tablesMax: number) {
    this.#tablesMax = tablesMax;
  }

  streamRecord(table: string, result: RecordResult, delayMs: number | undefined): void {
    const counters = this.#table(table);
    counters.records[result] += 1;
    if (delayMs !== undefined) counters.delay.observe(delayMs);
  }

  streamFlush(table: string, reason: string): void {
    const { flushes } = this.#table(table);
    const label = flushes.has(reason) || flushes.size < reasonsMax ? reason : otherLabel;
    flushes.set(label, (flushes.get(label) ?? 0) + 1);
  }

  streamPoll(table: string, result: PollResult): void {
    this.#table(table).polls[result] += 1;
  }

  tables(): Iterable<StreamTableCounters> {
    return this.#tables.values();
  }

  #table(name: string): StreamTableCounters {
    const known = this.#tables.get(name);
    if (known) return known;
    const label = name === "" ? noneLabel : this.#tables.size < this.#tablesMax ? name : otherLabel;
    const found = this.#tables.get(label);
    if (found) return found;
    const counters = {
      table: label,
      records: { confirmed: 0, invalidated: 0 },
      polls: { records: 0, empty: 0, throttled: 0, error: 0 },
      flushes: new Map<string, number>(),
      delay: new Latency(),
    };
    this.#tables.set(label, counters);
    return counters;
  }
}
