// A record of a stream against what is cached of its item, with the real memory tier.

import { describe, expect, it } from "vitest";
import { VersionClock } from "../../../src/cache/coherence.ts";
import { MemoryTier } from "../../../src/cache/memory-tier.ts";
import { loadSettings } from "../../../src/config/load.ts";
import { ruleFor } from "../../../src/config/table-rules.ts";
import type { TableSchema } from "../../../src/dynamodb/model.ts";
import { readRecordPage } from "../../../src/invalidation/record-page.ts";
import { recordChange } from "../../../src/invalidation/stream-records.ts";
import { changedTags, indexTag } from "../../../src/invalidation/tags.ts";
import { createMetrics } from "../../../src/metrics/registry.ts";
import { itemEntry } from "../../../src/proxy/item-read.ts";
import { itemLookup, itemRef } from "../../../src/proxy/plan.ts";
import { applyRecord } from "../../../src/proxy/record-sink.ts";

const schema: TableSchema = {
  TableName: "t",
  tableId: "table/t",
  partitionKey: { name: "pk", type: "S" },
  sortKey: undefined,
  indexes: new Map([
    [
      "byKind",
      {
        IndexName: "byKind",
        kind: "global",
        partitionKey: [{ name: "kind", type: "S" }],
        sortKey: [],
      },
    ],
  ]),
  fingerprint: "1",
  streamArn: undefined,
};

const loaded = await loadSettings(["--upstream=http://127.0.0.1:1"], {});
if (loaded.problems !== undefined) throw new Error(loaded.problems.join("\n"));
const { settings } = loaded;
const rule = ruleFor("t", settings);

/** The change that a record with this new image tells of. */
function changeTo(image: string) {
  const text = `{"Keys":{"pk":{"S":"a"}},"OldImage":{"pk":{"S":"a"}},"NewImage":${image}}`;
  const page = readRecordPage(Buffer.from(`{"Records":[{"eventName":"MODIFY","dynamodb":${text}}]}`));
  const record = page?.records.at(0);
  return (record && recordChange(record, schema)) ?? expect.fail("no change");
}

function start() {
  const nowMs = 1_000;
  const clock = { nowMs: () => nowMs };
  const versions = new VersionClock({ clock, slots: 2 ** 16 });
  const cache = new MemoryTier({ versions, clock, bytesMax: 100_000, entryBytesMax: 100_000 });
  const recorder = createMetrics({ tablesMax: 10, version: "" });
  const { cacheKey, tags } = itemRef("Sa", schema, rule);
  const lookup = () => cache.lookup(cacheKey, tags, itemLookup(rule, Number.POSITIVE_INFINITY, false));
  const fill = (lease: ReturnType<typeof lookup>["lease"], item: string) =>
    lease?.fill(itemEntry(Buffer.from(item), nowMs, 1), true);
  return {
    apply: (image: string) => applyRecord(changeTo(image), { cache, recorder, ruleFor: () => rule }),
    lookup,
    fill,
    cached: () => lookup().entry !== undefined,
  };
}

describe("a record of a cached item", () => {
  it.each([
    ["written the same", '{"pk":{"S":"a"},"n":{"N":"1"}}', "confirmed"],
    ["written otherwise", '{ "n": {"N":"1.0"}, "pk": {"S":"a"} }', "confirmed"],
    ["another one", '{"pk":{"S":"a"},"n":{"N":"2"}}', "invalidated"],
    ["one that cannot be read", '{"pk":{"S":"a"},"n":{"N":1.}}', "invalidated"],
  ])("its new image is %s: %s", (_, image, result) => {
    const { lookup, fill, apply, cached } = start();
    expect(fill(lookup().lease, '{"pk":{"S":"a"},"n":{"N":"1"}}')).toBe("stored");
    expect(apply(image)).toBe(result);
    expect(cached()).toBe(result === "confirmed");
  });
});

it("a record of an item that is not cached ends the reads of it that are under way", () => {
  const { lookup, fill, apply, cached } = start();
  const { lease } = lookup();
  expect(apply('{"pk":{"S":"a"}}')).toBe("invalidated");
  expect(fill(lease, '{"pk":{"S":"a"},"old":{"BOOL":true}}')).toBe("stale_lease");
  expect(cached()).toBe(false);
});

it("an image that cannot be read may have any index key", () => {
  expect(changedTags(changeTo('{"pk":{"S":"a"},"kind":}').change)).toContain(indexTag("table/t", "byKind"));
});
