/** The catalogue as prom-client metrics. Loaded with the first scrape; nothing needs it before. */
import { Gauge, Registry } from "prom-client";
import { type MetricName, metricCatalogue } from "./catalogue.ts";
import type { MetricRow } from "./metric-row.ts";
import type { Sample, SampleSources } from "./pulled-samples.ts";
import { collectors } from "./samples.ts";

type Scraped = Awaited<ReturnType<Gauge["get"]>>;

/**
 * A metric of any type that keeps nothing: each scrape asks `pull` for the samples. A Gauge, because that is
 * the one class of prom-client that shows samples as they are; the type that is shown is the row's.
 */
class PulledMetric extends Gauge {
  readonly row: MetricRow;
  readonly pull: () => Iterable<Sample>;

  constructor(name: MetricName, row: MetricRow, pull: () => Iterable<Sample>, registry: Registry) {
    super({ name, help: row.help, labelNames: row.labels, registers: [registry] });
    this.row = row;
    this.pull = pull;
  }

  override async get(): Promise<Scraped> {
    const base = await super.get();
    const values = Array.from(this.pull(), ({ labels, value, suffix = "" }) => ({
      labels,
      value,
      metricName: base.name + suffix,
    }));
    return Object.assign(base, { type: this.row.type, values });
  }
}

/** A registry of every metric of the catalogue, which asks `sources` for the numbers on each scrape. */
export function createRegistry(sources: SampleSources): Registry {
  const registry = new Registry();
  for (const [name, row] of Object.entries(metricCatalogue) as [MetricName, MetricRow][]) {
    new PulledMetric(name, row, () => collectors[name](sources), registry);
  }
  return registry;
}
