/** Metrics as the rest of the program knows them: a Recorder to count with, and text for Prometheus. */
import { Counters } from "./counters.ts";
import type { GaugeSources } from "./gauge-sources.ts";
import type { Recorder, StreamRecorder } from "./outcome.ts";
import { ProcessProbe, type ThreadUse } from "./process-probe.ts";
import { type MetricsSnapshot, takeSnapshot } from "./snapshot.ts";
import { StreamCounters } from "./stream-counters.ts";
import { readGauges, type ThreadFigures } from "./thread-figures.ts";

export interface MetricsOptions {
  /** Tables that are counted under their own name; later ones are counted together as "_other". */
  readonly tablesMax: number;
  /** Version of this program, shown in dynatier_build_info. */
  readonly version: string;
}

/** The process' other threads, whose figures count as well. */
export interface ThreadSource {
  /** Asks all of them for their figures, within a bound of time. */
  gather(): Promise<void>;
  /** This thread's counters and theirs, by their last word. */
  total(own: Counters): Counters;
  uses(): readonly ThreadUse[];
}

export interface Metrics extends Recorder {
  /** What is counted of followed streams. */
  readonly streams: StreamRecorder;
  /** All metrics as text, in the format that `contentType` names. */
  render(): Promise<string>;
  readonly contentType: string;
  /** Registers functions to be asked on each scrape. May be called again; a later function replaces. */
  gauges(sources: GaugeSources): void;
  /** From now on the figures of these threads count as well. */
  threads(source: ThreadSource): void;
  /** Fetches the other threads' figures, for snapshot(). */
  gather(): Promise<void>;
  /** Totals for each table and altogether, for people and for /api. */
  snapshot(): MetricsSnapshot;
  /** What this thread alone has counted; the numbers go on growing until they are copied. */
  threadFigures(): ThreadFigures;
  /** Stops measuring the event loop. */
  close(): void;
}

/** Prometheus' text format (prom-client's Registry.PROMETHEUS_CONTENT_TYPE, compared in the test). */
const contentType = "text/plain; version=0.0.4; charset=utf-8";

class PlainMetrics extends Counters implements Metrics {
  readonly contentType = contentType;
  readonly streams: StreamCounters;
  readonly #version: string;
  readonly #probe = new ProcessProbe();
  #gauges: GaugeSources = {};
  #others: ThreadSource | undefined;

  constructor(options: MetricsOptions) {
    super(options.tablesMax);
    this.streams = new StreamCounters(options.tablesMax);
    this.#version = options.version;
  }

  gauges(sources: GaugeSources): void {
    this.#gauges = { ...this.#gauges, ...sources };
  }

  threads(source: ThreadSource): void {
    this.#others = source;
  }

  async gather(): Promise<void> {
    await this.#others?.gather();
  }

  async render(): Promise<string> {
    await this.gather();
    const { createRegistry } = await import("./prometheus.ts");
    // A registry for each scrape: two scrapes at one time must not mix their figures.
    const registry = createRegistry({
      counters: this.#total(),
      streams: this.streams,
      gauges: () => this.#gauges,
      probe: this.#probe,
      uses: [this.#probe.use(), ...(this.#others?.uses() ?? [])],
      version: this.#version,
    });
    return registry.metrics();
  }

  snapshot(): MetricsSnapshot {
    return takeSnapshot(this.#total());
  }

  threadFigures(): ThreadFigures {
    return { counters: this.figures(), gauges: readGauges(this.#gauges), use: this.#probe.use() };
  }

  close(): void {
    this.#probe.close();
  }

  #total(): Counters {
    return this.#others?.total(this) ?? this;
  }
}

/** Creates the metrics of one process. Throws a RangeError if `tablesMax` is no whole number from 0. */
export function createMetrics(options: MetricsOptions): Metrics {
  return new PlainMetrics(options);
}
