/** What nodes do for each other through Redis: fan-out of writes, and the guard of writes. Hits in Redis are rows of rows.ts. */

import { type ChildProcess, spawnSync } from "node:child_process";
import { type RedisServer, startRedis } from "../test/support/redis-server.ts";
import { fillTable, TABLE } from "./data.ts";
import type { Options } from "./options.ts";
import { pinned, serverCore, startNode, stop, untilSaid } from "./processes.ts";
import { measureFanout, measureWrites } from "./redis-fanout.ts";
import type { RedisReport, RedisRow, RedisRowId } from "./redis-rows.ts";
import { machine, table } from "./report.ts";
import { serveParameters } from "./start-up.ts";

/** Everything that a row needs, and the end of all that was started. */
class Stage {
  readonly options: Options;
  readonly redis: RedisServer;
  readonly upstream: string;
  readonly #child: ChildProcess;
  readonly #proxies: ChildProcess[] = [];

  constructor(options: Options, redis: RedisServer, upstream: string, child: ChildProcess) {
    this.options = options;
    this.redis = redis;
    this.upstream = upstream;
    this.#child = child;
  }

  /** A proxy on the servers' core. */
  async proxy(...flags: readonly string[]): Promise<{ readonly url: string; readonly pid: number }> {
    const child = startNode(serverCore, "src/main.ts", [...serveParameters(this.upstream, 0), ...flags]);
    this.#proxies.push(child);
    const [, url = ""] = await untilSaid(child, /DynamoDB endpoint +(\S+)[\s\S]*admin, metrics +\S+\n/);
    return { url, pid: child.pid ?? 0 };
  }

  /** One that has this stage's Redis. */
  sharing(...flags: readonly string[]): Promise<{ readonly url: string; readonly pid: number }> {
    return this.proxy("--redis", this.redis.url, ...flags);
  }

  async endProxies(): Promise<void> {
    await Promise.all(this.#proxies.splice(0).map(stop));
  }

  async end(): Promise<void> {
    await stop(this.#child);
    await this.redis.stop();
  }
}

type Measured = { readonly rows: readonly RedisRow[]; readonly faults: readonly string[] };

const measures: Readonly<Record<RedisRowId, (stage: Stage) => Promise<Measured>>> = {
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
  const stage = await startStage(options);
  try {
    for (const id of options.redis) {
      say(`${id} …`);
      const measured = await measures[id](stage).finally(() => stage.endProxies());
      rows.push(...measured.rows);
      faults.push(...measured.faults);
    }
  } finally {
    await stage.end();
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
