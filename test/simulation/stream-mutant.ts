/** Where the parts that follow streams can be replaced by faulty ones. */

import type { ChangeSink, RecordChange } from "../../src/invalidation/change-source.ts";
import type { Deps } from "../../src/proxy/deps.ts";
import type { Upstream } from "../../src/upstream/upstream.ts";
import type { Mutant } from "./mutant.ts";
import type { StreamCircumstances } from "./stream-circumstances.ts";

export interface StreamMutant extends Mutant {
  readonly streamFocus?: Partial<StreamCircumstances>;
  /** How one record is applied; `ownImages` are those that our own writes have left behind. */
  readonly apply?: (record: RecordChange, deps: Deps, ownImages: () => readonly string[]) => unknown;
  readonly sink?: (real: ChangeSink) => ChangeSink;
  readonly streams?: (real: Upstream, flush: () => void) => Upstream;
  readonly freshness?: (real: Deps["freshness"]) => Deps["freshness"];
}
