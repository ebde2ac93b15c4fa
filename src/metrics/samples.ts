/** Turns the plain numbers into samples, one function for each row of the catalogue. */
import type { MetricName } from "./catalogue.ts";
import { lookupCount, statusCount, type TableCounters } from "./counter-rows.ts";
import {
  fillSlots,
  kindSlots,
  lookupSlots,
  outcomeSlots,
  reasonSlots,
  slotNames,
  sourceSlots,
  statusSlots,
  upstreamSlots,
} from "./label-values.ts";
import { type Latency, latencyBoundsSeconds } from "./latency.ts";
import type { ThreadUse } from "./process-probe.ts";
import {
  type Collector,
  cache,
  type Labels,
  pulled,
  pulledResults,
  type Sample,
  type SampleSources,
  streamGauge,
  worker,
} from "./pulled-samples.ts";

const outcomes = slotNames(outcomeSlots);
const statuses = slotNames(statusSlots);
const kinds = slotNames(kindSlots);

/** A small label's values, all of them once one is above 0: a rate needs the 0 to begin at. */
function* samplesOf(
  values: Float64Array,
  slots: Readonly<Record<string, number>>,
  label: string,
  rest: Labels,
) {
  if (values.every((value) => value === 0)) return;
  for (const [name, slot] of Object.entries(slots)) {
    yield { labels: { ...rest, [label]: name }, value: values[slot]! };
  }
}

function* requests({ counters }: SampleSources): Iterable<Sample> {
  for (const { table, operations } of counters.tables()) {
    for (const [operation, { calls }] of operations) {
      for (const [slot, value] of calls.entries()) {
        if (value === 0) continue;
        const outcome = outcomes[Math.floor(slot / statusCount)]!;
        yield { labels: { operation, table, outcome, status: statuses[slot % statusCount]! }, value };
      }
    }
  }
}

function* lookups({ counters }: SampleSources): Iterable<Sample> {
  for (const { table, lookups: values } of counters.tables()) {
    for (const [row, cache] of kinds.entries()) {
      const results = values.subarray(row * lookupCount, (row + 1) * lookupCount);
      yield* samplesOf(results, lookupSlots, "result", { cache, table });
    }
  }
}

function perTable(
  field: "fills" | "invalidations" | "reasons",
  slots: Record<string, number>,
  label: string,
) {
  return function* ({ counters }: SampleSources): Iterable<Sample> {
    for (const table of counters.tables())
      yield* samplesOf(table[field], slots, label, { table: table.table });
  };
}

type TableTotal = "readUnitsUsed" | "readUnitsSaved" | "writeUnitsUsed" | "strongReadsForced";

/** One number a table. `shownWith` are the fields of which one must be above 0 for a table to appear. */
function tableTotal(field: TableTotal, shownWith: readonly TableTotal[] = [field]): Collector {
  return function* ({ counters }) {
    const seen = (table: TableCounters) => shownWith.some((name) => table[name] > 0);
    for (const table of counters.tables()) {
      if (seen(table)) yield { labels: { table: table.table }, value: table[field] };
    }
  };
}

function* latencySamples(latency: Latency, labels: Labels): Iterable<Sample> {
  let below = 0;
  for (const [bucket, count] of latency.counts.entries()) {
    below += count;
    const bound = latencyBoundsSeconds[bucket];
    const le = bound === undefined ? "+Inf" : String(bound);
    yield { labels: { ...labels, le }, value: below, suffix: "_bucket" };
  }
  yield { labels, value: latency.sumSeconds, suffix: "_sum" };
  yield { labels, value: below, suffix: "_count" };
}

function* requestDurations({ counters }: SampleSources): Iterable<Sample> {
  for (const [operation, latencies] of counters.latencies()) {
    for (const [slot, latency] of latencies.entries()) {
      if (latency.count() > 0) yield* latencySamples(latency, { operation, outcome: outcomes[slot]! });
    }
  }
}

function* upstreamDurations({ counters }: SampleSources): Iterable<Sample> {
  for (const [operation, { latency }] of counters.upstreamOperations()) {
    yield* latencySamples(latency, { operation });
  }
}

function* upstreamResults({ counters }: SampleSources): Iterable<Sample> {
  for (const [operation, { results }] of counters.upstreamOperations()) {
    yield* samplesOf(results, upstreamSlots, "result", { operation });
  }
}

function* upstreamRetries({ counters }: SampleSources): Iterable<Sample> {
  for (const [operation, { retries }] of counters.upstreamOperations()) {
    yield { labels: { operation }, value: retries };
  }
}

function* errors({ counters }: SampleSources): Iterable<Sample> {
  for (const { kind, origin, error, count } of counters.errors()) {
    yield { labels: { kind, origin, error }, value: count };
  }
}

/** Of the thread that is furthest behind. */
function* loopLag({ uses }: SampleSources): Iterable<Sample> {
  const worst = (of: (use: ThreadUse) => number) => Math.max(0, ...uses.map(of));
  yield { labels: { quantile: "0.5" }, value: worst(({ lag }) => lag.p50) };
  yield { labels: { quantile: "0.99" }, value: worst(({ lag }) => lag.p99) };
  yield { labels: { quantile: "1" }, value: worst(({ lag }) => lag.max) };
}

/** All threads together. */
function summed(of: Exclude<keyof ThreadUse, "lag">): Collector {
  return ({ uses }) => [{ labels: {}, value: uses.reduce((total, use) => total + use[of], 0) }];
}

function* cpu({ probe }: SampleSources): Iterable<Sample> {
  for (const [mode, value] of Object.entries(probe.cpuSeconds())) yield { labels: { mode }, value };
}

