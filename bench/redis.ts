/** What goes through Redis: a hit there, the plain server as its neighbour, fan-out to other nodes, the guard of writes. */

import { type ChildProcess, spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { type RedisServer, startRedis } from "../test/support/redis-server.ts";
import { checkRow } from "./check.ts";
import { fillTable, TABLE } from "./data.ts";
import type { LoadJob, LoadResult } from "./load-job.ts";
import type { Options } from "./options.ts";
import { familyOf, loadCore, pinned, serverCore, startNode, stop, untilSaid } from "./processes.ts";
import { measureFanout, measureWrites } from "./redis-fanout.ts";
import { percentileMs, type RedisReport, type RedisRow, type RedisRowId } from "./redis-rows.ts";
import { machine, table } from "./report.ts";
import type { Row } from "./rows.ts";
import { serveParameters } from "./start-up.ts";
import { turns, workloads } from "./workloads.ts";

/** So small that what is asked for in turn is never there when its turn comes. */
const tinyMemoryBytes = 65_536;
const fillWithinMs = 20_000;

/** Why these rows cannot be measured here; undefined = they can. */
export function whyNoRedis(): string | undefined {
  const program = process.env.REDIS_SERVER ?? "redis-server";
  const works = spawnSync(program, ["--version"]).status === 0;
  return works ? undefined : `${program} is not installed`;
}

/** Everything that a row needs, and the end of all that was started. */
class Stage {
  readonly options: Options;
  readonly redis: RedisServer;
  readonly upstream: string;
  readonly #children: ChildProcess[];

  constructor(options: Options, redis: RedisServer, upstream: string, child: ChildProcess) {
    this.options = options;
    this.redis = redis;
    this.upstream = upstream;
    this.#children = [child];
  }

  /** A proxy on the servers' core. */
  async proxy(...flags: readonly string[]): Promise<{ readonly url: string; readonly pid: number }> {
    const child = startNode(serverCore, "src/main.ts", [...serveParameters(this.upstream, 0), ...flags]);
    this.#children.push(child);
    const [, url = ""] = await untilSaid(child, /DynamoDB endpoint +(\S+)[\s\S]*admin, metrics +\S+\n/);
    return { url, pid: child.pid ?? 0 };
  }

  /** One that has this stage's Redis. */
  sharing(...flags: readonly string[]): Promise<{ readonly url: string; readonly pid: number }> {
    return this.proxy("--redis", this.redis.url, ...flags);
  }

  async end(): Promise<void> {
    await Promise.all(this.#children.map(stop));
    await this.redis.stop();
  }
}

type Measured = { readonly rows: readonly RedisRow[]; readonly faults: readonly string[] };

const measures: Readonly<Record<RedisRowId, (stage: Stage) => Promise<Measured>>> = {
  "redis-get": measureGet,
  "proxy-l2-hit": measureHit,
  fanout: async (stage) => {
    const nodes = [1, 2, 3].map(() => stage.sharing("--streams", "off", "--write-guard", "after"));
    const urls = (await Promise.all(nodes)).map(({ url }) => url);
    const samples = Math.round(stage.options.seconds * 40);
    return { rows: [await measureFanout({ TableName: TABLE, urls }, samples)], faults: [] };
  },
  "write-guard": async (stage) => {
    const off = ["--streams", "off"];
    const ways = [
      { title: "PutItem, no Redis", proxy: await stage.proxy(...off) },
      { title: "PutItem, writeGuard: after", proxy: await stage.sharing(...off, "--write-guard", "after") },
      { title: "PutItem, writeGuard: before", proxy: await stage.sharing(...off, "--write-guard", "before") },
    ].map(({ title, proxy }) => ({ title, url: proxy.url }));
    const rows = await measureWrites(ways, TABLE, stage.options.seconds * ways.length);
    return { rows, faults: [] };
  },
};

export async function measureRedis(options: Options, say: (line: string) => void): Promise<RedisReport> {
  const rows: RedisRow[] = [];
  const faults: string[] = [];
  for (const id of options.redis) {
    const stage = await startStage(options);
    try {
      say(`${id} …`);
      const measured = await measures[id](stage);
      rows.push(...measured.rows);
      faults.push(...measured.faults);
    } finally {
      await stage.end();
    }
  }
  const { seconds, connections } = options;
  return { about: { ...machine(), seconds, connections }, rows, faults };
}

async function startStage(options: Options): Promise<Stage> {
  const redis = await startRedis();
  if (pinned) spawnSync("taskset", ["-cp", String(serverCore), String(redis.pid)]);
  const child = startNode(serverCore, "bench/servers/upstream.ts", ["1"]);
  try {
    const [, upstream = ""] = await untilSaid(child, /^url (\S+)\n/m);
    await fillTable(upstream, options.partitions);
    return new Stage(options, redis, upstream, child);
  } catch (error) {
    await stop(child);
    await redis.stop();
    throw error;
  }
}

async function plainGet(
  stage: Stage,
  connections: number,
): Promise<{ latenciesMs: number[]; wrong: number }> {
  const words = [stage.redis.port, connections, stage.options.seconds].map(String);
  const child = startNode(loadCore, "bench/redis-get.ts", words);
  const [, text = ""] = await untilSaid(child, /^result (.*)\n/m, stage.options.seconds);
  await stop(child);
  return JSON.parse(text);
}

async function measureGet(stage: Stage): Promise<Measured> {
  const { connections, seconds } = stage.options;
  const rows: RedisRow[] = [];
  const faults: string[] = [];
  for (const count of [1, connections]) {
    const { latenciesMs, wrong } = await plainGet(stage, count);
    rows.push({
      id: "redis-get",
      title: `plain Redis GET, ${count} connection${count === 1 ? "" : "s"}`,
      perSecond: latenciesMs.length / seconds,
      p50Ms: percentileMs(latenciesMs, 0.5),
      p99Ms: percentileMs(latenciesMs, 0.99),
      note: count === 1 ? "one round trip" : "",
    });
    if (wrong > 0 || latenciesMs.length === 0) faults.push(`redis-get: ${wrong} replies were wrong`);
  }
  return { rows, faults };
}

const row: Row = {
  id: "proxy-l2-hit",
  title: "dynatier, GetItem hit in Redis",
  server: "proxy",
  workload: "GetItem",
  noCache: false,
  cache: /^hit; tier=redis$/,
};

async function measureHit(stage: Stage): Promise<Measured> {
  const { options } = stage;
  const bytes = String(tinyMemoryBytes);
  const { url, pid } = await stage.sharing("--streams", "off", "--cache-bytes-max", bytes);
  const workload = workloads(options.partitions).GetItem;
  const requests = turns(workload, options.connections).flat();
  // What is stored in Redis is stored behind the reply's back.
  const giveUpAtMs = performance.now() + fillWithinMs;
  let faults = await checkRow(row, url, workload, requests);
  while (faults.length > 0 && performance.now() < giveUpAtMs) {
    await sleep(100);
    faults = await checkRow(row, url, workload, requests);
  }
  if (faults.length > 0) return { rows: [], faults };
  const rows: RedisRow[] = [];
  for (const connections of [1, options.connections]) {
    const base = percentileMs((await plainGet(stage, connections)).latenciesMs, 0.5);
    const result = await loaded(stage, url, pid, connections);
    if (result.failures > 0 || result.replies === 0)
      faults.push(`${row.id}: ${result.failures} failures among ${result.replies} replies`);
    rows.push({
      id: "proxy-l2-hit",
      title: `${row.title}, ${connections} connection${connections === 1 ? "" : "s"}`,
      perSecond: result.replies / result.seconds,
      p50Ms: result.p50Ms,
      p99Ms: result.p99Ms,
      note:
        `p50 ${(result.p50Ms / base).toFixed(1)} × that of a plain GET` +
        (result.serverCpuSeconds === undefined
          ? ""
          : `; ${((result.serverCpuSeconds * 1e6) / result.replies).toFixed(0)} µs of the node's CPU each`),
    });
  }
  // Not one of them may have come from elsewhere.
  faults.push(...(await checkRow(row, url, workload, requests)));
  return { rows, faults };
}

async function loaded(stage: Stage, url: string, pid: number, connections: number): Promise<LoadResult> {
  const { seconds, warmSeconds, partitions } = stage.options;
  const replyBytes = JSON.stringify(workloads(partitions).GetItem.reply(0)).length;
  const job: LoadJob = {
    ...{ url, connections, seconds, warmSeconds, partitions, replyBytes, pids: familyOf(pid) },
    ...{ workload: "GetItem", noCache: false, inTurn: true },
  };
  const child = startNode(loadCore, "bench/load.ts", []);
  child.stdin?.end(JSON.stringify(job));
  const [, text = ""] = await untilSaid(child, /^result (.*)\n/m, seconds + warmSeconds);
  await stop(child);
  return JSON.parse(text);
}

/** Text for people. */
export function redisMarkdown({ about, rows, faults }: RedisReport): string {
  if (faults.length > 0) return `WRONG\n  ${faults.join("\n  ")}\n`;
  const cells = rows.map(({ title, perSecond, p50Ms, p99Ms, note }) => [
    title,
    perSecond === undefined ? "" : String(Math.round(perSecond)),
    p50Ms.toFixed(2),
    p99Ms.toFixed(2),
    note,
  ]);
  const facts = Object.entries(about).map(([name, value]) => `${name} ${value}`);
  const head = ["row", "per second", "p50 ms", "p99 ms", "note"];
  return ["# Redis", facts.join(" · "), table([head, ...cells])].join("\n\n").concat("\n");
}
