/**
 * Freshness: how long from the acknowledgement of a write around the proxy until the proxy's answer shows it, at a
 * steady rate of such writes. Each write is to an item of its own whose answers are all cached at that moment (what is
 * not cached is fresh at once), and the proxy is asked again and again from then on.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { loadSettings } from "../src/config/load.ts";
import type { Settings } from "../src/config/settings.ts";
import { call, mustCall } from "../test/support/raw-client.ts";
import { createTable, type TableShape } from "../test/support/tables.ts";
import { serverCore, startNode, stop, untilSaid } from "./processes.ts";
import { machine, table } from "./report.ts";

import { serveParameters } from "./start-up.ts";

export interface FreshnessRow {
  readonly title: string;
  readonly samples: number;
  /** Milliseconds from the write's reply to the reply that shows it. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** p99 as a number of poll intervals. */
  readonly p99Polls: number;
}

export interface FreshnessReport {
  readonly about: Readonly<Record<string, string | number | boolean>>;
  readonly rows: readonly FreshnessRow[];
}

const writesPerSecond = 20;
const p99PollsTarget = 2;
/** After a change the proxy stores no answer of the index for indexSettleMs (5 s): nobody's turn comes sooner. */
const restMs = 8_000;
const warmMsMax = 20_000;
const items = (writesPerSecond * restMs) / 1000;
const askEveryMs = 5;
const giveUpMs = 10_000;

const shape: TableShape = {
  hash: "pk:S",
  global: [{ name: "byKind", hash: "kind:S" }],
  stream: "NEW_AND_OLD_IMAGES",
};

interface Target {
  readonly url: string;
  readonly TableName: string;
}

/** The three ways in which an item is read. Each item is alone in its partitions. */
const reads: readonly {
  readonly title: string;
  readonly operation: string;
  readonly input: (id: string) => object;
  readonly versionIn: (body: Record<string, unknown>) => unknown;
}[] = [
  {
    title: "GetItem",
    operation: "GetItem",
    input: (id) => ({ Key: { pk: { S: id } } }),
    versionIn: ({ Item }) => Object(Item).v?.N,
  },
  {
    title: "Query",
    operation: "Query",
    input: (id) => ({ KeyConditionExpression: "pk = :p", ExpressionAttributeValues: { ":p": { S: id } } }),
    versionIn: ({ Items }) => Object(Object(Items)[0]).v?.N,
  },
  {
    title: "Query of a GSI",
    operation: "Query",
    input: (id) => ({
      IndexName: "byKind",
      KeyConditionExpression: "kind = :k",
      ExpressionAttributeValues: { ":k": { S: id } },
    }),
    versionIn: ({ Items }) => Object(Object(Items)[0]).v?.N,
  },
];

type ReadKind = (typeof reads)[number];

/** Starts DynamoDB Local and the proxy with its default polling, and measures. */
export async function measureFreshness(
  seconds: number,
  say: (line: string) => void,
): Promise<FreshnessReport> {
  const upstream = startNode(serverCore, "bench/servers/upstream.ts", ["1"]);
  try {
    const [, direct = ""] = await untilSaid(upstream, /^url (\S+)\n/m);
    const TableName = await createTable(direct, shape);
    const { streamPollMs, streamIdlePollMs } = await settingsOf(serveParameters(direct, 0).slice(1));
    const proxy = startNode(serverCore, "src/main.ts", serveParameters(direct, 0));
    try {
      const [, url = "", adminUrl = ""] = await untilSaid(
        proxy,
        /DynamoDB endpoint +(\S+)[\s\S]*admin, metrics +(\S+)\n/,
      );
      await untilFollowed({ url, TableName }, adminUrl);
      const found = await samplesOf({ url, TableName }, direct, seconds, say);
      const rows = reads.map(({ title }) => rowOf(title, found.get(title) ?? [], streamPollMs));
      const polls = { streamPollMs, streamIdlePollMs, writesPerSecond, freshnessSeconds: seconds };
      return { about: { ...machine(), ...polls }, rows };
    } finally {
      await stop(proxy);
    }
  } finally {
    await stop(upstream);
  }
}

/** What the proxy makes of its flags; it reads no settings file either. */
async function settingsOf(flags: readonly string[]): Promise<Settings> {
  const loaded = await loadSettings(flags, {}, () => {
    throw Object.assign(new Error("no settings file"), { code: "ENOENT" });
  });
  if (loaded.problems !== undefined) throw new Error(loaded.problems.join("\n"));
  return loaded.settings;
}

