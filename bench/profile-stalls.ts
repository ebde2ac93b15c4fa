/** Who made slow replies slow: their times laid over the times in which the server or the load stood still. Pure. */

import type { Stall } from "./profile-recording.ts";
import type { Interval } from "./scale-replay.ts";

/** What one process, of one loop, has recorded. */
export interface Standing {
  readonly stalls: readonly Stall[];
  /** When its collector held it. */
  readonly pauses: readonly Interval[];
}

/** Why a loop stood still: the largest part of it. */
export const causes = {
  collector: "its garbage collector",
  waited: "the kernel ran something else on its core",
  ran: "it ran by its own account: a long turn, or the machine stood still",
} as const;
export type Cause = keyof typeof causes;

export interface CauseFigures {
  readonly who: string;
  readonly cause: Cause;
  readonly stalls: number;
  readonly longestMs: number;
  readonly sumMs: number;
  /** Slow replies of which this, with the queue behind it, is the largest part that is known. */
  readonly slowReplies: number;
}

export interface Attribution {
  readonly causes: readonly CauseFigures[];
  readonly slow: number;
  /** Slow replies of which less than a quarter is known: somebody was slow in a way that is no stall. */
  readonly unexplained: number;
}

/** A slow reply is explained by what covers so much of it. */
const shareMin = 0.25;

const overlapMs = (one: Interval, other: Interval): number =>
  Math.max(0, Math.min(one[1], other[1]) - Math.max(one[0], other[0]));

/** At half of the throughput, what has come in during a stall takes as long again to be answered. */
const withQueue = ([fromMs, toMs]: Interval): Interval => [fromMs, 2 * toMs - fromMs];

const lengthMs = ([fromMs, toMs]: Interval): number => toMs - fromMs;

export function causeOf({ interval, waitedMs }: Stall, pauses: readonly Interval[]): Cause {
  const collectorMs = pauses.reduce((sum, pause) => sum + overlapMs(interval, pause), 0);
  const ranMs = lengthMs(interval) - collectorMs - waitedMs;
  if (collectorMs >= Math.max(waitedMs, ranMs)) return "collector";
  return waitedMs >= ranMs ? "waited" : "ran";
}

/** @param standing by who it is, e.g. the proxy and the load */
export function attribute(
  slow: readonly Interval[],
  standing: Readonly<Record<string, Standing>>,
): Attribution {
  const kinds = Object.entries(standing).flatMap(([who, { stalls, pauses }]) =>
    (Object.keys(causes) as Cause[]).map((cause) => ({
      ...{ who, cause, slowReplies: 0 },
      intervals: stalls.filter((stall) => causeOf(stall, pauses) === cause).map(({ interval }) => interval),
    })),
  );
  let unexplained = 0;
  for (const reply of slow) {
    const covered = kinds.map(({ intervals }) =>
      intervals.reduce((sum, interval) => sum + overlapMs(withQueue(interval), reply), 0),
    );
    const most = Math.max(...covered);
    if (most < shareMin * lengthMs(reply)) unexplained += 1;
    else kinds[covered.indexOf(most)]!.slowReplies += 1;
  }
  return {
    causes: kinds.map(({ intervals, ...kind }) => ({
      ...kind,
      stalls: intervals.length,
      longestMs: Math.max(0, ...intervals.map(lengthMs)),
      sumMs: intervals.reduce((sum, interval) => sum + lengthMs(interval), 0),
    })),
    ...{ slow: slow.length, unexplained },
  };
}
