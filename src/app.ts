/** The composition root: the only place that constructs everything and sees all settings. */

import { extname } from "node:path";
import { invalidate } from "./admin/invalidation.ts";
import { type AdminServer, createAdminServer } from "./admin/server.ts";
import { reportTable, type TableReport } from "./admin/table-report.ts";
import { VersionClock } from "./cache/coherence.ts";
import { checkTables, type TableCheck } from "./check-tables.ts";
import { UsageError } from "./cli/command.ts";
import { packageVersion } from "./cli/version.ts";
import { type CallerKeys, openCallerKeys } from "./compose-auth.ts";
import type { FarIdentity, Others } from "./compose-redis.ts";
import { createSupervisor, freshnessOptions, streamFigures } from "./compose-streams.ts";
import type { Settings } from "./config/settings.ts";
import { ruleFor } from "./config/table-rules.ts";
import type { Input, TableSchema } from "./dynamodb/model.ts";
import { Freshness } from "./invalidation/freshness.ts";
import { applyChange } from "./invalidation/invalidator.ts";
import type { StreamSupervisor } from "./invalidation/stream-supervisor.ts";
import { everythingTag } from "./invalidation/tags.ts";
import type { GaugeSources } from "./metrics/gauge-sources.ts";
import { createMetrics, type Metrics } from "./metrics/registry.ts";
import { explain } from "./proxy/explain.ts";
import { createServer, createServing, type Serving, servingGauges } from "./serving.ts";
import { type Embedded, startEmbedded } from "./upstream/embedded.ts";
import { TableVersions } from "./upstream/table-versions.ts";
import { systemClock } from "./util/clock.ts";
import { createLogger } from "./util/log.ts";
import { portSharingProblem } from "./workers/port-sharing.ts";
import { PostedFreshness } from "./workers/posted-freshness.ts";
import { WorkerPool } from "./workers/worker-pool.ts";

export interface App {
  readonly settings: Settings;
  /** The keys that callers sign with, which can be read anew; undefined with `auth: none`. */
  readonly callers: CallerKeys | undefined;
  /** Listens. Gives the addresses to call, and the upstream's as far as it has one. */
  start(): Promise<{ url: string; adminUrl: string; upstream: string }>;
  /** Drains within drainMs and closes everything. May be called without start. */
  stop(): Promise<void>;
  /** The plan of a request; only DescribeTable is sent. */
  explain(operation: string, input: Input): Promise<Record<string, unknown>>;
  /** Reaches the upstream and says how each of its tables is cached. */
  check(): Promise<TableCheck>;
}

/**
 * Builds the proxy. Nothing listens before start; an embedded upstream runs at once.
 * @throws UsageError if there are to be several workers and they cannot share a port here
 */
export async function createApp(settings: Settings): Promise<App> {
  const { workers, host } = settings;
  const problem = workers > 1 ? await portSharingProblem(host) : undefined;
  if (problem !== undefined) {
    const why = "their threads would listen on one port, which this system or Node.js does not offer";
    throw new UsageError(`\`workers\` cannot be ${workers}: ${why} (${problem}); set it to 1`);
  }
  const callers = await openCallerKeys(settings);
  const embedded = settings.upstream === "embedded" ? await startEmbedded() : undefined;
  const redis = settings.redis === undefined ? undefined : await import("./compose-redis.ts");
  return new DynatierApp(settings, embedded, redis, callers);
}

/** What answers clients: this thread's server, or the worker threads'. */
interface Front {
  start(host: string, port: number): Promise<string>;
  stop(): Promise<void>;
}

class DynatierApp implements App {
  readonly settings: Settings;
  readonly callers: CallerKeys | undefined;
  readonly #embedded: Embedded | undefined;
  readonly #log;
  readonly #metrics: Metrics;
  /** Everything that serves requests where this thread works alone. Otherwise it follows, invalidates and reports. */
  readonly #serving: Serving;
  readonly #freshness: Freshness;
  readonly #others: Others | undefined;
  readonly #supervisor: StreamSupervisor;
  readonly #front: Front;
  readonly #pool: WorkerPool | undefined;
  readonly #gauges: GaugeSources;
  readonly #admin: AdminServer;
  #state: "new" | "ready" | "stopping" = "new";

