// Which batches are planned: those that DynamoDB would not refuse for their keys (API_BatchGetItem).

import fc from "fast-check";
import { expect, it } from "vitest";
import type { ResolvedRule } from "../../../src/config/table-rules.ts";
import { planBatchGet } from "../../../src/proxy/batch-plan.ts";
import { plainSchema as schema } from "../../support/followed-stream.ts";

const rule: ResolvedRule = {
  ...{ cache: "on", queryCoherence: "tags", bypassProjections: false, match: undefined },
  ...{ itemTtlMs: 60_000, queryTtlMs: 60_000, negativeTtlMs: 60_000, settleMs: 0, indexSettleMs: 0 },
};
const { TableName } = schema;
const tables = new Map([[TableName, { schema, rule }]]);
const keyCount = (names: readonly string[]) => {
  const Keys = names.map((name) => ({ pk: { S: name } }));
  return planBatchGet({ RequestItems: { [TableName]: { Keys } } }, tables)?.keyCount;
};

it("takes a hundred keys and no more, and none that is there twice, wherever they differ", () => {
  for (const place of [0, 1, 7, 30, 59]) {
    const names = Array.from({ length: 101 }, (_, at) => {
      const letters = "x".repeat(60);
      return letters.slice(0, place) + String.fromCharCode(0x100 + at) + letters.slice(place + 1);
    });
    expect(keyCount(names.slice(0, 100))).toBe(100);
    expect(keyCount(names)).toBeUndefined();
    for (let at = 0; at < 99; at += 1) expect(keyCount([...names.slice(0, 99), names[at]!])).toBeUndefined();
  }
  expect(keyCount([])).toBeUndefined();
  expect(keyCount(Array.from({ length: 100_000 }, (_, at) => String(at)))).toBeUndefined();
});

it("any keys: planned if they are a hundred at most, and all different", () => {
  const name = fc.oneof(fc.string({ minLength: 1, maxLength: 3 }), fc.constantFrom("a", "b", "c".repeat(50)));
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 100 }), (names) => {
      fc.pre(names.every((one) => one.isWellFormed()));
      expect(keyCount(names)).toBe(new Set(names).size === names.length ? names.length : undefined);
    }),
  );
});
