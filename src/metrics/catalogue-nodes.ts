/** Rows of the metrics table about what nodes share. */

import { counter, gauge, type MetricRow } from "./metric-row.ts";

export const nodeRows = {
  dynatier_redis_up: gauge(
    [],
    "",
    "Whether Redis is used: 1, or 0 while it cannot be reached or what it may have forgotten is being made good. These metrics " +
      "are there where `redis` is set.",
  ),
  dynatier_redis_lookups_total: counter(
    ["result"],
    "look-ups",
    "Look-ups that memory could not answer. hit: Redis did; miss: it had nothing valid; unavailable: no answer. Callers " +
      "who look for the same at the same time count once each.",
  ),
  dynatier_redis_fills_total: counter(
    ["result"],
    "answers",
    "Answers sent to Redis, off the reply's path. dropped: too much was on its way (redisFillBytesMax); too_large: " +
      "redisEntryBytesMax.",
  ),
  dynatier_redis_fill_bytes: gauge(
    [],
    "bytes",
    "Answers on their way to Redis, bounded by redisFillBytesMax.",
  ),
  dynatier_redis_invalidations_total: counter(
    ["result"],
    "invalidations",
    "Changes told to Redis and the other nodes. unacknowledged ones are sent again; until then nothing is read there.",
  ),
  dynatier_redis_queued_tags: gauge(
    [],
    "tags",
    "What Redis has yet to be told, bounded by redisQueuedTagsMax.",
  ),
  dynatier_redis_marks_total: counter(
    ["result"],
    "writes",
    "Writes announced in Redis before they were sent (writeGuard). failed ones were sent all the same, or refused under " +
      "`require`.",
  ),
  dynatier_peer_lag_seconds: gauge(
    [],
    "seconds",
    "Time since this node had everything that other nodes had told by then. Beyond freshWithinMs its hits are capped.",
  ),
  dynatier_peer_messages_total: counter([], "messages", "Changes of other nodes that were applied."),
  dynatier_peer_gaps_total: counter(
    [],
    "gaps",
    "Times that everything cached was dropped, because something that other nodes told may have been missed.",
  ),
} as const satisfies Record<string, MetricRow>;
