/** Where a run's parts can be replaced by faulty ones. */

import type { VersionClock } from "../../src/cache/coherence.ts";
import type { MemoryTier } from "../../src/cache/memory-tier.ts";
import type { SingleFlight } from "../../src/cache/single-flight.ts";
import type { CacheTier } from "../../src/cache/tier.ts";
import type { ResolvedRule } from "../../src/config/table-rules.ts";
import type { Input } from "../../src/dynamodb/model.ts";
import type { InvalidationSource } from "../../src/metrics/outcome.ts";
import type { Schemas } from "../../src/proxy/deps.ts";
import type { Loaded } from "../../src/proxy/loaded.ts";
import type { Upstream } from "../../src/upstream/upstream.ts";
import type { Clock } from "../../src/util/clock.ts";
import type { Circumstances } from "./circumstances.ts";

/** What a mutant may look at. */
export interface Parts {
  readonly versions: VersionClock;
  readonly schemas: () => Schemas;
  readonly rule: ResolvedRule;
  readonly clock: Clock;
  /** Who caused the invalidation that is being done. */
  readonly source: () => InvalidationSource | undefined;
  /** The ReturnValues that the client of this write asked for itself. */
  readonly wish: (operation: string, input: Input) => unknown;
}

export interface Mutant {
  readonly name: string;
  /** Circumstances under which it shows soonest. */
  readonly focus?: Partial<Circumstances>;
  readonly versions?: (options: ConstructorParameters<typeof VersionClock>[0]) => VersionClock;
  readonly flights?: (options: ConstructorParameters<typeof SingleFlight>[0]) => SingleFlight<Loaded>;
  readonly cache?: (real: MemoryTier, parts: Parts) => CacheTier;
  readonly upstream?: (real: Upstream, cache: CacheTier, parts: Parts) => Upstream;
}
