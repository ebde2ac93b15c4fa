/**
 * CPU time for one change that others have made, in this process and without sockets: a record of a stream, from the page's
 * text to the versions that it moves, and a message of a peer, from its bytes on.
 */

import { hashOf, VersionClock } from "../src/cache/coherence.ts";
import { decodePeerMessage, encodePeerMessage } from "../src/cache/peer-message.ts";
import { localCache } from "../src/compose-redis.ts";
import { freshnessOptions } from "../src/compose-streams.ts";
import { loadSettings } from "../src/config/load.ts";
import type { TableSchema } from "../src/dynamodb/model.ts";
import { Freshness } from "../src/invalidation/freshness.ts";
import type { RecordList } from "../src/invalidation/placed-records.ts";
import { readRecordPage } from "../src/invalidation/record-page.ts";
import { recordChange } from "../src/invalidation/stream-records.ts";
import { changedTags } from "../src/invalidation/tags.ts";
import { createMetrics } from "../src/metrics/registry.ts";
import { entryHash } from "../src/proxy/image-hash.ts";
import { itemEntry } from "../src/proxy/item-read.ts";
import { itemLookup, itemRef } from "../src/proxy/plan.ts";
import { applyRecord } from "../src/proxy/record-sink.ts";
import { createServing, type Serving } from "../src/serving.ts";
import { tableSchemaOf } from "../src/upstream/table-description.ts";
import { TableVersions } from "../src/upstream/table-versions.ts";
import { systemClock as clock } from "../src/util/clock.ts";
import { createLogger } from "../src/util/log.ts";
import { changedItemBytes, description, followedTable, itemText, recordText } from "./servers/any-key.ts";
import { type Spread, spread } from "./statistics.ts";

/** What the changed item is to this node. */
export const kinds = {
  unknown: "an item that is not cached",
  stale: "a cached item, which it makes stale",
  same: "a cached item that is as it says",
} as const;
type Kind = keyof typeof kinds;

/** Microseconds of CPU time for one. */
export interface ChangeCosts {
  readonly record: Readonly<Record<Kind, Spread>>;
  readonly message: Readonly<Record<Kind, Spread>>;
}

const changes = 20_000;
const pageRecords = 1000;
const warmRepeats = 2;

interface Node {
  readonly serving: Serving;
  readonly versions: VersionClock;
  readonly schema: TableSchema;
}

const partition = (at: number): string => `changed#${String(at).padStart(6, "0")}`;
const places = Array.from({ length: changes }, (_, at) => at);

export async function measureChanges(repeats: number): Promise<ChangeCosts> {
  const node = await buildNode();
  const measured = { record: newSamples(), message: newSamples() };
  for (let repeat = -warmRepeats; repeat < repeats; repeat += 1) {
    for (const kind of Object.keys(kinds) as Kind[]) {
      const record = await recordUs(node, kind);
      const message = await messageUs(node, kind);
      if (repeat < 0) continue;
      measured.record[kind].push(record);
      measured.message[kind].push(message);
    }
  }
  await node.serving.close();
  const spreads = ({ unknown, stale, same }: Record<Kind, number[]>) => ({
    unknown: spread(unknown),
    stale: spread(stale),
    same: spread(same),
  });
  return { record: spreads(measured.record), message: spreads(measured.message) };
}

const newSamples = (): Record<Kind, number[]> => ({ unknown: [], stale: [], same: [] });

async function buildNode(): Promise<Node> {
  const loaded = await loadSettings(["--upstream=http://127.0.0.1:1", "--log-level=silent"], {});
  if (loaded.problems !== undefined) throw new Error(loaded.problems.join("\n"));
  const { settings } = loaded;
  const versions = new VersionClock({ clock, slots: settings.slots });
  const serving = createServing({
    ...{ settings, clock, versions, upstreamUrl: settings.upstream, bytesMax: settings.cacheBytesMax },
    tableVersions: new TableVersions(),
    freshness: new Freshness(freshnessOptions(settings, clock)),
    metrics: createMetrics({ tablesMax: settings.metricsTablesMax, version: "" }),
    log: createLogger(settings.logLevel),
  });
  const schema = tableSchemaOf(Buffer.from(JSON.stringify(description(followedTable))));
  if (schema === undefined) throw new Error("a bug: the table's description is none");
  return { serving, versions, schema };
}

