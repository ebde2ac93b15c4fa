/** Metrics as the rest of the program knows them: a Recorder to count with, and text for Prometheus. */
import { Counters } from "./counters.ts";
import type { GaugeSources } from "./gauge-sources.ts";
import type { Recorder, StreamRecorder } from "./outcome.ts";
import { ProcessProbe } from "./process-probe.ts";
import { type MetricsSnapshot, takeSnapshot } from "./snapshot.ts";
import { StreamCounters } from "./stream-counters.ts";

export interface MetricsOptions {
  /** Tables that are counted under their own name; later ones are counted together as "_other". */
  readonly tablesMax: number;
  /** Version of this program, shown in dynatier_build_info. */
  readonly version: string;
}

export interface Metrics extends Recorder {
  /** What is counted of followed streams. */
  readonly streams: StreamRecorder;
  /** All metrics as text, in the format that `contentType` names. */
  render(): Promise<string>;
  readonly contentType: string;
  /** Registers functions to be asked on each scrape. May be called again; a later function replaces. */
  gauges(sources: GaugeSources): void;
  /** Totals for each table and altogether, for people and for /api. */
  snapshot(): MetricsSnapshot;
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
  #rendering: Promise<() => Promise<string>> | undefined;

  constructor(options: MetricsOptions) {
    super(options.tablesMax);
    this.streams = new StreamCounters(options.tablesMax);
    this.#version = options.version;
  }

  gauges(sources: GaugeSources): void {
    this.#gauges = { ...this.#gauges, ...sources };
  }

  async render(): Promise<string> {
    this.#rendering ??= this.#load();
    const render = await this.#rendering;
    return render();
  }

  snapshot(): MetricsSnapshot {
    return takeSnapshot(this);
  }

  close(): void {
    this.#probe.close();
  }

  async #load(): Promise<() => Promise<string>> {
    const { createRegistry } = await import("./prometheus.ts");
    const registry = createRegistry({
      counters: this,
      streams: this.streams,
      gauges: () => this.#gauges,
      probe: this.#probe,
      version: this.#version,
    });
    return () => registry.metrics();
  }
}

/** Creates the metrics of one process. Throws a RangeError if `tablesMax` is no whole number from 0. */
export function createMetrics(options: MetricsOptions): Metrics {
  return new PlainMetrics(options);
}
