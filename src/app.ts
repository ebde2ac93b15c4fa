/** The composition root: the only place that constructs everything and sees all settings. */

import { readFileSync } from "node:fs";
import { invalidate } from "./admin/invalidation.ts";
import { type AdminServer, createAdminServer } from "./admin/server.ts";
import { reportTable, type TableReport } from "./admin/table-report.ts";
import { VersionClock } from "./cache/coherence.ts";
import { MemoryTier } from "./cache/memory-tier.ts";
import { SingleFlight } from "./cache/single-flight.ts";
import type { CacheTier } from "./cache/tier.ts";
import { packageVersion } from "./cli/version.ts";
import type { Others } from "./compose-redis.ts";
import { createFreshness, createSupervisor, streamFigures } from "./compose-streams.ts";
import { isLoopbackHost } from "./config/loopback.ts";
import type { Settings } from "./config/settings.ts";
import { ruleFor } from "./config/table-rules.ts";
import { parseReply, toBytes } from "./dynamodb/json-codec.ts";
import type { Input, TableSchema } from "./dynamodb/model.ts";
import type { Freshness } from "./invalidation/freshness.ts";
import { applyTableChange } from "./invalidation/invalidator.ts";
import type { StreamSupervisor } from "./invalidation/stream-supervisor.ts";
import { createMetrics } from "./metrics/registry.ts";
import type { Deps } from "./proxy/deps.ts";
import { explain } from "./proxy/explain.ts";
import { DynamoHttpServer } from "./proxy/http-server.ts";
import type { Loaded } from "./proxy/loaded.ts";
import { handle } from "./proxy/pipeline.ts";
import { createDynamoDbClient } from "./upstream/dynamodb-client.ts";
import { type Embedded, startEmbedded } from "./upstream/embedded.ts";
import { TableCatalog } from "./upstream/table-catalog.ts";
import { systemClock } from "./util/clock.ts";
import { createLogger } from "./util/log.ts";

export interface App {
  readonly settings: Settings;
  /** Listens. Gives the addresses to call, and the upstream's as far as it has one. */
  start(): Promise<{ url: string; adminUrl: string; upstream: string }>;
  /** Drains within drainMs and closes everything. May be called without start. */
  stop(): Promise<void>;
  /** The plan of a request; only DescribeTable is sent. */
  explain(operation: string, input: Input): Promise<Record<string, unknown>>;
  /** Reaches the upstream and says how each of its tables is cached. */
  check(): Promise<{ problems: string[]; tables: TableReport[] }>;
}

/** Builds the proxy. Nothing listens before start; an embedded upstream runs at once. */
export async function createApp(settings: Settings): Promise<App> {
  const embedded = settings.upstream === "embedded" ? await startEmbedded() : undefined;
  const redis = settings.redis === undefined ? undefined : await import("./compose-redis.ts");
  return new DynatierApp(settings, embedded, redis);
}

class DynatierApp implements App {
  readonly settings: Settings;
  readonly #embedded: Embedded | undefined;
  readonly #log;
  readonly #metrics;
  readonly #upstream;
  readonly #catalog: TableCatalog;
  readonly #memory: MemoryTier;
  readonly #cache: CacheTier;
  readonly #others: Others | undefined;
  readonly #deps: Deps;
  readonly #freshness: Freshness;
  readonly #supervisor: StreamSupervisor;
  readonly #server: DynamoHttpServer;
  readonly #admin: AdminServer;
  #state: "new" | "ready" | "stopping" = "new";

