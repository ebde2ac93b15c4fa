/** One node of a fleet: its worker threads, each with an L1 of its own over the shared store, and its bus. */

import { VersionClock } from "../../src/cache/coherence.ts";
import type { MemoryTier } from "../../src/cache/memory-tier.ts";
import type { InvalidationMessage } from "../../src/cache/peer-message.ts";
import { RedisBarrier } from "../../src/cache/redis-barrier.ts";
import { TieredCache, type TieredCacheOptions } from "../../src/cache/tiered-cache.ts";
import { Bus } from "../../src/invalidation/bus.ts";
import type { LocalCache } from "../../src/invalidation/bus-settings.ts";
import { Freshness } from "../../src/invalidation/freshness.ts";
import type { StreamSupervisor } from "../../src/invalidation/stream-supervisor.ts";
import { everythingTag } from "../../src/invalidation/tags.ts";
import { entryHash } from "../../src/proxy/image-hash.ts";
import type { SharedStore } from "../../src/redis/shared-store.ts";
import type { Upstream } from "../../src/upstream/upstream.ts";
import { ModelStore } from "../support/model-store.ts";
import type { ModelStoreOptions } from "../support/model-store-changes.ts";
import type { Circumstances } from "./circumstances.ts";
import type { FleetCircumstances, Regime } from "./fleet-circumstances.ts";
import type { FleetClock } from "./fleet-clock.ts";
import type { FleetMutant } from "./fleet-mutant.ts";
import { silent } from "./fleet-silent.ts";
import type { FleetStreams } from "./fleet-streams.ts";
import type { Ledger } from "./ledger.ts";
import type { Mutant } from "./mutant.ts";
import { Node } from "./node.ts";
import type { Random } from "./random.ts";

export interface FleetNodeOptions {
  readonly clock: FleetClock;
  readonly random: Random;
  readonly circumstances: Circumstances;
  readonly fleet: FleetCircumstances;
  readonly regime: Regime;
  readonly sender: string;
  readonly dynamoDb: Upstream;
  readonly ledger: Ledger;
  readonly mutant: FleetMutant | undefined;
  readonly store: Omit<ModelStoreOptions, "node">;
  /** Names what the servers know it by. */
  readonly name: string;
  /** Undefined where no stream is followed. */
  readonly streams: FleetStreams | undefined;
}

const guards = { streamed: "auto", guarded: "require", plain: "after" } as const;

/** One worker thread. */
export interface FleetThread {
  readonly node: Node;
  readonly cache: TieredCache;
  readonly store: ModelStore;
}

export class FleetNode {
  readonly threads: FleetThread[] = [];
  readonly freshness: Freshness;
  readonly bus: Bus;
  readonly #supervisor: StreamSupervisor | undefined;
  readonly #options: FleetNodeOptions;
  readonly #versions: VersionClock;
  readonly #barrier: SharedArrayBuffer;
  #memory: MemoryTier | undefined;

