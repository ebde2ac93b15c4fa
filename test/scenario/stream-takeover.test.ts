// Real streams and a real Redis: what is written while nobody leads is applied by the next leader, without a flush; and
// where a checkpoint cannot be relied on, everything is forgotten.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import type { TableSchema } from "../../src/dynamodb/model.ts";
import { storedCheckpoint } from "../../src/invalidation/stream-checkpoint.ts";
import { StreamLeader } from "../../src/invalidation/stream-leader.ts";
import { StreamSupervisor } from "../../src/invalidation/stream-supervisor.ts";
import { tableSchemaOf } from "../../src/upstream/table-description.ts";
import { systemClock } from "../../src/util/clock.ts";
import { type BusNode, quiet, startBusNode } from "../support/bus-node.ts";
import { type FollowedStream, followStream, until } from "../support/followed-stream.ts";
import { call, mustCall } from "../support/raw-client.ts";
import { type RedisServer, startRedis } from "../support/redis-server.ts";
import { testTables } from "../support/tables.ts";

const url = inject("dynamoDbLocalUrl");
const tables = testTables(url);
const dayMs = 24 * 3_600_000;

interface Node extends BusNode {
  readonly supervisor: StreamSupervisor;
  readonly sources: FollowedStream[];
  /** It gives nothing back and says nothing any more. */
  vanish(): Promise<void>;
}

let redis: RedisServer;
let schema: TableSchema;
let nodes: Node[] = [];

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(async () => {
  await redis.stop();
  await tables.deleteAll();
});

beforeEach(async () => {
  const TableName = await tables.create({ hash: "pk:S", stream: "NEW_AND_OLD_IMAGES" });
  schema = tableSchemaOf((await call(url, "DescribeTable", { TableName })).bytes)!;
});

afterEach(async () => {
  for (const { supervisor } of nodes) await supervisor.stop();
  for (const node of nodes)
    await Promise.all([node.close(), ...node.sources.map((source) => source.close())]);
  nodes = [];
});

async function startNode(): Promise<Node> {
  const sources: FollowedStream[] = [];
  let supervisor: StreamSupervisor | undefined;
  const node = startBusNode(redis.url, {
    signs: () => supervisor?.signs() ?? new Map(),
    hear: (name, atMs) => supervisor?.hear(name, atMs),
  });
  const { store, sender, freshness } = node;
  const streamArn = schema.streamArn!;
  const { fingerprint } = schema;
  const started = new StreamSupervisor({
    policy: { mode: "on", alone: "harmless" },
    known: () => [schema],
    refresh: () => {},
    isCached: () => true,
    follow: () => {
      const checkpoint = storedCheckpoint({ store, streamArn, fingerprint, isSettled: () => true });
      const source = followStream(url, streamArn, { schema, pollMs: 20, idlePollMs: 50, checkpoint });
      sources.push(source);
      return source.follower;
    },
    flush: () => {},
    freshness,
    ...{ log: quiet, clock: systemClock, retryMs: 5_000, cost: "", tickMs: 50 },
    leadership: new StreamLeader({ store, holder: sender, clock: systemClock, log: quiet }),
  });
  supervisor = started;
  started.start();
  const all: Node = {
    ...node,
    supervisor: started,
    sources,
    async vanish() {
      await node.store.close();
      nodes = nodes.filter((other) => other !== all);
      await Promise.all([node.bus.stop(), ...sources.map((source) => source.close())]);
      void started.stop();
    },
  };
  nodes.push(all);
  return all;
}

const applied = (node: Node) => node.sources.flatMap((source) => source.applied());
const flushes = (node: Node) => node.sources.flatMap((source) => source.flushes());
const said = () => nodes.map((node) => ({ ...node.supervisor.report(schema), flushes: flushes(node) }));
const write = (pk: string) =>
  mustCall(url, "PutItem", { TableName: schema.TableName, Item: { pk: { S: pk } } });

async function untilApplied(node: Node, key: string, waitMs = 20_000): Promise<void> {
  await until(() => applied(node).some((one) => one.includes(key)), said, waitMs);
}

/** A first node that leads and has applied a write. */
async function led(): Promise<Node> {
  const first = await startNode();
  await until(() => first.supervisor.report(schema).isFollowed, said, 20_000);
  await write("first");
  await untilApplied(first, "first");
  return first;
}

describe("a leader that is gone", () => {
  it("without a word is followed by another within 10 seconds, which applies what was written meanwhile", async () => {
    const first = await led();
    const second = await startNode();
    await until(() => second.supervisor.report(schema).leader === "another node", said, 20_000);
    expect(second.freshness.ageMsMax(schema.tableId)).toBe(Number.POSITIVE_INFINITY);
    await first.vanish();
    await write("meanwhile");
    await untilApplied(second, "meanwhile", 10_000);
    expect(flushes(second)).toEqual([]);
    expect(applied(second).filter((key) => key.includes("first"))).toEqual([]);
    await until(() => second.freshness.ageMsMax(schema.tableId) === Number.POSITIVE_INFINITY, said, 20_000);
  });

  it("and has said so leaves its place at once, also to one that comes later", async () => {
    const first = await led();
    await first.supervisor.stop();
    await write("meanwhile");
    const second = await startNode();
    await untilApplied(second, "meanwhile");
    expect(flushes(second)).toEqual([]);
  });
});

it.each([
  ["lost", (store, name) => store.dropCheckpoint(name)],
  [
    "older than a day",
    async (store, name) => {
      const at = Number((await store.loadCheckpoint(name)).get("at"));
      await store.saveCheckpoint(name, new Map([["at", String(at - dayMs)]]), dayMs);
    },
  ],
  [
    "of records that are gone",
    async (store, name) => {
      const lost = [...(await store.loadCheckpoint(name))].filter(([, value]) => value.startsWith("@"));
      const unknown = lost.map(([field]): [string, string] => [field, "@000000000000000000001"]);
      expect(unknown).toHaveLength(1);
      await store.saveCheckpoint(name, new Map(unknown), dayMs);
    },
  ],
] satisfies [string, (store: BusNode["store"], name: string) => Promise<void>][])(
  "a checkpoint that is %s: everything is forgotten",
  async (_, harm) => {
    const first = await led();
    const name = `stream:${schema.streamArn}:${schema.fingerprint}`;
    await first.supervisor.stop();
    await harm(first.store, name);
    const second = await startNode();
    await until(() => flushes(second).length > 0, said, 20_000);
    expect(flushes(second)).toHaveLength(1);
    await write("after");
    await untilApplied(second, "after");
  },
);
