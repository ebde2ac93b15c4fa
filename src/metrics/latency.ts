/** A latency histogram in plain numbers: one array of bucket counts and a sum. */

/** Upper bounds of the buckets in seconds, 50 µs to 10 s; the last, unnamed one is +Inf. */
export const latencyBoundsSeconds: readonly number[] = [
  0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
  10,
];

/** A histogram's numbers, as they reach another thread. */
export interface LatencyFigures {
  readonly counts: Float64Array;
  readonly sumSeconds: number;
}

export class Latency implements LatencyFigures {
  /** Observations per bucket, not cumulative. */
  readonly counts = new Float64Array(latencyBoundsSeconds.length + 1);
  sumSeconds = 0;

  /** Takes one duration in milliseconds; one that is no time at all (negative, NaN, infinite) counts as 0. */
  observe(durationMs: number): void {
    const seconds = durationMs > 0 && durationMs < Number.POSITIVE_INFINITY ? durationMs / 1000 : 0;
    let bucket = 0;
    while (bucket < latencyBoundsSeconds.length && seconds > latencyBoundsSeconds[bucket]!) bucket += 1;
    this.counts[bucket]! += 1;
    this.sumSeconds += seconds;
  }

  add(figures: LatencyFigures): void {
    for (const [bucket, count] of figures.counts.entries()) this.counts[bucket]! += count;
    this.sumSeconds += figures.sumSeconds;
  }

  /** Number of observations. */
  count(): number {
    let total = 0;
    for (const count of this.counts) total += count;
    return total;
  }
}
