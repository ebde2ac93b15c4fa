/** The figures of a process with several threads: those of the living added up, with what the dead had counted. */
import type { CounterFigures } from "./counter-rows.ts";
import { Counters } from "./counters.ts";
import { type CacheFigures, currentGauges, growingGauges, type NumberGauge } from "./gauge-sources.ts";
import type { ThreadUse } from "./process-probe.ts";
import type { GaugeFigures, ThreadFigures } from "./thread-figures.ts";

export class ThreadSum {
  readonly #tablesMax: number;
  /** What threads that have ended had counted, by their last word. */
  readonly #ended: Counters;
  readonly #endedNumbers: Partial<Record<NumberGauge, number>> = {};
  readonly #endedCaches = new Map<string, CacheFigures>();
  #endedBusySeconds = 0;
  /** Tables counted by name so far: one that was shown by its name keeps it, or its counters would go back. */
  #names: readonly string[] = [];

  constructor(tablesMax: number) {
    this.#tablesMax = tablesMax;
    this.#ended = new Counters(tablesMax);
  }

  /** A thread has ended; these were its last known figures. */
  end({ counters, gauges, use }: ThreadFigures): void {
    this.#ended.name(this.#names);
    this.#ended.add(counters);
    this.#endedBusySeconds += use.loopBusySeconds;
    for (const name of growingGauges) {
      const value = gauges.numbers[name];
      if (value !== undefined) this.#endedNumbers[name] = (this.#endedNumbers[name] ?? 0) + value;
    }
    for (const cache of gauges.caches) {
      const { evictions = 0, evictedBytes = 0 } = this.#endedCaches.get(cache.tier) ?? {};
      const grown = {
        evictions: evictions + cache.evictions,
        evictedBytes: evictedBytes + cache.evictedBytes,
      };
      this.#endedCaches.set(cache.tier, { tier: cache.tier, bytes: 0, bytesMax: 0, entries: 0, ...grown });
    }
  }

  /** Everything counted since the start. `own` is this thread's. */
  counters(own: CounterFigures, living: readonly ThreadFigures[]): Counters {
    const sum = new Counters(this.#tablesMax);
    sum.name(this.#names);
    for (const counters of [own, this.#ended.figures(), ...living.map((thread) => thread.counters)])
      sum.add(counters);
    this.#names = sum.namedTables();
    return sum;
  }

  gauges(living: readonly ThreadFigures[]): GaugeFigures {
    const numbers = { ...this.#endedNumbers };
    for (const { gauges } of living) addNumbers(numbers, gauges.numbers);
    const caches = new Map(this.#endedCaches);
    for (const cache of living.flatMap(({ gauges }) => gauges.caches)) {
      const sum = caches.get(cache.tier);
      caches.set(cache.tier, sum === undefined ? cache : addCaches(sum, cache));
    }
    return { caches: [...caches.values()], numbers };
  }

  /** What other threads use, or have used, of the machine. */
  uses(living: readonly ThreadFigures[]): ThreadUse[] {
    const nothing = {
      heapUsedBytes: 0,
      heapTotalBytes: 0,
      externalBytes: 0,
      lag: { p50: 0, p99: 0, max: 0 },
    };
    return [{ ...nothing, loopBusySeconds: this.#endedBusySeconds }, ...living.map(({ use }) => use)];
  }
}

function addNumbers(to: Partial<Record<NumberGauge, number>>, from: GaugeFigures["numbers"]): void {
  for (const name of [...currentGauges, ...growingGauges]) {
    const value = from[name];
    if (value !== undefined) to[name] = (to[name] ?? 0) + value;
  }
}

function addCaches(a: CacheFigures, b: CacheFigures): CacheFigures {
  return {
    tier: a.tier,
    bytes: a.bytes + b.bytes,
    bytesMax: a.bytesMax + b.bytesMax,
    entries: a.entries + b.entries,
    evictions: a.evictions + b.evictions,
    evictedBytes: a.evictedBytes + b.evictedBytes,
  };
}
