/** THE metrics table: every metric that GET /metrics shows. docs/METRICS.md is printed from it (print.ts). */

import { nodeRows } from "./catalogue-nodes.ts";
import { counter, gauge, histogram, type MetricRow } from "./metric-row.ts";

const rows = {
  // Calls of clients
  dynatier_requests_total: counter(
    ["operation", "table", "outcome", "status"],
    "requests",
    "Finished calls. outcome is the word of the x-dynatier-cache reply header; status is the class of " +
      "the HTTP status, none if the client had gone.",
  ),
  dynatier_request_duration_seconds: histogram(
    ["operation", "outcome"],
    "seconds",
    "Time from the call's arrival to its reply. Its count is dynatier_requests_total summed over " +
      "table and status.",
  ),
  dynatier_uncached_total: counter(
    ["table", "reason"],
    "requests",
    "Why calls went past the cache or their answers were not stored; every one of them is also in " +
      "dynatier_requests_total.",
  ),
  dynatier_errors_total: counter(
    ["kind", "origin", "error"],
    "requests",
    "Error replies: user_error and throttled are 4xx, fault is 5xx; origin says who wrote the error. " +
      'user_error + throttled + fault = dynatier_requests_total{status=~"4xx|5xx"}.',
  ),
  dynatier_requests_in_flight: gauge([], "requests", "Calls that have arrived and are not yet answered."),
  dynatier_waiting_callers: gauge(
    [],
    "requests",
    "Calls that wait for an upstream read which another call began. They finish with " +
      'outcome="coalesced", or with their own error.',
  ),
  dynatier_client_connections: gauge([], "connections", "Open connections of clients."),
  dynatier_client_received_bytes_total: counter([], "bytes", "Bytes received from clients."),
  dynatier_client_sent_bytes_total: counter([], "bytes", "Bytes sent to clients."),

  // The cache
  dynatier_lookups_total: counter(
    ["cache", "table", "result"],
    "look-ups",
    "Look-ups in the item, query and scan cache; each key of a batch is one. hit + negative_hit + " +
      "coalesced + shadow_hit + miss = look-ups. negative_hit: known to be absent; coalesced: not " +
      "cached, joined a read under way; shadow_hit: would have been a hit (cache: shadow).",
  ),
  dynatier_fills_total: counter(
    ["table", "outcome"],
    "answers",
    "Upstream answers offered to the cache. Only stored ones were kept: stale_lease (something it " +
      "depends on changed meanwhile), unsettled (a replica may lag after a change), too_large.",
  ),
  dynatier_invalidations_total: counter(
    ["table", "source"],
    "invalidations",
    "Changes applied to the cache, by what told us of them.",
  ),
  dynatier_strong_reads_forced_total: counter(
    ["table"],
    "reads",
    "Reads asked for as eventually consistent and sent strongly consistent, as a replica might have " +
      "lagged after a change. They cost double; that is in dynatier_read_units_used_total.",
  ),
  dynatier_cache_bytes: gauge(
    ["tier"],
    "bytes",
    "Memory that what is cached takes, bounded by dynatier_cache_bytes_max.",
  ),
  dynatier_cache_bytes_max: gauge(
    ["tier"],
    "bytes",
    "Bound of dynatier_cache_bytes (setting cacheBytesMax).",
  ),
  dynatier_cache_entries: gauge(["tier"], "entries", "Cached answers."),
  dynatier_cache_evictions_total: counter(
    ["tier"],
    "entries",
    "Entries pushed out to make room for others. Not those that were replaced, expired or invalidated.",
  ),
  dynatier_cache_evicted_bytes_total: counter(
    ["tier"],
    "bytes",
    "Size of the entries in dynatier_cache_evictions_total.",
  ),

  // Streams
  dynatier_stream_lag_seconds: gauge(
    ["table"],
    "seconds",
    "Time since everything that had happened by then was applied, for each followed table. An idle stream is " +
      "caught up with each poll. A table without this series is not followed.",
  ),
  dynatier_stream_apply_delay_seconds: histogram(
    ["table"],
    "seconds",
    "From a record's own time (whole seconds, so up to one too much) to its application. Its count is " +
      "dynatier_stream_records_total summed over result, but for records without a time.",
  ),
  dynatier_stream_records_total: counter(
    ["table", "result"],
    "records",
    "Stream records applied. confirmed: the cached item was the record's new image already (most often our own " +
      "write) and stayed; invalidated: what was cached is dropped.",
  ),
  dynatier_stream_polls_total: counter(
    ["table", "result"],
    "requests",
    "GetRecords calls, which DynamoDB charges: with records, empty, throttled or failed.",
  ),
  dynatier_stream_flushes_total: counter(
    ["table", "reason"],
    "flushes",
    "Times that everything of a table was dropped, as following began or its stream had a gap.",
  ),
  dynatier_stream_shards_open: gauge(["table"], "shards", "Shards that are read."),

  // Other nodes
  ...nodeRows,

  // Capacity
  dynatier_read_units_used_total: counter(
    ["table"],
    "read units",
    "Read capacity units that cacheable reads through this proxy consumed upstream, and those of reads " +
      "that pass where the caller asked for ReturnConsumedCapacity.",
  ),
  dynatier_read_units_saved_total: counter(
    ["table"],
    "read units",
    "Read capacity units that answers from the cache would have cost. used + saved = the cost without " +
      "this proxy, but for strong reads that it forced.",
  ),
  dynatier_write_units_used_total: counter(
    ["table"],
    "write units",
    "Write capacity units that writes through this proxy consumed, where the caller asked for " +
      "ReturnConsumedCapacity: a write is not altered to learn it. A cache saves none.",
  ),

  // DynamoDB
  dynatier_upstream_requests_total: counter(
    ["operation", "result"],
    "requests",
    "Requests sent upstream, retries included. ok: a 2xx reply; error: any other reply; timeout, " +
      "reset, refused: no reply.",
  ),
  dynatier_upstream_duration_seconds: histogram(
    ["operation"],
    "seconds",
    "Time from sending upstream to the whole reply or its failure. Its count is " +
      "dynatier_upstream_requests_total summed over result.",
  ),
  dynatier_upstream_retries_total: counter(
    ["operation"],
    "requests",
    "Requests that this proxy sent again by itself; a part of dynatier_upstream_requests_total.",
  ),
  dynatier_upstream_requests_in_flight: gauge([], "requests", "Requests sent upstream and not yet answered."),
  dynatier_unknown_outcomes_pending: gauge(
    [],
    "writes",
    "Writes whose outcome is unknown and that may still land. While there are any, nothing is stored " +
      "that depends on what they write.",
  ),

  // Worker threads
  dynatier_worker_up: gauge(
    ["worker"],
    "",
    "Whether the worker thread serves: 1 while it does, 0 while it starts or is replaced. Worker metrics are there " +
      "where `workers` is more than 1.",
  ),
  dynatier_worker_connections: gauge(
    ["worker"],
    "connections",
    "Open connections of clients to this worker. The system spreads new connections by their addresses, not by load.",
  ),
  dynatier_worker_busy_seconds_total: counter(
    ["worker"],
    "seconds",
    "Time in which the worker's event loop was not idle. Its rate is the worker's utilisation; near 1 it can take no more.",
  ),
  dynatier_worker_restarts_total: counter(
    ["worker"],
    "restarts",
    "Times that the worker died and was replaced. Each drops everything cached, as writes that it had under way have an " +
      "outcome which nobody will learn.",
  ),
  dynatier_worker_figures_late_total: counter(
    [],
    "requests",
    "Times that a worker did not give its figures in time. Its last known ones were counted instead.",
  ),

  // The process
  dynatier_build_info: gauge(["version", "node_version"], "", "Always 1; the labels say what runs."),
  dynatier_process_start_time_seconds: gauge([], "seconds", "Start of the process, since 1970-01-01 UTC."),
  dynatier_process_cpu_seconds_total: counter(
    ["mode"],
    "seconds",
    "CPU time of the process in user and system mode. user + system = CPU time; its rate is the " +
      "number of busy cores.",
  ),
  dynatier_process_resident_memory_bytes: gauge([], "bytes", "Resident memory of the process."),
  dynatier_nodejs_heap_size_used_bytes: gauge(
    [],
    "bytes",
    "Used part of dynatier_nodejs_heap_size_total_bytes, all threads together.",
  ),
  dynatier_nodejs_heap_size_total_bytes: gauge(
    [],
    "bytes",
    "Heap of the JavaScript engine, all threads together.",
  ),
  dynatier_nodejs_external_memory_bytes: gauge(
    [],
    "bytes",
    "Memory held by JavaScript objects outside the heap, all threads together; cached answers are here.",
  ),
  dynatier_nodejs_eventloop_busy_seconds_total: counter(
    [],
    "seconds",
    "Time in which the event loop was not idle. Its rate is the utilisation; near 1 a process can " +
      "take no more. With worker threads their sum: look at dynatier_worker_busy_seconds_total then.",
  ),
  dynatier_nodejs_eventloop_lag_seconds: gauge(
    ["quantile"],
    "seconds",
    "How late timers of the event loop were between two scrapes, at least 10 seconds apart (quantile 1 is " +
      "the maximum). With worker threads, that of the slowest.",
  ),
} as const satisfies Record<string, MetricRow>;

export type MetricName = keyof typeof rows;

export const metricCatalogue: Readonly<Record<MetricName, MetricRow>> = rows;
