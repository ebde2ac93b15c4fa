// A proxy that follows the stream of a table, and direct access to the same table around it.

import { setTimeout as sleep } from "node:timers/promises";
import { inject } from "vitest";
import { type SettingValues, startProxy, type TestProxy } from "./proxy.ts";
import { mustCall } from "./raw-client.ts";
import { type TableShape, testTables } from "./tables.ts";

export interface Streamed {
  readonly proxy: TestProxy;
  readonly TableName: string;
  /** A call through the proxy, and one around it. */
  through(operation: string, input?: Record<string, unknown>): Promise<Record<string, unknown>>;
  around(operation: string, input?: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** What GET /api/tables says of the table. */
  report(): Promise<Record<string, unknown> | undefined>;
  close(): Promise<void>;
}

/** Polls often, so that tests need not wait; settled at once, as DynamoDB Local does not lag. */
const quick: SettingValues = { streamPollMs: 20, streamIdlePollMs: 50, settleMs: 0, indexSettleMs: 0 };

/** The table exists and, if it has a stream, is followed when this returns. */
export async function startStreamed(shape: TableShape, settings: SettingValues = {}): Promise<Streamed> {
  const local = inject("dynamoDbLocalUrl");
  const tables = testTables(local);
  const TableName = await tables.create(shape);
  const proxy = await startProxy({ settings: { ...quick, ...settings } });
  const call =
    (url: string) =>
    (operation: string, input: Record<string, unknown> = {}) =>
      mustCall(url, operation, { TableName, ...input });
  const streamed: Streamed = {
    proxy,
    TableName,
    through: call(proxy.url),
    around: call(local),
    async report() {
      const response = await fetch(`${proxy.adminUrl}/api/tables`);
      const body: unknown = await response.json();
      const list = Array.isArray(body) ? body : Object.values(Object(body)).flat();
      return list.find((one) => one?.table === TableName);
    },
    async close() {
      await proxy.stop();
      await tables.deleteAll();
    },
  };
  // The proxy meets a table with its first request.
  await streamed.through("Query", {
    KeyConditionExpression: "pk = :p",
    ExpressionAttributeValues: { ":p": { S: "-" } },
  });
  if (shape.stream !== undefined && settings.streams !== "off") {
    await eventually(async () => (await streamed.report())?.stream, "followed");
  }
  return streamed;
}

/** Asks until the answer is this one; fails with the last answer after `boundMs`. */
export async function eventually<T>(
  ask: () => Promise<T>,
  wanted: T,
  everyMs = 10,
  boundMs = 10_000,
): Promise<number> {
  const begunAtMs = performance.now();
  for (;;) {
    const answer = await ask();
    const tookMs = performance.now() - begunAtMs;
    if (JSON.stringify(answer) === JSON.stringify(wanted)) return tookMs;
    if (tookMs > boundMs) throw new Error(`still ${JSON.stringify(answer)}, not ${JSON.stringify(wanted)}`);
    await sleep(everyMs);
  }
}
