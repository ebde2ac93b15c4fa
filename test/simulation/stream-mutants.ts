/** Each part of following a stream left out or done wrong, one at a time: the simulation must notice every one. */

import { type Joined, SingleFlight, type Waiter } from "../../src/cache/single-flight.ts";
import type { CacheKey, CacheTier, Tag } from "../../src/cache/tier.ts";
import { parseReply, toBytes } from "../../src/dynamodb/json-codec.ts";
import type { ChangeSink, RecordChange } from "../../src/invalidation/change-source.ts";
import type { Image } from "../../src/invalidation/tags.ts";
import type { Deps } from "../../src/proxy/deps.ts";
import type { Loaded } from "../../src/proxy/loaded.ts";
import { applyRecord } from "../../src/proxy/record-sink.ts";
import type { Upstream } from "../../src/upstream/upstream.ts";
import { imageText } from "./stream-model.ts";
import type { StreamMutant } from "./stream-mutant.ts";

/** Skips the record of what we remember to have written; `once` forgets it then. */
function ledgerOfOwnWrites(once: boolean): NonNullable<StreamMutant["apply"]> {
  const used = new WeakMap<Deps, Map<string, number>>();
  return async (record, deps, ownImages) => {
    const { image } = record;
    const text = image === "absent" ? undefined : image && imageText(image.item() ?? {});
    const written = text === undefined ? 0 : ownImages().filter((own) => own === text).length;
    const skipped = used.get(deps) ?? new Map<string, number>();
    used.set(deps, skipped);
    const times = skipped.get(text ?? "") ?? 0;
    if (text === undefined || written === 0 || (once && times >= written)) return applyRecord(record, deps);
    skipped.set(text, times + 1);
    return "skipped";
  };
}

/** The cache as a record's application sees it, with faulty parts. */
function withCache(deps: Deps, faulty: (real: CacheTier) => Partial<CacheTier>): Deps {
  const { cache: real } = deps;
  const cache: CacheTier = {
    lookup: (key, tags, options) => real.lookup(key, tags, options),
    imageLease: (key, tags, guarded) => real.imageLease(key, tags, guarded),
    invalidate: (tags, pendingForMs) => real.invalidate(tags, pendingForMs),
    confirm: (key, tags, shows, changed) => real.confirm(key, tags, shows, changed),
    writeLease: (write) => real.writeLease(write),
    changeTo: (image, changed) => real.changeTo(image, changed),
    close: () => real.close(),
    ...faulty(real),
  };
  return { ...deps, cache };
}

/** Fewer tags are invalidated. */
function withTags(deps: Deps, confirmed: (tag: Tag) => boolean, killed: (tag: Tag) => boolean): Deps {
  return withCache(deps, (real) => ({
    invalidate: (tags, pendingForMs) => real.invalidate(tags.filter(killed), pendingForMs),
    changeTo: ({ key, tags, shows }, changed) => {
      if (real.confirm(key, tags, shows, changed.filter(confirmed))) return true;
      void real.invalidate(changed.filter(killed));
      return false;
    },
  }));
}

/** What is not cached has no tag of its own to be invalidated: a read that is under way is forgotten. */
function onlyCachedItems(deps: Deps): Deps {
  return withCache(deps, (real) => ({
    changeTo: ({ key, tags, shows }, changed) => {
      let isCached = false;
      const look: typeof shows = (entry) => {
        isCached = true;
        return shows(entry);
      };
      if (real.confirm(key, tags, look, changed)) return true;
      void real.invalidate(isCached ? changed : changed.filter((tag) => !isItem(tag)));
      return false;
    },
  }));
}

const isItem = (tag: Tag) => tag.startsWith("item\0");

/** Takes what the record does not tell for known to be absent. */
function blindTo(
  images: (before: Image, after: Image) => { before: Image; after: Image },
): NonNullable<StreamMutant["apply"]> {
  return (record: RecordChange, deps) => {
    const { schema, key, partition, before, after } = record.change;
    return applyRecord({ ...record, change: { schema, key, partition, ...images(before, after) } }, deps);
  };
}

/** Flushes when a following begins, and not when its iterators stand. */
function flushEarly(real: Upstream, flush: () => void): Upstream {
  return {
    send: (request) => {
      const starts =
        request.target.endsWith("DescribeStream") && parseReply(request.body).ShardFilter === undefined;
      if (starts && parseReply(request.body).ExclusiveStartShardId === undefined) flush();
      return real.send(request);
    },
    close: () => real.close(),
  };
}

const neverFlush = (real: ChangeSink): ChangeSink => ({
  apply: (record) => real.apply(record),
  flush: () => {},
});

