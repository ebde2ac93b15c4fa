/** The figures that others own and that metrics fetch on a scrape. */

/** State of one cache tier. Bytes are what the tier's bound counts. */
export interface CacheFigures {
  /** "memory" or "redis", as in the reply header. */
  readonly tier: string;
  readonly bytes: number;
  readonly bytesMax: number;
  readonly entries: number;
  /** Entries pushed out to make room, since the start. */
  readonly evictions: number;
  readonly evictedBytes: number;
}

/** State of one followed stream. */
export interface StreamFigures {
  readonly table: string;
  readonly lagMs: number;
  readonly shardsOpen: number;
}

/** Functions asked on every scrape. A metric whose source was not registered is left out, not shown as 0. */
export interface GaugeSources {
  readonly caches?: () => readonly CacheFigures[];
  /** The followed streams. */
  readonly streams?: () => readonly StreamFigures[];
  readonly requestsInFlight?: () => number;
  readonly waitingCallers?: () => number;
  readonly clientConnections?: () => number;
  /** Since the start, as all figures named `…Bytes` here. */
  readonly clientReceivedBytes?: () => number;
  readonly clientSentBytes?: () => number;
  readonly upstreamRequestsInFlight?: () => number;
  readonly unknownOutcomesPending?: () => number;
}
