/**
 * What a thread that serves requests is made of: upstream client, table catalog, cache, and the pipeline's parts. The main
 * thread is one if it works alone, each worker thread is one otherwise.
 */

import { readFileSync } from "node:fs";
import type { Authenticator } from "./auth/authenticator.ts";
import type { VersionClock } from "./cache/coherence.ts";
import { MemoryTier } from "./cache/memory-tier.ts";
import { SingleFlight } from "./cache/single-flight.ts";
import type { CacheTier } from "./cache/tier.ts";
import type { Far } from "./compose-redis.ts";
import { isLoopbackHost } from "./config/loopback.ts";
import type { Settings } from "./config/settings.ts";
import { ruleFor } from "./config/table-rules.ts";
import type { Freshness } from "./invalidation/freshness.ts";
import { applyTableChange } from "./invalidation/invalidator.ts";
import type { GaugeSources } from "./metrics/gauge-sources.ts";
import type { Metrics } from "./metrics/registry.ts";
import type { Deps, Schemas } from "./proxy/deps.ts";
import { DynamoHttpServer } from "./proxy/http-server.ts";
import type { Loaded } from "./proxy/loaded.ts";
import { handle } from "./proxy/pipeline.ts";
import type { Describe } from "./upstream/describe-table.ts";
import { createDynamoDbClient, type DynamoDbClient } from "./upstream/dynamodb-client.ts";
import { TableCatalog } from "./upstream/table-catalog.ts";
import type { TableVersions } from "./upstream/table-versions.ts";
import type { Clock } from "./util/clock.ts";
import type { Logger } from "./util/log.ts";

/** Where a worker's knowledge of tables comes from: the main thread's catalog, which is the only one to describe them. */
export interface TableAuthority {
  readonly describe: Describe;
  /** Has a table described again, because an answer does not fit what is known of it. */
  refresh(reference: string): void;
}

export interface ServingParts {
  readonly settings: Settings;
  readonly upstreamUrl: string;
  readonly clock: Clock;
  /** Shared by all threads of the process. */
  readonly versions: VersionClock;
  readonly tableVersions: TableVersions;
  readonly freshness: Pick<Freshness, "ageMsMax" | "isFollowed">;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** This thread's share of cacheBytesMax, from 1. */
  readonly bytesMax: number;
  /** Undefined = this thread describes tables itself. */
  readonly authority?: TableAuthority;
  /** Puts this thread's memory over what nodes share; undefined = there is nothing that they share. */
  readonly createFar?: ((parts: FarMemory) => Far | undefined) | undefined;
}

export interface FarMemory {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Logger;
  readonly memory: MemoryTier;
}

export interface Serving {
  readonly deps: Deps;
  readonly catalog: TableCatalog;
  /** This thread's answers, for its figures; changes and look-ups go to deps.cache. */
  readonly memory: MemoryTier;
  readonly upstream: DynamoDbClient;
  readonly far: Far | undefined;
  close(): Promise<void>;
}

export function createServing(parts: ServingParts): Serving {
  const { settings, clock, metrics, freshness, log } = parts;
  const upstream = createUpstream(parts);
  const memory = createMemory(parts);
  // The one place where a thread's tiers are put together.
  const far = parts.createFar?.({ settings, clock, log, memory });
  const cache: CacheTier = far?.cache ?? memory;
  const catalog = createCatalog(parts, upstream, cache);
  const deps: Deps = {
    upstream,
    schemas: schemasOf(catalog, parts.authority),
    cache,
    flights: new SingleFlight<Loaded>({ clock, waitersMax: settings.waitersMax }),
    clock,
    recorder: metrics,
    freshness,
    ruleFor: (TableName) => ruleFor(TableName, settings),
    // Asked at every read: alone, there is nobody to warn.
    isGuarded: ({ tableId }) => far !== undefined && !freshness.isFollowed(tableId),
    unknownOutcomeMs: settings.unknownOutcomeMs,
  };
  return {
    ...{ deps, catalog, memory, upstream, far },
    async close() {
      await upstream.close();
      await (far?.stop() ?? cache.close());
    },
  };
}

function createUpstream({ settings, upstreamUrl, clock, metrics }: ServingParts): DynamoDbClient {
  return createDynamoDbClient({
    upstream: upstreamUrl,
    region: settings.region,
    endpointMode: settings.awsEndpointMode,
    accountId: settings.awsAccountId,
    connectionsMax: settings.upstreamConnections,
    queuedMax: settings.upstreamQueuedMax,
    clock,
    recorder: metrics,
  });
}