  constructor(options: FleetNodeOptions) {
    const { clock, fleet, mutant, random, sender, streams } = options;
    this.#options = options;
    this.#versions = this.#versionClock(undefined);
    this.#barrier = new RedisBarrier(fleet.threads, 0).shared;
    this.freshness = new Freshness({
      ...{ clock, freshWithinMs: fleet.freshWithinMs, degradedMaxAgeMs: fleet.degradedMaxAgeMs },
      ...{ lagMsMax: 0, required: false, bus: true },
    });
    for (let thread = 0; thread < fleet.threads; thread += 1) this.threads.push(this.#thread(thread));
    const { store: own, node } = this.threads[0]!;
    const store: SharedStore = mutant?.store?.(own, { clock }) ?? own;
    const isHeard = () => this.isHeard;
    this.#supervisor = streams?.join({ clock, store, sender, node, freshness: this.freshness, isHeard });
    this.bus = new Bus({
      ...{ store: mutant?.busStore?.(store) ?? store, sender, clock, log: silent },
      ...{
        local: mutant?.local?.(this.#local(), this.#versions) ?? this.#local(),
        freshness: this.freshness,
      },
      // A change that waits to be told is not vouched for.
      signs: () => (this.isHeard ? (this.#supervisor?.signs() ?? new Map()) : new Map()),
      hear: (name, caughtUpAtMs) => this.#supervisor?.hear(name, caughtUpAtMs),
      ...{ heartbeatMs: fleet.heartbeatMs, readCountMax: 50 },
      ...{ backoffMsMax: 20, sleep: clock.sleep, random: () => random.next() },
    });
    for (const { cache, store: one } of this.threads) {
      const isMain = one === own;
      one.start(async (renewed) => {
        if (mutant?.contact) return mutant.contact({ renewed, cache, bus: isMain ? this.bus : undefined });
        await cache.contact(renewed);
        if (renewed && isMain) await this.bus.reposition();
      });
    }
    this.bus.start();
  }

  /** Whether the other nodes have been told of everything. */
  get isHeard(): boolean {
    return this.threads.every(({ cache }) => cache.changes.queued.tags === 0);
  }

  #thread(thread: number): FleetThread {
    const { clock, circumstances, fleet, regime, mutant, dynamoDb, ledger, random } = this.#options;
    const threadName = `${this.#options.name}.${thread}`;
    const store = new ModelStore({
      ...this.#options.store,
      node: threadName,
      vouchWithinMs: fleet.freshWithinMs,
      ...(thread > 0 && { onApplied: () => {} }),
    });
    let tiered: TieredCache | undefined;
    const wrapped: Mutant = {
      name: "",
      versions: () => (thread === 0 ? this.#versions : this.#versionClock(this.#versions.shared)),
      cache: (memory) => {
        this.#memory ??= memory;
        const shared = mutant?.ownBarriers ? undefined : this.#barrier;
        const options: TieredCacheOptions = {
          ...{
            memory,
            store: mutant?.store?.(store, { clock }) ?? store,
            clock,
            sender: this.#options.sender,
            thread,
          },
          barrier: new RedisBarrier(fleet.threads, thread, shared),
          ...{ everything: everythingTag, guard: mutant?.guard ?? guards[regime] },
          ...{
            degradedMaxAgeMs: mutant?.shortLivedMs ?? fleet.degradedMaxAgeMs,
            lookupTimeoutMs: fleet.lookupTimeoutMs,
            landsWithinMs:
              circumstances.deadlineMs + circumstances.unknownOutcomeMs + fleet.invalidateTimeoutMs,
          },
          ...{ queuedTagsMax: fleet.queuedTagsMax, entryBytesMax: 100_000, fillBytesMax: 1_000_000 },
          ...{ compressBytesMin: 0, ttlJitter: 0, random: () => random.next(), imageHash: entryHash },
        };
        tiered = mutant?.tiered?.(options) ?? new TieredCache(options);
        return mutant?.outer?.(tiered, { memory, store, versions: this.#versions, clock }) ?? tiered;
      },
      ...(mutant?.flights && { flights: mutant.flights }),
    };
    const gate = { ageMsMax: (tableId: string) => this.freshness.ageMsMax(tableId) };
    const node = new Node({
      ...{ time: clock, circumstances, dynamoDb, ledger, mutant: wrapped },
      ...{ freshness: mutant?.freshness?.(gate) ?? gate, isGuarded: regime === "guarded" },
    });
    if (tiered === undefined) throw new Error("a node without a cache");
    return { node, cache: tiered, store };
  }

  #versionClock(shared: SharedArrayBuffer | undefined): VersionClock {
    const { clock, circumstances, mutant } = this.#options;
    const { slots } = circumstances;
    const options = { clock, slots, ...(shared && !mutant?.ownVersions && { shared }) };
    return mutant?.versions?.(options) ?? new VersionClock(options);
  }

  #local(): LocalCache {
    return {
      apply: (message) => this.#apply(message),
      // Also at the start: 1 another node's change is told · 2 this node begins behind it · 3 a lagging replica answers it.
      forgetEverything: () => this.#versions.bump([everythingTag]),
    };
  }

  #apply({ tagHashes, pendingForMs, image }: InvalidationMessage): void {
    const shows = (entry: Parameters<typeof entryHash>[1]) =>
      image !== undefined && image.hash !== "" && entryHash(image.key, entry) === image.hash;
    if (image && pendingForMs === 0 && this.#memory?.confirm(image.key, image.tagHashes, shows, tagHashes))
      return;
    this.#versions.bump(tagHashes, pendingForMs);
  }
}
