// The set-up of the conformance behaviours: `P` calls through the proxy, `D` calls DynamoDB Local directly.

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, inject } from "vitest";
import type { CountingUpstream } from "./counting-upstream.ts";
import { type ProxyOptions, startProxy, type TestProxy } from "./proxy.ts";
import { type CallOptions, type CallReply, call } from "./raw-client.ts";
import { type TableShape, type TestTables, testTables } from "./tables.ts";

// Replies are read deep into; a test that reads wrongly fails by itself.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Reply = CallReply<any>;
export type Caller = (operation: string, input: object | string, options?: CallOptions) => Promise<Reply>;

export interface Bench {
  readonly proxy: TestProxy;
  readonly upstream: CountingUpstream;
  readonly P: Caller;
  readonly D: Caller;
  /** A new table, made directly; deleted when the file is done. */
  table(shape?: TableShape): Promise<string>;
  /** P, and the call must succeed. */
  p(operation: string, input: object, options?: CallOptions): Promise<Reply>;
  /** D, and the call must succeed. */
  d(operation: string, input: object): Promise<Reply>;
}

/** A proxy for the tests of one describe (or file); counters, faults and holds are reset before each of them. */
export function useBench(options: ProxyOptions = {}): Bench {
  let proxy: TestProxy;
  let tables: TestTables;
  beforeAll(async () => {
    tables = testTables(inject("dynamoDbLocalUrl"));
    proxy = await startProxy(options);
  });
  beforeEach(() => proxy.upstream.reset());
  afterAll(async () => {
    await proxy?.stop();
    await tables.deleteAll();
  });
  const P: Caller = (operation, input, more) => call(proxy.url, operation, input, more);
  const D: Caller = (operation, input, more) => call(inject("dynamoDbLocalUrl"), operation, input, more);
  return {
    get proxy() {
      return proxy;
    },
    get upstream() {
      return proxy.upstream;
    },
    P,
    D,
    p: async (operation, input, more) => succeeded(operation, await P(operation, input, more)),
    d: async (operation, input) => succeeded(operation, await D(operation, input)),
    table: (shape) => tables.create(shape),
  };
}

function succeeded(operation: string, reply: Reply): Reply {
  if (reply.status !== 200) throw new Error(`${operation}: ${reply.status} ${reply.bytes.toString("utf8")}`);
  return reply;
}

/** x-dynatier-cache of a reply, for example "hit; tier=memory". */
export function cacheOf(reply: CallReply<unknown>): string {
  return String(reply.headers["x-dynatier-cache"]);
}

/** Asks again until the answer is what is waited for; the bound is generous, since machines are loaded. */
export async function until<Value>(
  ask: () => Promise<Value> | Value,
  isThere: (value: Value) => boolean,
  boundMs = 20_000,
): Promise<Value> {
  const giveUpAt = performance.now() + boundMs;
  for (;;) {
    const value = await ask();
    if (isThere(value)) return value;
    if (performance.now() > giveUpAt) throw new Error(`still ${JSON.stringify(value)} after ${boundMs} ms`);
    await sleep(20);
  }
}

/** A figure of GET /api/status. */
export async function statusOf(proxy: TestProxy): Promise<{
  requestsInFlight: number;
  memory: { bytes: number; bytesMax: number; entries: number; evictions: number };
}> {
  const reply = await fetch(`${proxy.adminUrl}/api/status`);
  return (await reply.json()) as Awaited<ReturnType<typeof statusOf>>;
}
