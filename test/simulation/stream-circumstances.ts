/** How the streams of one run behave, and how they are followed; all of it follows from the seed. */

import type { Circumstances } from "./circumstances.ts";
import type { Random } from "./random.ts";
import type { View } from "./stream-model.ts";

export interface StreamCircumstances {
  /** A record shows at most so long after its write. */
  readonly lagMs: number;
  readonly view: View;
  readonly shards: number;
  /** What LATEST stands behind: records that show, or everything committed. */
  readonly latest: "visible" | "committed";
  readonly filter: "honoured" | "ignored" | "refused";
  readonly pageShards: number;
  readonly pageRecords: number;
  /** Share of pages that are empty although there are records. */
  readonly emptyPages: number;
  /** A new shard is listed at most so late. */
  readonly listLagMs: number;
  readonly iteratorsLiveMs: number;
  /** How long a shard may stay unread before the follower takes records for lost, and when they are. */
  readonly retentionMs: number;
  readonly trimAfterMs: number;
  /** A call takes twice at most so long: there and back. */
  readonly delayMs: number;
  readonly requestTimeoutMs: number;
  readonly pollMs: number;
  readonly idlePollMs: number;
  readonly tickMs: number;
  readonly freshWithinMs: number;
  readonly degradedMaxAgeMs: number;
  readonly streamLagMaxMs: number;
  readonly required: boolean;
  /** Whether no call fails, nothing stalls, and what follows can be held to lag and poll. */
  readonly calm: boolean;
  /** Share of calls that fail, and of applications. */
  readonly faults: number;
  readonly sinkFaults: number;
  readonly backlogRecordsMax: number;
  /** Whether the second table has a stream too. */
  readonly both: boolean;
  /** What happens beside the clients' calls, as shares of these. */
  readonly events: Readonly<Record<StreamEvent, number>>;
}

export type StreamEvent = "split" | "merge" | "stall" | "expire" | "crash" | "echo" | "move" | "none";

/** What differs from the other simulations: nobody changes schemas, and many write around. */
export function underStreams(base: Circumstances, random: Random): Circumstances {
  return {
    ...base,
    ...{ schema: 0, tablesMax: 10, foreign: random.pick([0.05, 0.15]), pauseMs: random.pick([1, 4, 10]) },
    ...{ deadlineMs: random.pick([150, 250]), unknownOutcomeMs: random.pick([40, 120]) },
    ...{ slots: random.pick([16, 1024, 1024, 1024]), bytesMax: random.pick([5_000, 1_000_000, 1_000_000]) },
  };
}

export function streamCircumstances(random: Random): StreamCircumstances {
  const calm = random.chance(0.4);
  const requestTimeoutMs = 60;
  const retentionMs = random.pick([250, 600, 5_000]);
  const rarely = (share: number) => (random.chance(0.5) ? share : 0);
  return {
    lagMs: random.pick([0, 5, 20, 60]),
    view: random.pick(["NEW_AND_OLD_IMAGES", "NEW_AND_OLD_IMAGES", "KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE"]),
    shards: random.pick([1, 2, 3]),
    latest: random.pick(["visible", "committed"]),
    filter: random.pick(["honoured", "honoured", "ignored", "refused"]),
    pageShards: random.pick([2, 100]),
    pageRecords: calm ? 1_000 : random.pick([2, 1_000]),
    emptyPages: calm ? 0 : random.pick([0, 0.1]),
    listLagMs: calm ? 0 : random.pick([0, 20]),
    iteratorsLiveMs: random.pick([150, 1_000, 10_000]),
    ...{ retentionMs, trimAfterMs: retentionMs + 3 * requestTimeoutMs, requestTimeoutMs },
    delayMs: random.pick([1, 5]),
    pollMs: random.pick([4, 10]),
    idlePollMs: random.pick([20, 40]),
    tickMs: random.pick([5, 20]),
    freshWithinMs: random.pick([60, 100, 250]),
    // A fraction, so that it is told from a caller's own wish.
    degradedMaxAgeMs: random.pick([0, 15.5, 40.5]),
    streamLagMaxMs: random.pick([0, 0, 0, 400]),
    required: random.chance(0.1),
    calm,
    faults: calm ? 0 : random.pick([0.02, 0.1, 0.3]),
    sinkFaults: calm ? 0 : random.pick([0, 0.05]),
    backlogRecordsMax: random.pick([5, 100_000, 100_000]),
    both: random.chance(0.6),
    events: {
      ...{ split: rarely(0.02), merge: rarely(0.02), echo: random.pick([0, 0.02]), none: 1 },
      move: random.pick([0, 0.02]),
      ...{ crash: rarely(0.008), stall: calm ? 0 : rarely(0.01), expire: calm ? 0 : rarely(0.01) },
    },
  };
}
