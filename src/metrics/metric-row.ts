/** What one row of the metrics table is. */

export type MetricType = "counter" | "gauge" | "histogram";

export interface MetricRow {
  readonly type: MetricType;
  readonly labels: readonly string[];
  readonly unit: string;
  /** What it counts, and how it relates to the others. */
  readonly help: string;
}

export function counter(labels: readonly string[], unit: string, help: string): MetricRow {
  return { type: "counter", labels, unit, help };
}

export function gauge(labels: readonly string[], unit: string, help: string): MetricRow {
  return { type: "gauge", labels, unit, help };
}

export function histogram(labels: readonly string[], unit: string, help: string): MetricRow {
  return { type: "histogram", labels, unit, help };
}
