/** The part of the composition root that follows streams: policy, gate, supervisor and the followers' sink. */

import type { Settings } from "./config/settings.ts";
import { ruleFor } from "./config/table-rules.ts";
import type { TableSchema } from "./dynamodb/model.ts";
import type { Freshness, FreshnessOptions } from "./invalidation/freshness.ts";
import { applyChange } from "./invalidation/invalidator.ts";
import type { CheckpointPort } from "./invalidation/stream-checkpoint.ts";
import { StreamFollower } from "./invalidation/stream-follower.ts";
import type { Leadership } from "./invalidation/stream-leader.ts";
import { type StreamPolicy, streamCost } from "./invalidation/stream-policy.ts";
import { StreamSupervisor } from "./invalidation/stream-supervisor.ts";
import { schemaTag } from "./invalidation/tags.ts";
import type { StreamFigures } from "./metrics/gauge-sources.ts";
import type { RecordResult } from "./metrics/outcome.ts";
import type { Metrics } from "./metrics/registry.ts";
import type { Deps } from "./proxy/deps.ts";
import { applyRecord } from "./proxy/record-sink.ts";
import type { TableCatalog } from "./upstream/table-catalog.ts";
import type { Clock } from "./util/clock.ts";
import type { Logger } from "./util/log.ts";

/** How often the known tables are compared with what is followed, and the gate is told. */
const tickMs = 100;

export function freshnessOptions(settings: Settings, clock: Clock): FreshnessOptions {
  return {
    clock,
    freshWithinMs: settings.freshWithinMs,
    degradedMaxAgeMs: settings.degradedMaxAgeMs,
    lagMsMax: settings.streamLagMaxMs,
    required: settings.streams === "require",
    bus: settings.redis !== undefined,
  };
}

/** A lone node in front of AWS could take the second reader's place from somebody else; with Redis one reads for all. */
export function streamPolicy(settings: Settings): StreamPolicy {
  const mayCrowdOut = settings.upstream === "aws" && settings.redis === undefined;
  return { mode: settings.streams, alone: mayCrowdOut ? "may-crowd-out" : "harmless" };
}

/** How nodes that share a store take turns in reading a stream. */
export interface StreamTurns {
  readonly leadership: Leadership;
  checkpoint(streamArn: string, fingerprint: string): CheckpointPort;
}

export interface StreamParts {
  readonly settings: Settings;
  readonly deps: Deps;
  readonly catalog: TableCatalog;
  readonly freshness: Freshness;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Undefined = there are no others: this node follows all by itself. */
  readonly turns: StreamTurns | undefined;
}

export function createSupervisor(parts: StreamParts): StreamSupervisor {
  const { settings, deps, catalog, freshness, metrics, log, turns } = parts;
  const flush = ({ TableName, tableId }: TableSchema) =>
    applyChange(
      { table: TableName, source: "stream", tags: [schemaTag(tableId)] },
      deps.cache,
      deps.recorder,
    );
  return new StreamSupervisor({
    policy: streamPolicy(settings),
    known: () => catalog.known(),
    refresh: (schema) => catalog.keepFresh(schema, deps.clock.nowMs() + settings.requestTimeoutMs),
    isCached: (TableName) => ruleFor(TableName, settings).cache !== "off",
    freshness,
    flush: (schema) => void flush(schema),
    log,
    clock: deps.clock,
    cost: streamCost(settings.streamPollMs, settings.streamIdlePollMs),
    retryMs: 5_000,
    tickMs,
    leadership: turns?.leadership,
    follow: (schema, streamArn) => {
      const { TableName: table } = schema;
      return new StreamFollower({
        streamArn,
        schema,
        upstream: deps.upstream,
        clock: deps.clock,
        pollMs: settings.streamPollMs,
        idlePollMs: settings.streamIdlePollMs,
        pollersMax: settings.streamReadersMax,
        backlogRecordsMax: settings.streamBacklogRecordsMax,
        requestTimeoutMs: settings.requestTimeoutMs,
        checkpoint: turns?.checkpoint(streamArn, schema.fingerprint),
        sink: {
          apply: (record) => {
            const { createdAtMs } = record;
            const count = (result: RecordResult): void =>
              metrics.streams.streamRecord(
                table,
                result,
                createdAtMs && Math.max(0, deps.clock.nowMs() - createdAtMs),
              );
            const result = applyRecord(record, deps);
            return typeof result === "string" ? count(result) : result.then(count);
          },
          flush: async (reason) => {
            metrics.streams.streamFlush(table, reason);
            if (reason !== "start")
              log.warn({ table, reason }, "a gap in the table's stream: what was cached of it is dropped");
            await flush(schema);
          },
        },
        recorder: { poll: (result) => metrics.streams.streamPoll(table, result) },
      });
    },
  });
}

/** For the metrics: the tables that are followed now. */
export function streamFigures(
  catalog: TableCatalog,
  supervisor: StreamSupervisor,
  freshness: Freshness,
): StreamFigures[] {
  return catalog.known().flatMap((schema) => {
    const { state } = supervisor.report(schema);
    const lagMs = freshness.lagMs(schema.tableId);
    // Where another node reads it, its signs tell the lag, and the shards are that node's.
    return lagMs === undefined
      ? []
      : [{ table: schema.TableName, lagMs, shardsOpen: state?.shardsOpen ?? 0 }];
  });
}
