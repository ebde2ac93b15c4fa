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

/** State of one worker thread, its replacements included. */
export interface WorkerFigures {
  /** From 1. */
  readonly worker: number;
  readonly isServing: boolean;
  readonly connections: number;
  /** Times that it was replaced, since the start. */
  readonly restarts: number;
  /** Time in which its event loop was not idle, since the start. */
  readonly busySeconds: number;
}

/** The sources that give one number each: what is now, and what has come together since the start. */
export const currentGauges = [
  "requestsInFlight",
  "waitingCallers",
  "clientConnections",
  "upstreamRequestsInFlight",
  "unknownOutcomesPending",
  "redisQueuedTags",
  "redisFillBytes",
  "redisUp",
  "peerLagSeconds",
] as const;
export const growingGauges = [
  "clientReceivedBytes",
  "clientSentBytes",
  "workerFiguresLate",
  "redisHits",
  "redisMisses",
  "redisUnavailable",
  "redisFillsStored",
  "redisFillsFailed",
  "redisFillsDropped",
  "redisFillsTooLarge",
  "redisChangesAcknowledged",
  "redisChangesUnacknowledged",
  "redisMarksPlaced",
  "redisMarksFailed",
  "peerMessages",
  "peerGaps",
] as const;

export type NumberGauge = (typeof currentGauges)[number] | (typeof growingGauges)[number];

/** Functions asked on every scrape. A metric whose source was not registered is left out, not shown as 0. */
export interface GaugeSources extends Readonly<Partial<Record<NumberGauge, () => number>>> {
  readonly caches?: () => readonly CacheFigures[];
  /** The followed streams. */
  readonly streams?: () => readonly StreamFigures[];
  /** The worker threads, where there are any. */
  readonly workers?: () => readonly WorkerFigures[];
}
