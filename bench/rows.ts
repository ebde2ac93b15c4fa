/** THE table of the benchmark: which server answers what, and what its replies must say of the cache. */

import type { WorkloadName } from "./workloads.ts";
import { type YcsbName, ycsbNames, ycsbTitles } from "./ycsb.ts";

/**
 * "proxy…" are dynatier: with its fast lane off, with `auth: sigv4`, with Redis and hardly any memory, before another
 * upstream. "proxy-ycsb" has writes, which would cost the other's entries a hit here and there (slots). "…-over-http" have
 * the bare node:http server as their upstream instead of DynamoDB Local.
 */
export type ServerName =
  | "upstream"
  | "proxy"
  | "proxy-fastify"
  | "proxy-sigv4"
  | "proxy-redis"
  | "proxy-over-http"
  | "proxy-ycsb"
  | "forwarder"
  | "forwarder-over-http"
  | "fastify"
  | "node:http"
  | "nginx"
  | "redis";

/** Whether a server is dynatier, whose counters tell how it answered. */
export function isProxy(server: ServerName): boolean {
  return server.startsWith("proxy");
}

/** What is sent: a workload that only reads, plain Redis GETs, one of YCSB's, or a loop around a real SDK's client. */
export type Load =
  | { readonly kind: "read"; readonly workload: WorkloadName; readonly inTurn?: true }
  | { readonly kind: "redis" }
  | { readonly kind: "ycsb"; readonly name: YcsbName }
  | { readonly kind: "sdk"; readonly client: "sdk-js.ts" | "sdk-python.py" };

export interface Row {
  readonly id: string;
  readonly title: string;
  readonly server: ServerName;
  readonly load: Load;
  /** Sends x-dynatier-cache-control: no-cache, so that every request goes upstream. */
  readonly noCache: boolean;
  /** The reply's x-dynatier-cache once it is warm; "none" = it has none, undefined = it is not looked at. */
  readonly cache: RegExp | "none" | undefined;
  /** Where it is not the number that the flags say. */
  readonly connections: number | undefined;
  /** Shown in the README, under this name. */
  readonly short: string | undefined;
  /** Measured for less time: a row that no target is about. */
  readonly isBrief: boolean;
}

const hit = /^hit; tier=memory$/;
const redisHit = /^hit; tier=redis$/;
const miss = /^(miss|coalesced)\b/;
const one = { connections: 1 } as const;
const brief = { isBrief: true } as const;
const noCache = { noCache: true } as const;

function row(
  id: string,
  title: string,
  server: ServerName,
  load: Load | WorkloadName,
  cache: Row["cache"],
  more: Partial<Row> = {},
): Row {
  return {
    ...{ id, title, server, cache, noCache: false, connections: undefined, short: undefined, isBrief: false },
    load: typeof load === "string" ? { kind: "read", workload: load } : load,
    ...more,
  };
}

const redis: Load = { kind: "redis" };
const inTurn: Load = { kind: "read", workload: "GetItem", inTurn: true };
const js: Load = { kind: "sdk", client: "sdk-js.ts" };
const python: Load = { kind: "sdk", client: "sdk-python.py" };
const batchHit = (keys: number) => new RegExp(`^hit; tier=memory; items=${keys}/${keys}$`);

