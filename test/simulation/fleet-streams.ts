/** The tables' streams in a fleet's run, and each node's part in following them: put together as src/compose-streams.ts does. */

import type { TableSchema } from "../../src/dynamodb/model.ts";
import type { Freshness } from "../../src/invalidation/freshness.ts";
import { applyChange } from "../../src/invalidation/invalidator.ts";
import { storedCheckpoint } from "../../src/invalidation/stream-checkpoint.ts";
import { StreamFollower } from "../../src/invalidation/stream-follower.ts";
import { StreamLeader } from "../../src/invalidation/stream-leader.ts";
import { StreamSupervisor } from "../../src/invalidation/stream-supervisor.ts";
import { schemaTag } from "../../src/invalidation/tags.ts";
import { applyRecord } from "../../src/proxy/record-sink.ts";
import type { SharedStore } from "../../src/redis/shared-store.ts";
import type { Upstream } from "../../src/upstream/upstream.ts";
import type { FleetClock } from "./fleet-clock.ts";
import type { FleetMutant } from "./fleet-mutant.ts";
import { silent } from "./fleet-silent.ts";
import type { ModelTable } from "./model-table.ts";
import type { Node } from "./node.ts";
import type { Random } from "./random.ts";
import type { StreamCircumstances } from "./stream-circumstances.ts";
import { ModelStream } from "./stream-model.ts";
import { StreamService } from "./stream-service.ts";
import type { Trace } from "./trace.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface FleetStreamsOptions {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly tables: ReadonlyMap<string, ModelTable>;
  readonly circumstances: StreamCircumstances;
  readonly leaseMs: number;
  readonly trace: Trace;
  readonly mutant: FleetMutant | undefined;
}

/** What a node brings. */
export interface Follower {
  readonly clock: FleetClock;
  readonly store: SharedStore;
  readonly sender: string;
  readonly node: Node;
  readonly freshness: Freshness;
  /** Whether the other nodes have been told of everything. */
  readonly isHeard: () => boolean;
}

export class FleetStreams {
  records = 0;
  readonly #options: FleetStreamsOptions;
  readonly #service: StreamService;
  readonly #streams = new Map<string, ModelStream>();

  constructor(options: FleetStreamsOptions) {
    const { time, random, tables, circumstances, trace } = options;
    this.#options = options;
    this.#service = new StreamService({ time, random, circumstances, trace });
    for (const table of tables.values()) {
      const life = table.current;
      if (life === undefined) continue;
      const stream = new ModelStream(life, time, random, circumstances);
      this.#streams.set(stream.arn, stream);
    }
  }

  split(): void {
    const { random } = this.#options;
    const stream = random.pick([...this.#streams.values()]);
    if (random.chance(0.5)) stream.split();
    else stream.merge();
  }

  stall(forMs: number): void {
    this.#service.stall(forMs);
  }

  /** This node's supervisor, at work. */
  join(follower: Follower): StreamSupervisor {
    const { circumstances, leaseMs } = this.#options;
    const { clock, store, sender, node, freshness } = follower;
    const supervisor = new StreamSupervisor({
      policy: { mode: "on", alone: "harmless" },
      known: () => node.deps.schemas.known(),
      refresh: (schema) => node.keepFresh(schema),
      isCached: () => true,
      ...{ freshness, log: silent, clock, cost: "", retryMs: 50, tickMs: circumstances.tickMs },
      leadership: new StreamLeader({ store, holder: sender, clock, log: silent, leaseMs }),
      flush: (schema) => void flush(schema, node),
      follow: (schema, streamArn) => this.#follow(schema, streamArn, follower),
    });
    const tick = () => {
      supervisor.tick();
      clock.after(circumstances.tickMs, tick);
    };
    clock.after(0, tick);
    return supervisor;
  }

  #follow(schema: TableSchema, streamArn: string, follower: Follower): StreamFollower {
    const { time, random, circumstances, trace, mutant } = this.#options;
    const { clock, node, store, isHeard } = follower;
    const stream = this.#streams.get(streamArn);
    if (stream === undefined) throw new Error(`no stream ${streamArn}`);
    const service = this.#service.of(stream);
    const upstream: Upstream = {
      send: (request) =>
        clock.hear(service.send({ ...request, deadlineAtMs: clock.worldMs(request.deadlineAtMs) })),
      close: async () => {},
    };
    const isSettled = mutant?.checkpointsUnsettled ? () => true : isHeard;
    const port = storedCheckpoint({ store, streamArn, fingerprint: schema.fingerprint, isSettled });
    const real = {
      apply: async (record: Parameters<typeof applyRecord>[0]) => {
        const result = await applyRecord(record, node.deps);
        this.records += 1;
        trace.add(
          () =>
            `${follower.sender}: record ${record.change.key} ${result} ${JSON.stringify(record.change.after)}`,
        );
      },
      flush: async (reason: string) => {
        trace.add(() => `${follower.sender}: flush ${schema.TableName}: ${reason}`);
        await flush(schema, node);
      },
    };
    return new StreamFollower({
      ...{ streamArn, schema, upstream, clock, wallClockMs: () => time.nowMs(), random: () => random.next() },
      ...{ sleep: clock.sleep, pollMs: circumstances.pollMs, idlePollMs: circumstances.idlePollMs },
      ...{ backoffMsMax: 40, requestTimeoutMs: circumstances.requestTimeoutMs, pollersMax: 16, auditMs: 500 },
      ...{ retentionMs: circumstances.retentionMs, backlogRecordsMax: circumstances.backlogRecordsMax },
      sink: mutant?.sink?.(real) ?? real,
      checkpoint: mutant?.checkpoint?.(port, clock) ?? port,
    });
  }
}

async function flush({ TableName, tableId }: TableSchema, node: Node): Promise<void> {
  const { cache, recorder } = node.deps;
  await applyChange({ table: TableName, source: "stream", tags: [schemaTag(tableId)] }, cache, recorder);
}