const changeOf = (at: number, schema: TableSchema) => {
  const record = recordsOf(Buffer.from(`{"Records":[${recordText(at, 0, partition(at))}]}`)).at(0);
  const change = recordChange(record, schema);
  if (change === undefined) throw new Error("a bug: the record is none");
  return change;
};

function recordsOf(body: Uint8Array): RecordList {
  const page = readRecordPage(body);
  if (page === undefined) throw new Error("a bug: the page is none");
  return page.records;
}

/** Puts what the kind says into the cache, in place of what is there. */
async function prepare({ serving, versions, schema }: Node, kind: Kind): Promise<void> {
  const { cache, ruleFor: ruleOf } = serving.deps;
  const rule = ruleOf(schema.TableName);
  const lookup = { ...itemLookup(rule, Number.POSITIVE_INFINITY, false), settleMs: 0 };
  for (const at of places) {
    const { change } = changeOf(at, schema);
    const { cacheKey, tags } = itemRef(change.key, change.schema, rule);
    versions.bump(tags.slice(0, 1));
    if (kind === "unknown") continue;
    const text = itemText(partition(at), String(changedItemBytes)) ?? "";
    const item = Buffer.from(kind === "same" ? text : text.replace("shipped", "ordered"));
    const { lease } = await cache.lookup(cacheKey, tags, lookup);
    const outcome = await lease?.fill(itemEntry(item, clock.nowMs(), 1), true);
    if (outcome !== "stored") throw new Error(`a bug: the item was not stored: ${outcome}`);
  }
}

async function recordUs(node: Node, kind: Kind): Promise<number> {
  await prepare(node, kind);
  const nowSeconds = Math.floor(Date.now() / 1000);
  const pages = Array.from({ length: changes / pageRecords }, (_, page) => {
    const records = Array.from({ length: pageRecords }, (_, n) => page * pageRecords + n);
    return Buffer.from(
      `{"Records":[${records.map((at) => recordText(at, nowSeconds, partition(at))).join()}]}`,
    );
  });
  let confirmed = 0;
  const us = await cpuUs(async () => {
    for (const page of pages) {
      const records = recordsOf(page);
      for (let at = 0; at < records.length; at += 1) {
        const change = recordChange(records.at(at), node.schema);
        if (change === undefined) continue;
        const applying = applyRecord(change, node.serving.deps);
        if ((typeof applying === "string" ? applying : await applying) === "confirmed") confirmed += 1;
      }
    }
  });
  expect(kind, confirmed);
  return us;
}

async function messageUs(node: Node, kind: Kind): Promise<number> {
  await prepare(node, kind);
  const { serving, versions, schema } = node;
  const rule = serving.deps.ruleFor(schema.TableName);
  const messages = places.map((at) => {
    const { change } = changeOf(at, schema);
    const { cacheKey: key, tags } = itemRef(change.key, change.schema, rule);
    const item = Buffer.from(itemText(partition(at), String(changedItemBytes)) ?? "");
    const hash = entryHash(key, itemEntry(item, 0, 1));
    return encodePeerMessage({
      ...{ kind: "invalidation", sender: "peer", pendingForMs: 0 },
      tagHashes: changedTags(change).map(hashOf),
      image: hash === undefined ? undefined : { key, tagHashes: tags.map(hashOf), hash },
    });
  });
  const local = localCache(versions, serving.memory);
  return cpuUs(() => {
    for (const bytes of messages) {
      const message = decodePeerMessage(bytes);
      if (message?.kind !== "invalidation") throw new Error("a bug: the message is none");
      local.apply(message);
    }
  });
}

/** Versions are hashed to slots, so that a few entries die with others. */
function expect(kind: Kind, confirmed: number): void {
  if (kind === "same" ? confirmed < 0.9 * changes : confirmed > 0)
    throw new Error(`${confirmed} of ${changes} records were confirmed`);
}

async function cpuUs(work: () => void | Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / changes;
}