async function untilFollowed({ url, TableName }: Target, adminUrl: string): Promise<void> {
  await mustCall(url, "GetItem", { TableName, Key: { pk: { S: "-" } } });
  const giveUpAt = performance.now() + giveUpMs;
  while (performance.now() < giveUpAt) {
    const body: unknown = await (await fetch(`${adminUrl}/api/tables`)).json();
    const list = Array.isArray(body) ? body : Object.values(Object(body)).flat();
    if (list.some((one) => one?.table === TableName && one?.stream === "followed")) return;
    await sleep(20);
  }
  throw new Error("the proxy does not follow the table's stream");
}

/** Milliseconds for each way of reading. Writes are spread evenly over time, whatever the answers take. */
async function samplesOf(
  target: Target,
  direct: string,
  seconds: number,
  say: (line: string) => void,
): Promise<Map<string, number[]>> {
  const found = new Map<string, number[]>(reads.map(({ title }) => [title, []]));
  const writes = Math.round(seconds * writesPerSecond);
  const turns: Promise<void>[] = [];
  const begunAtMs = performance.now();
  for (let id = 0; id < items; id += 1) await write(direct, target.TableName, `item-${id}`);
  await sleep(restMs - (performance.now() - begunAtMs));
  const firstAtMs = performance.now();
  for (let n = 0; n < writes; n += 1) {
    await sleep(Math.max(0, firstAtMs + (n * 1000) / writesPerSecond - performance.now()));
    turns.push(turn(target, direct, `item-${n % items}`, found));
    if (n % (writesPerSecond * 10) === 0) say(`freshness: ${n} of ${writes} writes`);
  }
  await Promise.all(turns);
  return found;
}

/** One item's turn: cached in all three ways, written around the proxy, and asked for until each way shows it. */
async function turn(
  target: Target,
  direct: string,
  id: string,
  found: ReadonlyMap<string, number[]>,
): Promise<void> {
  for (const read of reads) await untilCached(target, read, id);
  const version = await write(direct, target.TableName, id);
  const writtenAtMs = performance.now();
  await Promise.all(
    reads.map(async (read) => {
      for (;;) {
        const body = await mustCall(target.url, read.operation, inputOf(target, read, id));
        const tookMs = performance.now() - writtenAtMs;
        if (read.versionIn(body) === version) return void found.get(read.title)?.push(tookMs);
        if (tookMs > giveUpMs) throw new Error(`${read.title} still shows the old item after ${giveUpMs} ms`);
        await sleep(askEveryMs);
      }
    }),
  );
}

async function untilCached(target: Target, read: ReadKind, id: string): Promise<void> {
  const giveUpAt = performance.now() + warmMsMax;
  while (performance.now() < giveUpAt) {
    const reply = await call(target.url, read.operation, inputOf(target, read, id));
    if (String(reply.headers["x-dynatier-cache"]).startsWith("hit")) return;
    await sleep(askEveryMs);
  }
  throw new Error(`${read.title} is not cached after ${warmMsMax} ms`);
}

function inputOf({ TableName }: Target, read: ReadKind, id: string): object {
  return { TableName, ...read.input(id) };
}

/** Adds one to the item's version, and answers it. */
async function write(direct: string, TableName: string, id: string): Promise<unknown> {
  const { Attributes } = await mustCall(direct, "UpdateItem", {
    TableName,
    Key: { pk: { S: id } },
    UpdateExpression: "SET kind = :k ADD v :one",
    ExpressionAttributeValues: { ":k": { S: id }, ":one": { N: "1" } },
    ReturnValues: "ALL_NEW",
  });
  return Object(Attributes).v?.N;
}

function rowOf(title: string, samples: readonly number[], pollMs: number): FreshnessRow {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
  const [p50Ms, p99Ms, maxMs] = [at(0.5), at(0.99), at(1)];
  return { title, samples: sorted.length, p50Ms, p99Ms, maxMs, p99Polls: p99Ms / pollMs };
}

/** Text for people. */
export function freshnessMarkdown({ about: parts, rows }: FreshnessReport): string {
  const isMet = rows.every(({ p99Polls }) => p99Polls <= p99PollsTarget);
  const cells = rows.map((row) => [
    row.title,
    `${row.samples}`,
    ...[row.p50Ms, row.p99Ms, row.maxMs].map((ms) => ms.toFixed(0)),
    row.p99Polls.toFixed(2),
  ]);
  return [
    "# Freshness",
    Object.entries(parts)
      .map(([name, value]) => `${name} ${value}`)
      .join(" · "),
    "From the reply to a write around the proxy to the proxy's first answer that shows it; all answers were cached.",
    table([["read", "samples", "p50 ms", "p99 ms", "max ms", "p99 in polls"], ...cells]),
    `Target: p99 at most ${p99PollsTarget} polls (${p99PollsTarget} × ${parts.streamPollMs} ms): ${isMet ? "met" : "NOT met"}.`,
  ]
    .join("\n\n")
    .concat("\n");
}
