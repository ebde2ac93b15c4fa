// How long to wait before trying again: exponential with full jitter, so that callers who failed together
// part.

export interface BackoffOptions {
  /** Upper end before the second attempt; doubles with each further one. */
  readonly baseMs: number;
  readonly capMs: number;
  /** In [0, 1); default Math.random. */
  readonly random?: () => number;
}

/**
 * Milliseconds to wait after `failures` failed attempts (1 or more): uniform in [0, min(cap, base ×
 * 2^(failures − 1))).
 */
export function fullJitterMs(failures: number, options: BackoffOptions): number {
  const ceiling = Math.min(options.capMs, options.baseMs * 2 ** (failures - 1));
  return (options.random ?? Math.random)() * ceiling;
}