function streamCounts(field: "records" | "polls"): Collector {
  return function* ({ streams }) {
    for (const counters of streams.tables()) {
      for (const [result, value] of Object.entries(counters[field])) {
        if (value > 0) yield { labels: { table: counters.table, result }, value };
      }
    }
  };
}

function* streamFlushes({ streams }: SampleSources): Iterable<Sample> {
  for (const { table, flushes } of streams.tables()) {
    for (const [reason, value] of flushes) yield { labels: { table, reason }, value };
  }
}

function* streamDelays({ streams }: SampleSources): Iterable<Sample> {
  for (const { table, delay } of streams.tables()) {
    if (delay.count() > 0) yield* latencySamples(delay, { table });
  }
}

function single(read: (sources: SampleSources) => number): Collector {
  return (sources) => [{ labels: {}, value: read(sources) }];
}

/** One row for each metric: the type refuses a metric without samples and samples without a metric. */
export const collectors: Readonly<Record<MetricName, Collector>> = {
  dynatier_requests_total: requests,
  dynatier_request_duration_seconds: requestDurations,
  dynatier_uncached_total: perTable("reasons", reasonSlots, "reason"),
  dynatier_errors_total: errors,
  dynatier_requests_in_flight: pulled("requestsInFlight"),
  dynatier_waiting_callers: pulled("waitingCallers"),
  dynatier_client_connections: pulled("clientConnections"),
  dynatier_client_received_bytes_total: pulled("clientReceivedBytes"),
  dynatier_client_sent_bytes_total: pulled("clientSentBytes"),
  dynatier_lookups_total: lookups,
  dynatier_fills_total: perTable("fills", fillSlots, "outcome"),
  dynatier_invalidations_total: perTable("invalidations", sourceSlots, "source"),
  dynatier_strong_reads_forced_total: tableTotal("strongReadsForced"),
  dynatier_cache_bytes: cache("bytes"),
  dynatier_cache_bytes_max: cache("bytesMax"),
  dynatier_cache_entries: cache("entries"),
  dynatier_cache_evictions_total: cache("evictions"),
  dynatier_cache_evicted_bytes_total: cache("evictedBytes"),
  dynatier_stream_lag_seconds: streamGauge(({ lagMs }) => lagMs / 1000),
  dynatier_stream_apply_delay_seconds: streamDelays,
  dynatier_stream_records_total: streamCounts("records"),
  dynatier_stream_polls_total: streamCounts("polls"),
  dynatier_stream_flushes_total: streamFlushes,
  dynatier_stream_shards_open: streamGauge(({ shardsOpen }) => shardsOpen),
  dynatier_redis_up: pulled("redisUp"),
  dynatier_redis_lookups_total: pulledResults({
    hit: "redisHits",
    miss: "redisMisses",
    unavailable: "redisUnavailable",
  }),
  dynatier_redis_fills_total: pulledResults({
    stored: "redisFillsStored",
    failed: "redisFillsFailed",
    dropped: "redisFillsDropped",
    too_large: "redisFillsTooLarge",
  }),
  dynatier_redis_fill_bytes: pulled("redisFillBytes"),
  dynatier_redis_invalidations_total: pulledResults({
    acknowledged: "redisChangesAcknowledged",
    unacknowledged: "redisChangesUnacknowledged",
  }),
  dynatier_redis_queued_tags: pulled("redisQueuedTags"),
  dynatier_redis_marks_total: pulledResults({ placed: "redisMarksPlaced", failed: "redisMarksFailed" }),
  dynatier_peer_lag_seconds: pulled("peerLagSeconds"),
  dynatier_peer_messages_total: pulled("peerMessages"),
  dynatier_peer_gaps_total: pulled("peerGaps"),
  dynatier_read_units_used_total: tableTotal("readUnitsUsed", ["readUnitsUsed", "readUnitsSaved"]),
  dynatier_read_units_saved_total: tableTotal("readUnitsSaved", ["readUnitsUsed", "readUnitsSaved"]),
  dynatier_write_units_used_total: tableTotal("writeUnitsUsed"),
  dynatier_upstream_requests_total: upstreamResults,
  dynatier_upstream_duration_seconds: upstreamDurations,
  dynatier_upstream_retries_total: upstreamRetries,
  dynatier_upstream_requests_in_flight: pulled("upstreamRequestsInFlight"),
  dynatier_unknown_outcomes_pending: pulled("unknownOutcomesPending"),
  dynatier_worker_up: worker(({ isServing }) => (isServing ? 1 : 0)),
  dynatier_worker_connections: worker(({ connections }) => connections),
  dynatier_worker_busy_seconds_total: worker(({ busySeconds }) => busySeconds),
  dynatier_worker_restarts_total: worker(({ restarts }) => restarts),
  dynatier_worker_figures_late_total: pulled("workerFiguresLate"),
  dynatier_build_info: ({ version }) => [{ labels: { version, node_version: process.version }, value: 1 }],
  dynatier_process_start_time_seconds: single(() => performance.timeOrigin / 1000),
  dynatier_process_cpu_seconds_total: cpu,
  dynatier_process_resident_memory_bytes: single(() => process.memoryUsage.rss()),
  dynatier_nodejs_heap_size_used_bytes: summed("heapUsedBytes"),
  dynatier_nodejs_heap_size_total_bytes: summed("heapTotalBytes"),
  dynatier_nodejs_external_memory_bytes: summed("externalBytes"),
  dynatier_nodejs_eventloop_busy_seconds_total: summed("loopBusySeconds"),
  dynatier_nodejs_eventloop_lag_seconds: loopLag,
};