  constructor(
    settings: Settings,
    embedded: Embedded | undefined,
    redis: typeof import("./compose-redis.ts") | undefined,
  ) {
    const clock = systemClock;
    this.settings = settings;
    this.#embedded = embedded;
    this.#log = createLogger(settings.logLevel);
    this.#metrics = createMetrics({ tablesMax: settings.metricsTablesMax, version: packageVersion() });
    this.#upstream = createDynamoDbClient({
      upstream: embedded?.url ?? settings.upstream,
      region: settings.region,
      endpointMode: settings.awsEndpointMode,
      accountId: settings.awsAccountId,
      connectionsMax: settings.upstreamConnections,
      queuedMax: settings.upstreamQueuedMax,
      clock,
      recorder: this.#metrics,
    });
    const versions = new VersionClock({ clock, slots: settings.slots });
    const { cacheBytesMax: bytesMax, entryBytesMax } = settings;
    this.#memory = new MemoryTier({ versions, clock, bytesMax, entryBytesMax });
    this.#freshness = createFreshness(settings, clock);
    this.#others = redis?.joinOthers({
      ...{ settings, clock, versions, log: this.#log, memory: this.#memory, freshness: this.#freshness },
      ...{ sender: redis.newSender(), thread: 0, barrier: new redis.RedisBarrier(1, 0) },
      streams: () => this.#supervisor,
    });
    this.#cache = this.#others?.far.cache ?? this.#memory;
    this.#catalog = new TableCatalog({
      upstream: this.#upstream,
      clock,
      refreshMs: settings.schemaRefreshMs,
      tablesMax: settings.tablesMax,
      onChange: (old) => {
        void applyTableChange(old, versions.pendingForMs(), this.#cache, this.#metrics);
        this.#log.info({ table: old.TableName }, "the table was changed: what was cached of it is dropped");
      },
    });
    this.#deps = {
      upstream: this.#upstream,
      schemas: this.#catalog,
      cache: this.#cache,
      flights: new SingleFlight<Loaded>({ clock, waitersMax: settings.waitersMax }),
      clock,
      recorder: this.#metrics,
      freshness: this.#freshness,
      ruleFor: (TableName) => ruleFor(TableName, settings),
      isGuarded: ({ tableId }) => !this.#freshness.isFollowed(tableId),
      unknownOutcomeMs: settings.unknownOutcomeMs,
    };
    this.#supervisor = createSupervisor({
      settings,
      deps: this.#deps,
      catalog: this.#catalog,
      freshness: this.#freshness,
      metrics: this.#metrics,
      log: this.#log,
      turns: this.#others?.turns,
    });
    this.#server = this.#buildServer();
    this.#admin = this.#buildAdmin();
    this.#metrics.gauges({
      caches: () => [{ tier: "memory", ...this.#memory.stats() }],
      streams: () => streamFigures(this.#catalog, this.#supervisor, this.#freshness),
      requestsInFlight: () => this.#server.inFlight,
      waitingCallers: () => this.#deps.flights.waiting,
      clientConnections: () => this.#server.sockets.open,
      clientReceivedBytes: () => this.#server.sockets.receivedBytes,
      clientSentBytes: () => this.#server.sockets.sentBytes,
      unknownOutcomesPending: () => versions.pendingChanges(),
      upstreamRequestsInFlight: () => this.#upstream.stats().inFlight,
    });
  }

  async start(): Promise<{ url: string; adminUrl: string; upstream: string }> {
    const { host, port, adminHost, adminPort } = this.settings;
    const url = await this.#server.start(host, port);
    const admin = await this.#admin.start(adminHost, adminPort);
    this.#others?.start();
    this.#supervisor.start();
    this.#state = "ready";
    return { url, adminUrl: admin.url, upstream: this.#embedded?.url ?? this.settings.upstream };
  }

  async stop(): Promise<void> {
    this.#state = "stopping";
    await this.#server.stop();
    await this.#admin.stop();
    await this.#supervisor.stop();
    await this.#others?.stop();
    await this.#upstream.close();
    await this.#cache.close();
    await this.#embedded?.close();
    this.#metrics.close();
  }

  explain(operation: string, input: Input): Promise<Record<string, unknown>> {
    return explain(operation, input, this.#deadline(), this.#deps);
  }

  async check(): Promise<{ problems: string[]; tables: TableReport[] }> {
    try {
      const names = await this.#listTables();
      const tables = await Promise.all(
        names.map(async (name) => this.#report(name, await this.#catalog.schema(name, this.#deadline()))),
      );
      const problems = tables
        .filter(({ why }) => why.startsWith("it cannot be described"))
        .map(({ table, why }) => `${table}: ${why}`);
      return { problems, tables };
    } catch (error) {
      return { problems: [error instanceof Error ? error.message : String(error)], tables: [] };
    }
  }

  #report(TableName: string, schema: TableSchema | undefined): TableReport {
    const stream = schema && this.#supervisor.report(schema);
    return reportTable(TableName, schema, ruleFor(TableName, this.settings), stream);
  }

  async #listTables(): Promise<string[]> {
    const names: string[] = [];
    let ExclusiveStartTableName: unknown;
    do {
      const reply = await this.#upstream.send({
        target: "DynamoDB_20120810.ListTables",
        body: toBytes({ ExclusiveStartTableName }),
        idempotent: true,
        deadlineAtMs: this.#deadline(),
      });
      const body = parseReply(reply.body);
      if (reply.status !== 200) throw new Error(`ListTables was refused: ${JSON.stringify(body)}`);
      if (Array.isArray(body.TableNames)) names.push(...body.TableNames.map(String));
      ExclusiveStartTableName = body.LastEvaluatedTableName;
    } while (ExclusiveStartTableName !== undefined && names.length < this.settings.tablesMax);
    return names;
  }

  #buildServer(): DynamoHttpServer {
    const { settings } = this;
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
      handle: (call) => handle(call, this.#deps),
      region: settings.region,
      requestTimeoutMs: settings.requestTimeoutMs,
      bodyBytesMax: settings.bodyBytesMax,
      inFlightMax: settings.inFlightMax,
      fastLane: settings.fastLane,
      keepAliveMs: settings.keepAliveMs,
      drainMs: settings.drainMs,
      loopbackOnly: isLoopbackHost(settings.host),
      tls,
      clock: this.#deps.clock,
      recorder: this.#metrics,
      log: this.#log,
    });
  }

  #buildAdmin(): AdminServer {
    return createAdminServer({
      metrics: this.#metrics,
      adminToken: this.settings.adminToken,
      log: this.#log,
      ready: () => ({
        ready: this.#state === "ready",
        reason: this.#state === "ready" ? "serving" : `${this.#state}`,
      }),
      status: () => this.#status(),
      tables: () => this.#tables(),
      invalidate: (request) =>
        invalidate(request, {
          cache: this.#cache,
          recorder: this.#metrics,
          describe: async (reference) => this.#catalog.schema(reference, this.#deadline()),
        }),
    });
  }

  #status(): object {
    const { upstream, region, workers } = this.settings;
    return {
      version: packageVersion(),
      state: this.#state,
      upstream,
      region,
      workers,
      uptimeSeconds: Math.round(process.uptime()),
      requestsInFlight: this.#server.inFlight,
      memory: this.#memory.stats(),
      redis: this.#others?.report(),
      totals: this.#metrics.snapshot().total,
    };
  }

  #tables(): readonly object[] {
    const figures = new Map(this.#metrics.snapshot().tables.map((one) => [one.table, one]));
    return this.#catalog.known().map((schema) => {
      const { TableName } = schema;
      return {
        ...this.#report(TableName, schema),
        ...figures.get(TableName),
      };
    });
  }

  #deadline(): number {
    return systemClock.nowMs() + this.settings.requestTimeoutMs;
  }
}
