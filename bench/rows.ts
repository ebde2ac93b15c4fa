/** THE table of the benchmark: which server answers what, and what its replies must say of the cache. */

import type { WorkloadName } from "./workloads.ts";

/** "proxy-fastify" is the proxy with its fast lane off: every request goes through Node's HTTP server and Fastify. */
export type ServerName = "upstream" | "proxy" | "proxy-fastify" | "fastify" | "node:http";

/** Whether a server is dynatier, which a row can find warm and whose counters tell how it answered. */
export function isProxy(server: ServerName): boolean {
  return server === "proxy" || server === "proxy-fastify";
}

export interface Row {
  readonly id: string;
  readonly title: string;
  readonly server: ServerName;
  readonly workload: WorkloadName;
  /** Sends x-dynatier-cache-control: no-cache, so that every request goes upstream. */
  readonly noCache: boolean;
  /** The reply's x-dynatier-cache once it is warm; undefined = it has none. */
  readonly cache: RegExp | undefined;
}

const hit = /^hit; tier=memory$/;
const batchHit = /^hit; tier=memory; items=25\/25$/;

function row(
  id: string,
  title: string,
  server: ServerName,
  workload: WorkloadName,
  cache: RegExp | undefined,
  noCache = false,
): Row {
  return { id, title, server, workload, cache, noCache };
}

// Rows that are compared stand together, so that they run one after the other.
export const rows: readonly Row[] = [
  row("direct-get", "DynamoDB Local directly, GetItem", "upstream", "GetItem", undefined),
  row("proxy-get-miss", "dynatier, GetItem miss", "proxy", "GetItem", /^(miss|coalesced)\b/, true),
  row("http-get", "bare node:http + Map, GetItem", "node:http", "GetItem", hit),
  row("proxy-get-hit", "dynatier, GetItem hit", "proxy", "GetItem", hit),
  row("proxy-get-hit-fastify", "the same with the fast lane off", "proxy-fastify", "GetItem", hit),
  row("fastify-get", "bare Fastify, GetItem reply", "fastify", "GetItem", hit),
  row("http-query", "bare node:http + Map, Query", "node:http", "Query", hit),
  row("proxy-query-hit", "dynatier, Query hit (25 items)", "proxy", "Query", hit),
  row("fastify-query", "bare Fastify, Query reply", "fastify", "Query", hit),
  row("http-batch", "bare node:http + Map, BatchGetItem", "node:http", "BatchGetItem", batchHit),
  row("proxy-batch-hit", "dynatier, BatchGetItem hit (25 keys)", "proxy", "BatchGetItem", batchHit),
  row("fastify-batch", "bare Fastify, BatchGetItem reply", "fastify", "BatchGetItem", batchHit),
];

/** The row of another server that a row is compared with: the one that answers the same request. */
export function counterpart(of: Row, server: ServerName): Row | undefined {
  if (server === "upstream" ? !isProxy(of.server) : of.server === "upstream" || of.noCache) return undefined;
  return rows.find((one) => one.server === server && one.workload === of.workload && one !== of);
}
