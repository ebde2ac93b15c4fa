// A write whose outcome stays unknown while another thread learns that its table has changed.

import { expect, it } from "vitest";
import type { Tag } from "../../../src/cache/tier.ts";
import type { TableSchema } from "../../../src/dynamodb/model.ts";
import { schemaTag } from "../../../src/invalidation/tags.ts";
import type { Call } from "../../../src/proxy/call.ts";
import type { Deps } from "../../../src/proxy/deps.ts";
import { opaqueWrite, write } from "../../../src/proxy/write.ts";
import { UpstreamFailure } from "../../../src/upstream/upstream.ts";

const schema = { TableName: "t", tableId: "t", fingerprint: "old" } as TableSchema;

/** What is invalidated, if the table's description is out of date before, after or never during the lease's own bump. */
async function invalidations(outOfDate: "before" | "during" | "never"): Promise<[Tag[], number][]> {
  const found: [Tag[], number][] = [];
  let known = outOfDate === "before" ? [] : [schema];
  const invalidate = (tags: readonly Tag[], pendingForMs = 0) => void found.push([[...tags], pendingForMs]);
  const deps = {
    clock: { nowMs: () => 0 },
    recorder: { invalidated: () => {} },
    schemas: { known: () => known },
    upstream: {
      send: () => Promise.reject(new UpstreamFailure("timeout", "unknown", "no reply")),
    },
    cache: {
      invalidate,
      writeLease: () => ({
        release: () => {},
        invalidate: (tags: readonly Tag[], pendingForMs: number) => {
          if (outOfDate === "during") known = [];
          invalidate(tags, pendingForMs);
        },
      }),
    },
    isGuarded: () => false,
    unknownOutcomeMs: 10_000,
  } as unknown as Deps;
  const call = { target: "", body: Buffer.from("{}"), deadlineAtMs: 1 } as unknown as Call;
  const touched = ["item"].map((name) => name as Tag);
  await write(call, { ...opaqueWrite(call), touched, schemas: [schema] }, deps);
  return found;
}

it("the change is noticed whether it was announced before or after the wait began", async () => {
  expect(await invalidations("never")).toEqual([[["item"], 10_000]]);
  expect(await invalidations("before")).toEqual([[["item", schemaTag("t")], 10_000]]);
  expect(await invalidations("during")).toEqual([
    [["item"], 10_000],
    [[schemaTag("t")], 10_000],
  ]);
});
