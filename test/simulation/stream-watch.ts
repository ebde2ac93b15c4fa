/** One node's part that follows streams, put together as src/compose-streams.ts does, in virtual time. */

import type { TableSchema } from "../../src/dynamodb/model.ts";
import type { ChangeSink, GapReason, RecordChange } from "../../src/invalidation/change-source.ts";
import { Freshness } from "../../src/invalidation/freshness.ts";
import { applyChange } from "../../src/invalidation/invalidator.ts";
import type { Sleep } from "../../src/invalidation/pause.ts";
import { StreamFollower } from "../../src/invalidation/stream-follower.ts";
import { StreamSupervisor } from "../../src/invalidation/stream-supervisor.ts";
import { schemaTag } from "../../src/invalidation/tags.ts";
import { applyRecord } from "../../src/proxy/record-sink.ts";
import type { Upstream } from "../../src/upstream/upstream.ts";
import type { Logger } from "../../src/util/log.ts";
import type { Node } from "./node.ts";
import type { Random } from "./random.ts";
import type { StreamCircumstances } from "./stream-circumstances.ts";
import type { StreamMutant } from "./stream-mutant.ts";
import type { Trace } from "./trace.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface StreamWatchOptions {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly circumstances: StreamCircumstances;
  readonly mutant: StreamMutant | undefined;
  readonly trace: Trace;
  /** The service as who follows this stream sees it. */
  readonly upstreamOf: (streamArn: string) => Upstream;
  /** What our own writes have left behind, for the ledgers of mutants. */
  readonly ownImages: () => readonly string[];
}

const silent: Logger = {
  ...{ error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, isEnabled: () => false },
};

export function createFreshness(time: VirtualTime, circumstances: StreamCircumstances): Freshness {
  const { freshWithinMs, degradedMaxAgeMs, streamLagMaxMs: lagMsMax, required } = circumstances;
  return new Freshness({ clock: time, freshWithinMs, degradedMaxAgeMs, lagMsMax, required });
}

export class StreamWatch {
  readonly freshness: Freshness;
  readonly supervisor: StreamSupervisor;
  readonly #options: StreamWatchOptions;
  readonly #node: Node;
  #sources = new Map<string, StreamFollower>();
  records = 0;

  constructor(options: StreamWatchOptions, freshness: Freshness, node: Node) {
    const { time, circumstances } = options;
    this.#options = options;
    this.#node = node;
    this.freshness = freshness;
    const { deps } = node;
    this.supervisor = new StreamSupervisor({
      policy: { mode: circumstances.required ? "require" : "on", alone: "harmless" },
      known: () => deps.schemas.known(),
      refresh: (schema) => node.keepFresh(schema),
      isCached: () => true,
      freshness,
      flush: (schema) => this.#flush(schema),
      log: silent,
      clock: time,
      cost: "",
      retryMs: 50,
      tickMs: circumstances.tickMs,
      follow: (schema, streamArn) => this.#follow(schema, streamArn),
    });
  }

  /** Whether the table's stream is being followed now, as the follower itself says. */
  isFollowing(tableId: string): boolean {
    return this.#sources.get(tableId)?.state().kind === "following";
  }

  knows(tableId: string): boolean {
    return this.#node.deps.schemas.known().some((schema) => schema.tableId === tableId);
  }

  get gaps(): number {
    return [...this.#sources.values()].reduce((sum, source) => sum + source.state().gaps, 0);
  }

  #follow(schema: TableSchema, streamArn: string): StreamFollower {
    const { time, random, circumstances, mutant, upstreamOf } = this.#options;
    const flush = () => this.#flush(schema);
    const real = upstreamOf(streamArn);
    const source = new StreamFollower({
      ...{ streamArn, schema, clock: time, wallClockMs: () => time.nowMs(), random: () => random.next() },
      upstream: mutant?.streams?.(real, flush) ?? real,
      sleep: sleepIn(time),
      ...{ pollMs: circumstances.pollMs, idlePollMs: circumstances.idlePollMs, backoffMsMax: 40 },
      ...{ requestTimeoutMs: circumstances.requestTimeoutMs, retentionMs: circumstances.retentionMs },
      ...{ backlogRecordsMax: circumstances.backlogRecordsMax, pollersMax: 16, auditMs: 500 },
      sink: this.#sink(schema),
    });
    this.#sources.set(schema.tableId, source);
    return source;
  }

  #sink(schema: TableSchema): ChangeSink {
    const { mutant, trace } = this.#options;
    const real: ChangeSink = {
      apply: async (record) => {
        this.#stumble();
        const result = await this.#apply(record);
        this.records += 1;
        trace.add(
          () =>
            `record ${schema.TableName} ${record.change.key} ${result} ${JSON.stringify(record.change.after)}`,
        );
      },
      flush: (reason: GapReason) => {
        trace.add(() => `flush ${schema.TableName}: ${reason}`);
        this.#flush(schema);
      },
    };
    return mutant?.sink?.(real) ?? real;
  }

  async #apply(record: RecordChange): Promise<unknown> {
    const { mutant, ownImages } = this.#options;
    const { deps } = this.#node;
    return mutant?.apply ? mutant.apply(record, deps, ownImages) : applyRecord(record, deps);
  }

  /** A tier that others share may be out of reach for a moment. */
  #stumble(): void {
    const { random, circumstances } = this.#options;
    if (random.chance(circumstances.sinkFaults)) throw new Error("simulated");
  }

  #flush({ TableName, tableId }: TableSchema): void {
    const { cache, recorder } = this.#node.deps;
    void applyChange({ table: TableName, source: "stream", tags: [schemaTag(tableId)] }, cache, recorder);
  }
}

/** Waiting in virtual time that can be cut short. */
function sleepIn(time: VirtualTime): Sleep {
  return (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const end = () => {
        event.run = undefined;
        signal.removeEventListener("abort", end);
        resolve();
      };
      const event = time.after(ms, end);
      signal.addEventListener("abort", end);
    });
}
