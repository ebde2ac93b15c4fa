/** Where the parts of a fleet can be replaced by faulty ones. */

import type { VersionClock } from "../../src/cache/coherence.ts";
import type { MemoryTier } from "../../src/cache/memory-tier.ts";
import type { SingleFlight } from "../../src/cache/single-flight.ts";
import type { CacheTier, WriteGuard } from "../../src/cache/tier.ts";
import type { TieredCache, TieredCacheOptions } from "../../src/cache/tiered-cache.ts";
import type { Bus } from "../../src/invalidation/bus.ts";
import type { LocalCache } from "../../src/invalidation/bus-settings.ts";
import type { ChangeSink } from "../../src/invalidation/change-source.ts";
import type { CheckpointPort } from "../../src/invalidation/stream-checkpoint.ts";
import type { Deps } from "../../src/proxy/deps.ts";
import type { Loaded } from "../../src/proxy/loaded.ts";
import type { SharedStore } from "../../src/redis/shared-store.ts";
import type { Clock } from "../../src/util/clock.ts";
import type { StoreFaults } from "../support/model-store-changes.ts";
import type { HelloFaults } from "../support/model-store-contact.ts";
import type { Circumstances } from "./circumstances.ts";
import type { FleetCircumstances } from "./fleet-circumstances.ts";
import type { StreamCircumstances } from "./stream-circumstances.ts";

/** What a mutant of the outermost tier may look at. */
export interface FleetParts {
  readonly memory: MemoryTier;
  readonly store: SharedStore;
  readonly versions: VersionClock;
  readonly clock: Clock;
}

export interface Contacted {
  readonly renewed: boolean;
  readonly cache: TieredCache;
  /** Undefined in threads that have none. */
  readonly bus: Bus | undefined;
}

export interface FleetMutant {
  readonly name: string;
  /** Circumstances under which it shows soonest. */
  readonly focus?: Partial<Circumstances>;
  readonly fleetFocus?: Partial<FleetCircumstances>;
  readonly streamFocus?: Partial<StreamCircumstances>;
  readonly guard?: WriteGuard;
  /** How old an entry may be for which the store did not vouch. */
  readonly shortLivedMs?: number;
  readonly ownBarriers?: boolean;
  readonly ownVersions?: boolean;
  readonly hello?: HelloFaults;
  readonly storeFaults?: StoreFaults;
  readonly contact?: (contacted: Contacted) => Promise<void>;
  readonly versions?: (options: ConstructorParameters<typeof VersionClock>[0]) => VersionClock;
  readonly flights?: (options: ConstructorParameters<typeof SingleFlight>[0]) => SingleFlight<Loaded>;
  readonly store?: (real: SharedStore, parts: { readonly clock: Clock }) => SharedStore;
  readonly busStore?: (real: SharedStore) => SharedStore;
  readonly local?: (real: LocalCache, versions: VersionClock) => LocalCache;
  readonly tiered?: (options: TieredCacheOptions) => TieredCache;
  readonly outer?: (real: TieredCache, parts: FleetParts) => CacheTier;
  /** Checkpoints although changes wait to be told. */
  readonly checkpointsUnsettled?: boolean;
  readonly checkpoint?: (real: CheckpointPort, clock: Clock) => CheckpointPort;
  readonly sink?: (real: ChangeSink) => ChangeSink;
  readonly freshness?: (real: Deps["freshness"]) => Deps["freshness"];
}
