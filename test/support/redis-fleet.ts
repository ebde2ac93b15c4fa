/** Several nodes with one Redis, in this process: each with its own proxy and its own way to Redis, on one upstream. */

import { setTimeout as sleep } from "node:timers/promises";
import { inject } from "vitest";
import { type CountingUpstream, startCountingUpstream } from "./counting-upstream.ts";
import { type SettingValues, startProxy, type TestProxy } from "./proxy.ts";
import { call, mustCall } from "./raw-client.ts";
import { type RedisServer, startRedis } from "./redis-server.ts";
import { type TableShape, testTables } from "./tables.ts";
import { startFaultProxy, type TcpFaultProxy } from "./tcp-fault-proxy.ts";

export interface FleetNode {
  readonly proxy: TestProxy;
  /** Between this node and Redis. */
  readonly link: TcpFaultProxy;
  call(operation: string, input?: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** With the reply's x-dynatier-cache header. */
  ask(
    operation: string,
    input?: Record<string, unknown>,
  ): Promise<{ status: number; how: string; body: Record<string, unknown> }>;
  redis(): Promise<Record<string, unknown>>;
}

export interface RedisFleet {
  readonly TableName: string;
  readonly redis: RedisServer;
  readonly upstream: CountingUpstream;
  readonly nodes: readonly FleetNode[];
  /** Around all nodes. */
  around(operation: string, input?: Record<string, unknown>): Promise<Record<string, unknown>>;
  add(settings?: SettingValues): Promise<FleetNode>;
  close(): Promise<void>;
}

/** Settled at once, as DynamoDB Local does not lag; polls often. */
const quick: SettingValues = { settleMs: 0, indexSettleMs: 0, streamPollMs: 20, streamIdlePollMs: 50 };

export async function startRedisFleet(
  size: number,
  shape: TableShape,
  settings: SettingValues = {},
  redisSettings: readonly string[] = [],
): Promise<RedisFleet> {
  const local = inject("dynamoDbLocalUrl");
  const tables = testTables(local);
  const TableName = await tables.create(shape);
  const [redis, upstream] = await Promise.all([
    startRedis({ settings: redisSettings }),
    startCountingUpstream(local),
  ]);
  const nodes: FleetNode[] = [];
  const add = async (own: SettingValues = {}): Promise<FleetNode> => {
    const link = await startFaultProxy(redis.port);
    const address = `redis://127.0.0.1:${link.port}`;
    const proxy = await startProxy({ upstream, settings: { ...quick, redis: address, ...settings, ...own } });
    const node: FleetNode = { proxy, link, ...accessTo(proxy, TableName) };
    nodes.push(node);
    return node;
  };
  for (let at = 0; at < size; at += 1) await add();
  await Promise.all(nodes.map(up));
  return {
    ...{ TableName, redis, upstream, nodes, add },
    around: (operation, input = {}) => mustCall(local, operation, { TableName, ...input }),
    close: async () => {
      await Promise.all(nodes.map(({ proxy }) => proxy.stop()));
      await Promise.all(nodes.map(({ link }) => link.stop()));
      await redis.stop();
      await upstream.close();
      await tables.deleteAll();
    },
  };
}

function accessTo(proxy: TestProxy, TableName: string): Pick<FleetNode, "call" | "ask" | "redis"> {
  return {
    call: (operation, input = {}) => mustCall(proxy.url, operation, { TableName, ...input }),
    ask: async (operation, input = {}) => {
      const named = "RequestItems" in input ? input : { TableName, ...input };
      const { status, headers, body } = await call(proxy.url, operation, named);
      return { status, how: String(headers["x-dynatier-cache"]), body };
    },
    redis: async () => {
      const status: unknown = await (await fetch(`${proxy.adminUrl}/api/status`)).json();
      return Object(status).redis;
    },
  };
}

export interface ClusterNode extends Pick<FleetNode, "proxy" | "ask" | "redis"> {}

/** A node at this address of Redis, without a fault proxy between. */
export async function startNode(
  url: string,
  TableName: string,
  upstream: CountingUpstream,
  settings: SettingValues = {},
): Promise<ClusterNode> {
  const proxy = await startProxy({ upstream, settings: { ...quick, redis: url, ...settings } });
  return { proxy, ...accessTo(proxy, TableName) };
}

/** Waits until the node uses Redis and hears the others. */
export async function up(node: Pick<FleetNode, "redis">): Promise<void> {
  await eventually(async () => {
    const { isUp, isHearing } = Object(await node.redis());
    return isUp === true && isHearing === true;
  });
}

/** Waits until all that this node has stored is in Redis: an earlier look by another node would store it in memory. */
export async function shared(node: Pick<FleetNode, "redis">): Promise<void> {
  await eventually(async () => Object(Object(await node.redis()).counts).redisFillBytes === 0);
}

export async function eventually(check: () => Promise<boolean>, withinMs = 20_000): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!(await check())) {
    if (performance.now() > endMs) throw new Error(`not within ${withinMs} ms: ${check}`);
    await sleep(20);
  }
}
