/** Samples of the figures that others own: asked for on each scrape. */
import type { Counters } from "./counters.ts";
import type {
  CacheFigures,
  GaugeSources,
  NumberGauge,
  StreamFigures,
  WorkerFigures,
} from "./gauge-sources.ts";
import type { ProcessProbe, ThreadUse } from "./process-probe.ts";
import type { StreamCounters } from "./stream-counters.ts";

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
  /** "_bucket", "_sum" or "_count" after a histogram's name. */
  readonly suffix?: string;
}

/** All that samples are taken from. */
export interface SampleSources {
  readonly counters: Counters;
  readonly streams: StreamCounters;
  readonly gauges: () => GaugeSources;
  readonly probe: ProcessProbe;
  /** What each thread uses. */
  readonly uses: readonly ThreadUse[];
  readonly version: string;
}

export type Collector = (sources: SampleSources) => Iterable<Sample>;

/** A number somebody else owns; left out while nobody has registered it, or if it is no number. */
export function pulled(name: NumberGauge): Collector {
  return function* ({ gauges }) {
    const value = gauges()[name]?.();
    if (value !== undefined && Number.isFinite(value)) yield { labels: {}, value };
  };
}

/** Several such numbers, told apart by `result`. */
export function pulledResults(names: Readonly<Record<string, NumberGauge>>): Collector {
  return function* ({ gauges }) {
    for (const [result, name] of Object.entries(names)) {
      const value = gauges()[name]?.();
      if (value !== undefined && Number.isFinite(value)) yield { labels: { result }, value };
    }
  };
}

export function cache(field: Exclude<keyof CacheFigures, "tier">): Collector {
  return function* ({ gauges }) {
    for (const figures of gauges().caches?.() ?? []) {
      if (Number.isFinite(figures[field])) yield { labels: { tier: figures.tier }, value: figures[field] };
    }
  };
}

export function worker(read: (figures: WorkerFigures) => number): Collector {
  return function* ({ gauges }) {
    for (const figures of gauges().workers?.() ?? [])
      yield { labels: { worker: String(figures.worker) }, value: read(figures) };
  };
}

export function streamGauge(read: (figures: StreamFigures) => number): Collector {
  return function* ({ gauges }) {
    for (const figures of gauges().streams?.() ?? []) {
      const value = read(figures);
      if (Number.isFinite(value)) yield { labels: { table: figures.table }, value };
    }
  };
}