/** Children are read from where they stand, not from their beginning. */
function childrenFromLatest(real: Upstream): Upstream {
  return {
    send: (request) => {
      const input = parseReply(request.body);
      if (input.ShardIteratorType !== "TRIM_HORIZON") return real.send(request);
      return real.send({ ...request, body: toBytes({ ...input, ShardIteratorType: "LATEST" }) });
    },
    close: () => real.close(),
  };
}

/** A page is left behind although a record of it could not be applied. */
const leaveAnyway = (real: ChangeSink): ChangeSink => ({
  apply: async (record) => {
    try {
      await real.apply(record);
    } catch {
      // Too late: the position has moved.
    }
  },
  flush: (reason) => real.flush(reason),
});

const gateAgeMs = 15.5;

/** Joins flights however old they are, where only the gate minds. */
class ShareBeyondGate extends SingleFlight<Loaded> {
  override run(
    key: CacheKey,
    stamp: number,
    waiter: Waiter,
    read: (signal: AbortSignal) => Promise<Loaded>,
  ): Promise<Joined<Loaded>> {
    const ageMsMax = waiter.ageMsMax === gateAgeMs ? Number.POSITIVE_INFINITY : waiter.ageMsMax;
    return super.run(key, stamp, { ...waiter, ageMsMax }, read);
  }
}

const events = { split: 0, merge: 0, stall: 0, expire: 0, crash: 0, echo: 0, move: 0, none: 1 };
const stalls = { calm: false, faults: 0, sinkFaults: 0, events: { ...events, stall: 0.02 } };

export const streamMutants: readonly StreamMutant[] = [
  { name: "a ledger of own writes, kept", apply: ledgerOfOwnWrites(false) },
  {
    name: "a ledger of own writes, consumed once",
    streamFocus: { view: "NEW_AND_OLD_IMAGES", events: { ...events, echo: 0.04 } },
    apply: ledgerOfOwnWrites(true),
  },
  { name: "no gate", freshness: () => ({ ageMsMax: () => Number.POSITIVE_INFINITY }) },
  {
    name: "gate not applied to flights",
    focus: { slow: 0.9, slowMs: 300, deadlineMs: 600, keys: 2, foreign: 0.3, settleMs: 10, pauseMs: 10 },
    streamFocus: { ...stalls, degradedMaxAgeMs: gateAgeMs, freshWithinMs: 30, lagMs: 0, streamLagMaxMs: 0 },
    flights: (options) => new ShareBeyondGate(options),
  },
  { name: "records dropped", apply: async () => "dropped" },
  {
    name: "items that are not cached left alone by records",
    streamFocus: { view: "NEW_AND_OLD_IMAGES" },
    apply: (record, deps) => applyRecord(record, onlyCachedItems(deps)),
  },
  {
    name: "flush before the iterators",
    focus: { foreign: 0.3, keys: 2, pauseMs: 4, settleMs: 10, slow: 0.02, slowMs: 40, slots: 1024 },
    streamFocus: {
      ...{ calm: false, faults: 0, sinkFaults: 0, delayMs: 40, requestTimeoutMs: 400, latest: "committed" },
      ...{ streamLagMaxMs: 0, required: false, events: { ...events, crash: 0.03 } },
    },
    streams: flushEarly,
    sink: neverFlush,
  },
  { name: "no flush at start", sink: neverFlush },
  {
    name: "no flush after a gap",
    sink: (real) => ({
      apply: (record) => real.apply(record),
      flush: (reason) => (reason === "start" ? real.flush(reason) : undefined),
    }),
  },
  { name: "children from LATEST", streams: childrenFromLatest },
  { name: "position moved before application", sink: leaveAnyway },
  {
    name: "confirm without a change",
    streamFocus: { view: "NEW_AND_OLD_IMAGES" },
    apply: (record, deps) =>
      applyRecord(
        record,
        withTags(
          deps,
          () => false,
          () => true,
        ),
      ),
  },
  {
    name: "queries not dropped by records",
    apply: (record, deps) => applyRecord(record, withTags(deps, isItem, isItem)),
  },
  {
    name: "queries not dropped by what confirms an item",
    streamFocus: { view: "NEW_AND_OLD_IMAGES" },
    apply: (record, deps) =>
      applyRecord(
        record,
        withTags(deps, isItem, () => true),
      ),
  },
  {
    name: "old image ignored",
    focus: { indexSettleMs: 15, slots: 1024, keys: 6 },
    streamFocus: { view: "NEW_AND_OLD_IMAGES", events: { ...events, move: 0.08 } },
    apply: blindTo((_, after) => ({ before: "absent", after })),
  },
  {
    name: "KEYS_ONLY taken for exact",
    focus: { indexSettleMs: 15, slots: 1024, keys: 6 },
    streamFocus: { view: "KEYS_ONLY", events: { ...events, move: 0.08 } },
    apply: blindTo((before, after) => ({
      before: before === "unknown" ? "absent" : before,
      after: after === "unknown" ? "absent" : after,
    })),
  },
];
