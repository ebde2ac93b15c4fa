// A StreamFollower at work for a test: quick settings, and a diary of everything it did to its sink.

import { setTimeout as sleep } from "node:timers/promises";
import { canonicalKey } from "../../src/dynamodb/canonical-key.ts";
import type { TableSchema } from "../../src/dynamodb/model.ts";
import type { GapReason, RecordChange } from "../../src/invalidation/change-source.ts";
import { StreamFollower } from "../../src/invalidation/stream-follower.ts";
import type { StreamFollowerOptions } from "../../src/invalidation/stream-settings.ts";
import { createDynamoDbClient } from "../../src/upstream/dynamodb-client.ts";
import type { Upstream } from "../../src/upstream/upstream.ts";
import { systemClock } from "../../src/util/clock.ts";
import type { ScriptedStreams } from "./scripted-streams.ts";
import type { ModelShard, StreamModel } from "./stream-model.ts";

export type Entry =
  | { readonly kind: "applied"; readonly key: string; readonly change: RecordChange }
  | { readonly kind: "flushed"; readonly reason: GapReason }
  | { readonly kind: "written"; readonly key: string };

export interface FollowedStream {
  readonly follower: StreamFollower;
  /** What happened, in order; tests may write into it. */
  readonly diary: Entry[];
  /** The most GetRecords calls that it had on their way at a time. */
  readonly pollersMax: number;
  /** The canonical keys applied, in order, with repetitions. */
  applied(): string[];
  flushes(): GapReason[];
  close(): Promise<void>;
}

/** A table with the partition key "pk" and nothing else. */
export const plainSchema: TableSchema = {
  TableName: "t",
  tableId: "arn:aws:dynamodb:eu-west-1:123456789012:table/t",
  partitionKey: { name: "pk", type: "S" },
  sortKey: undefined,
  indexes: new Map(),
  fingerprint: "1",
  streamArn: undefined,
};

/** Follows a stream at `url`; start() is left to the test. */
export function followStream(
  url: string,
  streamArn: string,
  options: Partial<StreamFollowerOptions> = {},
): FollowedStream {
  const client = createDynamoDbClient({ upstream: url, region: "eu-west-1", attemptsMax: 1 });
  let [pollers, pollersMax] = [0, 0];
  const upstream: Upstream = {
    async send(request) {
      if (!request.target.endsWith(".GetRecords")) return client.send(request);
      pollers += 1;
      pollersMax = Math.max(pollersMax, pollers);
      try {
        return await client.send(request);
      } finally {
        pollers -= 1;
      }
    },
    close: () => client.close(),
  };
  const diary: Entry[] = [];
  const follower = new StreamFollower({
    streamArn,
    schema: plainSchema,
    upstream,
    clock: systemClock,
    pollMs: 2,
    idlePollMs: 4,
    backoffMsMax: 10,
    childTriesMax: 4,
    sink: {
      apply: (change) => void diary.push({ kind: "applied", key: change.change.key, change }),
      flush: (reason) => void diary.push({ kind: "flushed", reason }),
    },
    ...options,
  });
  return {
    follower,
    diary,
    get pollersMax() {
      return pollersMax;
    },
    applied: () => diary.flatMap((entry) => (entry.kind === "applied" ? [entry.key] : [])),
    flushes: () => diary.flatMap((entry) => (entry.kind === "flushed" ? [entry.reason] : [])),
    async close() {
      await follower.stop();
      await client.close();
    },
  };
}

/** The same for a stream of the scripted server, with a pen: put() makes a record of its own each time. */
export function followModel(
  server: ScriptedStreams,
  model: StreamModel,
  options: Partial<StreamFollowerOptions> = {},
): FollowedStream & { put(name: string, shard?: ModelShard): void } {
  server.add(model);
  let version = 0;
  return Object.assign(followStream(server.url, model.arn, options), {
    put(name: string, shard?: ModelShard) {
      version += 1;
      model.put({ pk: { S: name }, version: { N: String(version) } }, shard);
    },
  });
}

/** Waits until it holds; fails with what is said of it. */
export async function until(
  holds: () => boolean,
  what: string | (() => unknown),
  waitMs = 5_000,
): Promise<void> {
  const giveUpAt = Date.now() + waitMs;
  while (!holds()) {
    if (Date.now() > giveUpAt) throw new Error(`not within ${waitMs} ms: ${text(what)}`);
    await sleep(2);
  }
}

function text(what: string | (() => unknown)): string {
  return typeof what === "string" ? what : JSON.stringify(what());
}

/** The canonical key of the item { pk: { S: name } }. */
export function keyText(name: string): string {
  const key = canonicalKey({ pk: { S: name } }, plainSchema);
  if (key === undefined) throw new Error(`${name} is no key`);
  return key;
}
