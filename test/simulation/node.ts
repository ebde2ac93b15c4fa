/** The node under test: the real request path over the model of DynamoDB, as app.ts puts it together. */

import { VersionClock } from "../../src/cache/coherence.ts";
import { MemoryTier } from "../../src/cache/memory-tier.ts";
import { SingleFlight } from "../../src/cache/single-flight.ts";
import type { CacheTier } from "../../src/cache/tier.ts";
import type { TableSchema } from "../../src/dynamodb/model.ts";
import { applyTableChange } from "../../src/invalidation/invalidator.ts";
import type { InvalidationSource, Recorder } from "../../src/metrics/outcome.ts";
import type { Deps } from "../../src/proxy/deps.ts";
import type { Loaded } from "../../src/proxy/loaded.ts";
import { TableCatalog } from "../../src/upstream/table-catalog.ts";
import type { Upstream } from "../../src/upstream/upstream.ts";
import type { Clock } from "../../src/util/clock.ts";
import type { Circumstances } from "./circumstances.ts";
import type { Ledger } from "./ledger.ts";
import type { Mutant, Parts } from "./mutant.ts";

interface NodeOptions {
  readonly time: Clock;
  readonly circumstances: Circumstances;
  readonly dynamoDb: Upstream;
  readonly ledger: Ledger;
  readonly mutant: Mutant | undefined;
  readonly freshness?: Deps["freshness"] | undefined;
  /** Whether other nodes are warned of writes. */
  readonly isGuarded?: boolean;
}

export class Node {
  readonly deps: Deps;
  /** When a table was last unknown to it: what it showed then was not learned. */
  readonly unknownAtMs = new Map<string, number>();
  /** Has a known table described again if that is due, although nobody uses it. */
  readonly keepFresh: (schema: TableSchema) => void;
  #source: InvalidationSource | undefined;

  constructor(options: NodeOptions) {
    const { time: clock, circumstances, dynamoDb, ledger, mutant, freshness, isGuarded = false } = options;
    const { rule: drawn, slots, bytesMax, tablesMax, indexSettleMs, unknownOutcomeMs } = circumstances;
    const rule = { ...drawn, indexSettleMs };
    const versions = mutant?.versions?.({ clock, slots }) ?? new VersionClock({ clock, slots });
    const memory = new MemoryTier({ versions, clock, bytesMax, entryBytesMax: bytesMax });
    const recorder = this.#recorder();
    const parts: Parts = {
      ...{ versions, rule, clock, schemas: () => this.deps.schemas, source: () => this.#source },
      wish: (operation, input) => ledger.wish(operation, input),
    };
    const cache: CacheTier = mutant?.cache?.(memory, parts) ?? memory;
    const upstream = mutant?.upstream?.(dynamoDb, cache, parts) ?? dynamoDb;
    const onChange = (old: TableSchema) => {
      ledger.pend();
      void applyTableChange(old, versions.pendingForMs(), cache, recorder);
    };
    const times = { refreshMs: 2_000, absentMs: 20, retryMs: 20, describeTimeoutMs: 100 };
    const catalog = new TableCatalog({ upstream, clock, onChange, tablesMax, ...times });
    const flightOptions = { clock, waitersMax: 20 };
    this.keepFresh = (schema) => catalog.keepFresh(schema, clock.nowMs() + 100);
    this.deps = {
      ...{
        upstream,
        cache,
        clock,
        recorder,
        unknownOutcomeMs,
        ruleFor: () => rule,
        isGuarded: () => isGuarded,
      },
      freshness: freshness ?? { ageMsMax: () => Number.POSITIVE_INFINITY },
      flights: mutant?.flights?.(flightOptions) ?? new SingleFlight<Loaded>(flightOptions),
      schemas: {
        schema: async (reference, deadlineAtMs) => {
          const schema = await catalog.schema(reference, deadlineAtMs);
          if (schema === undefined) this.unknownAtMs.set(reference, clock.nowMs());
          return schema;
        },
        refresh: (reference) => void catalog.refresh(reference),
        forget: (reference) => catalog.forget(reference),
        known: () => catalog.known(),
      },
    };
  }

  #recorder(): Recorder {
    const nothing = () => {};
    return {
      ...{ call: nothing, lookup: nothing, fill: nothing, readUnits: nothing, writeUnits: nothing },
      ...{ strongReadForced: nothing, upstream: nothing, upstreamRetry: nothing },
      invalidated: (_table, source) => {
        this.#source = source;
      },
    };
  }
}