  constructor(
    settings: Settings,
    embedded: Embedded | undefined,
    redis: typeof import("./compose-redis.ts") | undefined,
    callers: CallerKeys | undefined,
  ) {
    const clock = systemClock;
    const isAlone = settings.workers === 1;
    this.settings = settings;
    this.callers = callers;
    this.#embedded = embedded;
    this.#log = createLogger(settings.logLevel);
    this.#metrics = createMetrics({ tablesMax: settings.metricsTablesMax, version: packageVersion() });
    const versions = new VersionClock({ clock, slots: settings.slots });
    const tableVersions = new TableVersions();
    this.#freshness = isAlone
      ? new Freshness(freshnessOptions(settings, clock))
      : new PostedFreshness(freshnessOptions(settings, clock), (signs, bus) =>
          this.#pool?.postSigns(signs, bus),
        );
    const identity = redis?.newIdentity(settings.workers);
    this.#serving = createServing({
      ...{ settings, clock, versions, tableVersions, metrics: this.#metrics, log: this.#log },
      upstreamUrl: embedded?.url ?? settings.upstream,
      freshness: this.#freshness,
      // Beside workers this thread answers nobody: its tier has room for nothing and moves the versions that all share.
      bytesMax: isAlone ? settings.cacheBytesMax : 1,
      createFar: identity && ((parts) => redis?.createFar({ ...parts, ...identity, thread: 0 })),
    });
    // From here on, the sources of changes that there are once a process: others, streams, dead workers, the operator.
    const { far, memory } = this.#serving;
    this.#others =
      far &&
      identity &&
      redis?.joinOthers({
        ...{ settings, clock, versions, memory, far, log: this.#log, freshness: this.#freshness },
        ...{ ...identity, streams: () => this.#supervisor },
      });
    this.#supervisor = createSupervisor({
      settings,
      deps: this.#serving.deps,
      catalog: this.#serving.catalog,
      freshness: this.#freshness,
      metrics: this.#metrics,
      log: this.#log,
      turns: this.#others?.turns,
    });
    if (isAlone) {
      const server = createServer(settings, this.#serving, callers, this.#log);
      this.#front = server;
      this.#gauges = servingGauges(this.#serving, server, versions);
    } else {
      this.#pool = this.#buildPool(versions, tableVersions, identity);
      this.#front = this.#pool;
      if (callers) callers.onChange = (keys) => this.#pool?.postKeys(keys);
      this.#metrics.threads(this.#pool);
      this.#gauges = this.#pool.gaugeSources({
        ...far?.gauges,
        unknownOutcomesPending: () => versions.pendingChanges(),
        upstreamRequestsInFlight: () => this.#serving.upstream.stats().inFlight,
      });
    }
    this.#admin = this.#buildAdmin();
    this.#metrics.gauges({
      ...this.#gauges,
      ...this.#others?.gauges,
      streams: () => streamFigures(this.#serving.catalog, this.#supervisor, this.#freshness),
    });
  }

  async start(): Promise<{ url: string; adminUrl: string; upstream: string }> {
    const { host, port, adminHost, adminPort } = this.settings;
    const url = await this.#front.start(host, port);
    const admin = await this.#admin.start(adminHost, adminPort);
    this.#others?.start();
    this.#supervisor.start();
    this.#state = "ready";
    return { url, adminUrl: admin.url, upstream: this.#embedded?.url ?? this.settings.upstream };
  }

  async stop(): Promise<void> {
    this.#state = "stopping";
    await this.#front.stop();
    await this.#admin.stop();
    await this.#supervisor.stop();
    await this.#others?.stop();
    await this.#serving.close();
    await this.#embedded?.close();
    this.#metrics.close();
  }

  explain(operation: string, input: Input): Promise<Record<string, unknown>> {
    return explain(operation, input, this.#deadline(), this.#serving.deps);
  }

  async check(): Promise<TableCheck> {
    const { tablesMax, requestTimeoutMs } = this.settings;
    const { upstream, catalog } = this.#serving;
    const [redis, checked] = await Promise.all([
      this.#others?.reach(requestTimeoutMs),
      checkTables({
        ...{ upstream, tablesMax },
        deadlineAtMs: () => this.#deadline(),
        report: async (name) => this.#report(name, await catalog.schema(name, this.#deadline())),
      }),
    ]);
    const unreached = redis?.isUp === false ? [`Redis: ${redis.lastError ?? "no answer"}`] : [];
    return { ...checked, redis, problems: [...unreached, ...checked.problems] };
  }

  #report(TableName: string, schema: TableSchema | undefined): TableReport {
    const stream = schema && this.#supervisor.report(schema);
    return reportTable(TableName, schema, ruleFor(TableName, this.settings), stream);
  }

  #buildPool(
    versions: VersionClock,
    tableVersions: TableVersions,
    identity: FarIdentity | undefined,
  ): WorkerPool {
    const { settings } = this;
    const { deps, catalog } = this.#serving;
    return new WorkerPool({
      workers: settings.workers,
      // Beside this file, in the sources as in what is built from them.
      entry: new URL(`./worker-main${extname(import.meta.url)}`, import.meta.url),
      boot: () => ({
        settings,
        upstreamUrl: this.#embedded?.url ?? settings.upstream,
        versions: versions.shared,
        tableVersions: tableVersions.shared,
        keys: this.callers?.keys,
        signs: this.#freshness instanceof PostedFreshness ? this.#freshness.signs : [],
        far: identity && { sender: identity.sender, barrier: identity.barrier.shared },
      }),
      describe: async (reference) => {
        const schema = await catalog.schema(reference, this.#deadline());
        // A table that is gone was dropped here, and its version raised: there is nothing else to tell.
        return schema === undefined ? { kind: "failed" } : { kind: "table", schema };
      },
      refresh: (reference) => void catalog.refresh(reference),
      onDeath: async (worker) => {
        const tags = [everythingTag];
        const { unknownOutcomeMs: pendingForMs, recorder, cache } = deps;
        await applyChange({ table: "", source: "unknown_outcome", tags, pendingForMs }, cache, recorder);
        // What it had yet to tell Redis is told with this, or waits in this thread.
        identity?.barrier.lowerFor(worker);
      },
      tablesMax: settings.metricsTablesMax,
      drainMs: settings.drainMs,
      clock: deps.clock,
      log: this.#log,
    });
  }

  #buildAdmin(): AdminServer {
    return createAdminServer({
      metrics: this.#metrics,
      adminToken: this.settings.adminToken,
      log: this.#log,
      ready: () => this.#readiness(),
      status: () => this.#status(),
      tables: () => this.#tables(),
      invalidate: (request) =>
        invalidate(request, {
          cache: this.#serving.deps.cache,
          recorder: this.#metrics,
          describe: async (reference) => this.#serving.catalog.schema(reference, this.#deadline()),
        }),
    });
  }

  #readiness(): { ready: boolean; reason: string } {
    if (this.#state !== "ready") return { ready: false, reason: this.#state };
    if (this.#pool?.serving === 0) return { ready: false, reason: "no worker serves" };
    return { ready: true, reason: "serving" };
  }

  async #status(): Promise<object> {
    await this.#metrics.gather();
    const { upstream, region, workers } = this.settings;
    return {
      version: packageVersion(),
      state: this.#state,
      upstream,
      region,
      workers,
      uptimeSeconds: Math.round(process.uptime()),
      requestsInFlight: this.#gauges.requestsInFlight?.(),
      memory: this.#gauges.caches?.().find(({ tier }) => tier === "memory"),
      redis: this.#others?.report(this.#gauges),
      ...(this.#pool !== undefined && { threads: this.#pool.report() }),
      totals: this.#metrics.snapshot().total,
    };
  }

  async #tables(): Promise<readonly object[]> {
    await this.#metrics.gather();
    const figures = new Map(this.#metrics.snapshot().tables.map((one) => [one.table, one]));
    return this.#serving.catalog.known().map((schema) => {
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
