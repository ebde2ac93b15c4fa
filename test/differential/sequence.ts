// A sequence of operations: which ones, how often, on which tables.

import fc from "fast-check";
import { rarely } from "./chance.ts";
import { damaged } from "./damage.ts";
import { withNeighbour } from "./neighbours.ts";
import type { Step } from "./operation.ts";
import { batchExecuteStatement, executeStatement, executeTransaction } from "./partiql.ts";
import { query, scan } from "./queries.ts";
import { batchGetItem, describeTable, getItem, transactGetItems } from "./reads.ts";
import { schemaChange } from "./schema-changes.ts";
import { type Shape, shape } from "./shapes.ts";
import { batchWriteItem, deleteItem, putItem, transactWriteItems, updateItem } from "./writes.ts";

const reads = fc.oneof(
  { weight: 6, arbitrary: getItem },
  { weight: 3, arbitrary: batchGetItem },
  { weight: 7, arbitrary: query },
  { weight: 3, arbitrary: scan },
  { weight: 1, arbitrary: transactGetItems },
);
const writes = fc.oneof(
  { weight: 7, arbitrary: putItem },
  { weight: 7, arbitrary: updateItem },
  { weight: 2, arbitrary: deleteItem },
  { weight: 2, arbitrary: batchWriteItem },
  { weight: 2, arbitrary: transactWriteItems },
);
const statements = fc.oneof(
  { weight: 3, arbitrary: executeStatement },
  { weight: 1, arbitrary: batchExecuteStatement },
  { weight: 1, arbitrary: executeTransaction },
);
const valid = fc.oneof(
  { weight: 24, arbitrary: reads },
  { weight: 20, arbitrary: writes },
  { weight: 5, arbitrary: statements },
);

/** Some reads come a third time, some steps later. */
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 35, arbitrary: valid },
  {
    weight: 10,
    arbitrary: fc
      .tuple(reads, fc.integer({ min: 0, max: 8 }))
      .map(([read, againAfter]) => ({ ...read, againAfter })),
  },
  { weight: 6, arbitrary: withNeighbour(reads) },
  { weight: 5, arbitrary: damaged(valid) },
  { weight: 1, arbitrary: schemaChange },
  { weight: 1, arbitrary: describeTable },
);

export interface Sequence {
  /** Of the tables at the start. */
  readonly shapes: readonly [Shape, Shape];
  readonly steps: readonly Step[];
}

/** Up to this many steps; the average is a little over half of it. */
export const STEPS_MAX = 90;

export const sequence: fc.Arbitrary<Sequence> = fc.record({
  shapes: fc.tuple(shape, shape),
  // Tables start out empty: every sequence begins with a few items, which shrinking may take away.
  steps: fc
    .tuple(
      fc.array(fc.oneof(putItem, putItem, batchWriteItem), { maxLength: 6, size: "max" }),
      fc.array(step, { minLength: 1, maxLength: STEPS_MAX, size: "max" }),
      rarely(schemaChange, 3),
      fc.array(step, { maxLength: 12, size: "max" }),
    )
    .map(([first, middle, change, last]) => [...first, ...middle, ...(change ? [change] : []), ...last]),
});
