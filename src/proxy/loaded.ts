/** What an upstream read brings home: one entry for all who wait for it, or an error for all of them. */

import type { CacheEntry, FillOutcome } from "../cache/tier.ts";
import type { UpstreamReply } from "../upstream/upstream.ts";

export interface Answer {
  readonly entry: CacheEntry;
  readonly capacityText: string | undefined;
}

/** What a flight brings home for all who wait for it. */
export type Loaded =
  | {
      readonly answer: Answer;
      readonly requestId: string | undefined;
      readonly fill: FillOutcome | undefined;
    }
  | { readonly answer?: undefined; readonly reply: UpstreamReply };
