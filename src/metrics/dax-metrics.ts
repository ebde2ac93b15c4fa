/** Where each CloudWatch metric of DAX is found among ours. Printed into docs/METRICS.md. */
import type { MetricName } from "./catalogue.ts";

/** Where a metric of DAX is found here: a PromQL expression over `metric`, or why there is none. */
export type DaxRow =
  | { readonly metric: MetricName; readonly query: string }
  | { readonly notApplicable: string };

/** The row of a DAX request count: calls of one operation. */
function requestsOf(operation: string): DaxRow {
  return { metric: "dynatier_requests_total", query: `dynatier_requests_total{operation="${operation}"}` };
}

function lookupsOf(cache: string, results: string): DaxRow {
  const query = `dynatier_lookups_total{cache="${cache}",result=~"${results}"}`;
  return { metric: "dynatier_lookups_total", query };
}

const hits = "hit|negative_hit";
const misses = "miss|coalesced";
const instanceCredits: DaxRow = {
  notApplicable:
    "CPU credits belong to a T instance of EC2, not to a process; see CloudWatch of the instance.",
};
const packets: DaxRow = {
  notApplicable:
    "Packets are the kernel's; the Prometheus node exporter counts them. Bytes are counted here.",
};
const baseline: DaxRow = {
  notApplicable: "The network baseline belongs to an EC2 instance type; see CloudWatch of the instance.",
};

/**
 * Every metric of the namespace AWS/DAX, in AWS's order (developer guide, "DAX metrics and dimensions").
 * Counters are to be read with increase() or rate(), as CloudWatch's Sum.
 */
export const daxMetrics: Readonly<Record<string, DaxRow>> = {
  CPUUtilization: {
    metric: "dynatier_process_cpu_seconds_total",
    query: "100 * sum(rate(dynatier_process_cpu_seconds_total[1m]))",
  },
  CacheMemoryUtilization: {
    metric: "dynatier_cache_bytes",
    query: "100 * dynatier_cache_bytes / dynatier_cache_bytes_max",
  },
  NetworkBytesIn: {
    metric: "dynatier_client_received_bytes_total",
    query: "dynatier_client_received_bytes_total",
  },
  NetworkBytesOut: { metric: "dynatier_client_sent_bytes_total", query: "dynatier_client_sent_bytes_total" },
  NetworkPacketsIn: packets,
  NetworkPacketsOut: packets,
  BaselineNetworkBytesInUtilization: baseline,
  BaselineNetworkBytesOutUtilization: baseline,
  GetItemRequestCount: requestsOf("GetItem"),
  BatchGetItemRequestCount: requestsOf("BatchGetItem"),
  BatchWriteItemRequestCount: requestsOf("BatchWriteItem"),
  DeleteItemRequestCount: requestsOf("DeleteItem"),
  PutItemRequestCount: requestsOf("PutItem"),
  UpdateItemRequestCount: requestsOf("UpdateItem"),
  TransactWriteItemsCount: requestsOf("TransactWriteItems"),
  TransactGetItemsCount: requestsOf("TransactGetItems"),
  QueryRequestCount: requestsOf("Query"),
  ScanRequestCount: requestsOf("Scan"),
  TotalRequestCount: { metric: "dynatier_requests_total", query: "sum(dynatier_requests_total)" },
  ItemCacheHits: lookupsOf("item", hits),
  ItemCacheMisses: lookupsOf("item", misses),
  QueryCacheHits: lookupsOf("query", hits),
  QueryCacheMisses: lookupsOf("query", misses),
  ScanCacheHits: lookupsOf("scan", hits),
  ScanCacheMisses: lookupsOf("scan", misses),
  ErrorRequestCount: {
    metric: "dynatier_errors_total",
    query: 'sum(dynatier_errors_total{kind=~"user_error|throttled"})',
  },
  ThrottledRequestCount: {
    metric: "dynatier_errors_total",
    query: 'sum(dynatier_errors_total{kind="throttled",origin="proxy"})',
  },
  FaultRequestCount: { metric: "dynatier_errors_total", query: 'sum(dynatier_errors_total{kind="fault"})' },
  FailedRequestCount: { metric: "dynatier_errors_total", query: "sum(dynatier_errors_total)" },
  EvictedSize: {
    metric: "dynatier_cache_evicted_bytes_total",
    query: "dynatier_cache_evicted_bytes_total",
  },
  EstimatedDbSize: { metric: "dynatier_cache_bytes", query: "dynatier_cache_bytes" },
  ClientConnections: { metric: "dynatier_client_connections", query: "dynatier_client_connections" },
  CPUCreditUsage: instanceCredits,
  CPUCreditBalance: instanceCredits,
  CPUSurplusCreditBalance: instanceCredits,
  CPUSurplusCreditsCharged: instanceCredits,
};
