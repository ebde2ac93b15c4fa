/** What one thread of the process has counted and measured, in a form that can be posted to another. */
import type { CounterFigures } from "./counter-rows.ts";
import {
  type CacheFigures,
  currentGauges,
  type GaugeSources,
  growingGauges,
  type NumberGauge,
} from "./gauge-sources.ts";
import type { ThreadUse } from "./process-probe.ts";

export interface ThreadFigures {
  readonly counters: CounterFigures;
  readonly gauges: GaugeFigures;
  readonly use: ThreadUse;
}

/** What the gauge sources of one thread said. */
export interface GaugeFigures {
  readonly caches: readonly CacheFigures[];
  readonly numbers: Readonly<Partial<Record<NumberGauge, number>>>;
}

/** Asks each source once. */
export function readGauges(sources: GaugeSources): GaugeFigures {
  const numbers: Partial<Record<NumberGauge, number>> = {};
  for (const name of [...currentGauges, ...growingGauges]) {
    const value = sources[name]?.();
    if (value !== undefined && Number.isFinite(value)) numbers[name] = value;
  }
  return { caches: sources.caches?.() ?? [], numbers };
}