function createMemory({ settings, versions, clock, bytesMax }: ServingParts): MemoryTier {
  return new MemoryTier({ versions, clock, bytesMax, entryBytesMax: settings.entryBytesMax });
}

/**
 * All threads see the same sequence of descriptions, because one catalog describes. When it finds a change it raises the
 * table's version in shared memory, then drops what is cached of the table, and only then hands the new description out.
 * From the first of these steps no thread plans with the old one (its catalog asks again), and a write that was planned
 * with it finds out when it ends (schemaChanges in proxy/write.ts). Without that: 1 worker A learns of a new index and
 * stores a query of it · 2 worker B, whose description is older, writes; its tags do not name the index · 3 A's query is
 * served for a whole TTL. An operation that changes a table (CreateTable, UpdateTable, DeleteTable, …) raises the
 * version before its client hears, in whichever thread it was: no message has to arrive anywhere first.
 */
function createCatalog(parts: ServingParts, upstream: DynamoDbClient, cache: CacheTier): TableCatalog {
  const { settings, clock, versions, tableVersions, metrics, log, authority } = parts;
  const common = { upstream, clock, tablesMax: settings.tablesMax, versions: tableVersions };
  const { schemaRefreshMs: refreshMs } = settings;
  if (authority === undefined) {
    return new TableCatalog({
      ...{ ...common, refreshMs },
      onChange: (old) => {
        void applyTableChange(old, versions.pendingForMs(), cache, metrics);
        log.info({ table: old.TableName }, "the table was changed: what was cached of it is dropped");
      },
    });
  }
  return new TableCatalog({
    ...common,
    describe: authority.describe,
    announces: false,
    // The main thread has dropped what was cached, before it told.
    onChange: () => {},
    // The main thread renews a description that is asked for from ¾ of refreshMs on: so no thread uses an older one.
    refreshMs: refreshMs / 4,
  });
}

function schemasOf(catalog: TableCatalog, authority: TableAuthority | undefined): Schemas {
  return {
    schema: (reference, deadlineAtMs) => catalog.schema(reference, deadlineAtMs),
    refresh: (reference) => {
      if (authority === undefined) void catalog.refresh(reference);
      else authority.refresh(reference);
    },
    forget: (reference) => catalog.forget(reference),
    known: () => catalog.current(),
  };
}

/**
 * The HTTP front end of a serving thread.
 * @param authenticator undefined only with `auth: none`
 */
export function createServer(
  settings: Settings,
  { deps }: Serving,
  authenticator: Authenticator | undefined,
  log: Logger,
): DynamoHttpServer {
  if ((settings.auth === "none") !== (authenticator === undefined)) {
    throw new Error("a bug: callers that must sign would be served without, or the reverse");
  }
  const { tlsCert, tlsKey, tlsClientCa } = settings;
  const pem = (path: string) => readFileSync(path, "utf8");
  const tls =
    tlsCert === undefined || tlsKey === undefined
      ? undefined
      : {
          cert: pem(tlsCert),
          key: pem(tlsKey),
          clientCa: tlsClientCa === undefined ? undefined : pem(tlsClientCa),
        };
  return new DynamoHttpServer({
    handle: (call) => handle(call, deps),
    region: settings.region,
    requestTimeoutMs: settings.requestTimeoutMs,
    bodyBytesMax: settings.bodyBytesMax,
    inFlightMax: settings.inFlightMax,
    fastLane: settings.fastLane,
    keepAliveMs: settings.keepAliveMs,
    drainMs: settings.drainMs,
    loopbackOnly: isLoopbackHost(settings.host),
    authenticator,
    tls,
    clock: deps.clock,
    recorder: deps.recorder,
    log,
  });
}

/** What a serving thread can tell on a scrape. */
export function servingGauges(
  { memory, deps, upstream, far }: Serving,
  server: DynamoHttpServer,
  versions: VersionClock,
): GaugeSources {
  return {
    ...far?.gauges,
    caches: () => [{ tier: "memory", ...memory.stats() }],
    requestsInFlight: () => server.inFlight,
    waitingCallers: () => deps.flights.waiting,
    clientConnections: () => server.sockets.open,
    clientReceivedBytes: () => server.sockets.receivedBytes,
    clientSentBytes: () => server.sockets.sentBytes,
    unknownOutcomesPending: () => versions.pendingChanges(),
    upstreamRequestsInFlight: () => upstream.stats().inFlight,
  };
}