// Rows that are compared stand together, so that they run one after the other.
export const rows: readonly Row[] = [
  row("direct-get", "DynamoDB Local directly, GetItem", "upstream", "GetItem", "none", {
    short: "DynamoDB Local, directly",
  }),
  row("forwarder-get", "a plain undici forwarder, GetItem", "forwarder", "GetItem", undefined, {
    short: "a plain undici forwarder",
  }),
  row("proxy-get-miss", "dynatier, GetItem miss", "proxy", "GetItem", miss, {
    ...noCache,
    short: "dynatier, miss",
  }),
  row("forwarder-get-http", "the forwarder before node:http", "forwarder-over-http", "GetItem", undefined),
  row("proxy-get-http-miss", "dynatier's miss before node:http", "proxy-over-http", "GetItem", miss, noCache),
  row("direct-get-1", "DynamoDB Local directly, 1 connection", "upstream", "GetItem", "none", one),
  row("proxy-get-1-miss", "dynatier, GetItem miss, 1 connection", "proxy", "GetItem", miss, {
    ...one,
    ...noCache,
  }),
  row("http-get", "bare node:http + Map, GetItem", "node:http", "GetItem", hit, {
    short: "bare node:http + Map",
  }),
  row("proxy-get-hit", "dynatier, GetItem hit", "proxy", "GetItem", hit, { short: "dynatier, hit" }),
  row("proxy-get-hit-sigv4", "the same with auth: sigv4", "proxy-sigv4", "GetItem", hit, {
    short: "dynatier, hit, auth: sigv4",
  }),
  row("proxy-get-hit-fastify", "the same with the fast lane off", "proxy-fastify", "GetItem", hit, {
    short: "dynatier, hit, fast lane off",
  }),
  row("fastify-get", "bare Fastify + Map, GetItem", "fastify", "GetItem", hit, {
    short: "bare Fastify + Map",
  }),
  row("nginx-get", "nginx proxy_cache, GetItem", "nginx", "GetItem", /^HIT$/, { short: "nginx proxy_cache" }),
  row("redis-get", "plain Redis GET", "redis", redis, undefined, { short: "plain Redis GET" }),
  row("proxy-l2-hit", "dynatier, GetItem hit in Redis", "proxy-redis", inTurn, redisHit, {
    short: "dynatier, hit in Redis",
  }),
  row("redis-get-1", "plain Redis GET, 1 connection", "redis", redis, undefined, one),
  row("proxy-l2-hit-1", "dynatier, hit in Redis, 1 connection", "proxy-redis", inTurn, redisHit, one),
  row("http-query", "bare node:http + Map, Query", "node:http", "Query", hit, brief),
  row("proxy-query-hit", "dynatier, Query hit (25 items)", "proxy", "Query", hit, {
    short: "dynatier, Query hit (25 items)",
  }),
  row("fastify-query", "bare Fastify + Map, Query", "fastify", "Query", hit, brief),
  row("http-batch", "bare node:http + Map, BatchGetItem", "node:http", "BatchGetItem", batchHit(25), brief),
  row("proxy-batch-hit", "dynatier, BatchGetItem hit (25 keys)", "proxy", "BatchGetItem", batchHit(25), {
    ...brief,
    short: "dynatier, BatchGetItem hit (25 keys)",
  }),
  row("fastify-batch", "bare Fastify + Map, BatchGetItem", "fastify", "BatchGetItem", batchHit(25), brief),
  row(
    "http-batch-100",
    "bare node:http + Map, 100 keys",
    "node:http",
    "BatchGetItem100",
    batchHit(100),
    brief,
  ),
  row(
    "proxy-batch-100-hit",
    "dynatier, BatchGetItem hit (100 keys)",
    "proxy",
    "BatchGetItem100",
    batchHit(100),
    {
      ...brief,
      short: "dynatier, BatchGetItem hit (100 keys)",
    },
  ),
  row("sdk-js-direct", "AWS SDK for JavaScript v3, directly", "upstream", js, undefined, {
    ...one,
    ...brief,
  }),
  row("sdk-js-proxy", "the same through dynatier, hit", "proxy", js, undefined, { ...one, ...brief }),
  row("sdk-python-direct", "boto3, directly", "upstream", python, undefined, { ...one, ...brief }),
  row("sdk-python-proxy", "the same through dynatier, hit", "proxy", python, undefined, { ...one, ...brief }),
  ...ycsbNames.flatMap((name) => {
    const load: Load = { kind: "ycsb", name };
    const id = `ycsb-${name.toLowerCase()}`;
    return [
      row(`${id}-direct`, `YCSB ${name} (${ycsbTitles[name]}), directly`, "upstream", load, undefined, brief),
      row(`${id}-proxy`, `YCSB ${name} through dynatier`, "proxy-ycsb", load, undefined, brief),
    ];
  }),
];

/** The row of another server that a row is compared with: the one that answers the same requests. */
export function counterpart(of: Row, server: ServerName): Row | undefined {
  const goesUpstream = of.server === "upstream" || of.server.startsWith("forwarder") || of.noCache;
  if (server === "upstream" ? !isProxy(of.server) : goesUpstream) return undefined;
  const loadOf = ({ load }: Row): string => JSON.stringify({ ...load, inTurn: undefined });
  return rows.find(
    (other) =>
      other.server === server &&
      other.connections === of.connections &&
      loadOf(other) === loadOf(of) &&
      other !== of,
  );
}
