/** The servers of the scale curves: one upstream that has every item, and a filled proxy for each wish. */

import { type ChildProcess, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { constants, setPriority } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { familyOf, loadCore, pinned, serverCore, startNode, stop, untilSaid } from "./processes.ts";
import { keyOf, type ScaleJob, type ScaleResult } from "./scale-job.ts";
import type { ServerWish } from "./scale-points.ts";
import { followedTable } from "./servers/any-key.ts";

const cacheBytesMax = String(8 * 2 ** 30);
const hour = "3600000";
/** API_BatchGetItem: at most 100 keys; and replies of a few megabytes. */
const batchKeysMax = 100;
const batchBytesMax = 4_000_000;
const fillersMax = 4;
/** With several workers, every one must get everything; which one has a connection is the system's choice. */
const fillersForWorkers = 8;

/** A running proxy. Figures are those since its start. */
export interface FilledProxy {
  readonly url: string;
  readonly pids: readonly number[];
  /** By the names of docs/METRICS.md, summed over labels that are not asked for. */
  metrics(): Promise<ProxyFigures>;
}

export interface ProxyFigures {
  readonly hits: number;
  readonly lookups: number;
  readonly records: number;
  readonly flushes: number;
  readonly residentBytes: number;
}

export class Stage {
  readonly #flags: readonly string[];
  readonly #children: ChildProcess[] = [];
  readonly #proxies = new Map<string, Promise<FilledProxy>>();
  #upstream: string | undefined;

  /** @param flags Node's own, for the proxies */
  constructor(flags: readonly string[] = []) {
    this.#flags = flags;
  }

  /** The proxy of this wish: started and filled when it is first asked for. */
  proxy(wish: ServerWish): Promise<FilledProxy> {
    const name = JSON.stringify(wish);
    const known = this.#proxies.get(name) ?? this.#start(wish);
    this.#proxies.set(name, known);
    return known;
  }

  /** Has the followed table's stream tell of so many changes a second. */
  async changes(perSecond: number): Promise<void> {
    await fetch(`${await this.#upstreamUrl()}/?changes=${perSecond}`);
  }

  async load(job: ScaleJob): Promise<ScaleResult> {
    const child = this.startLoad(job);
    const busySeconds = job.warmSeconds + job.closedSeconds + job.rateSeconds;
    const [, text = ""] = await untilSaid(child, /^result (.*)\n/m, busySeconds);
    await stop(child);
    return JSON.parse(text);
  }

  /**
   * Says `measuring closed` and `measuring rated` when either phase begins, and in the end `result` and a ScaleResult.
   * @param flags Node's own
   */
  startLoad(job: ScaleJob, flags: readonly string[] = []): ChildProcess {
    const child = startNode(loadCore, "bench/scale-load.ts", [], flags);
    child.stdin?.end(JSON.stringify(job));
    return child;
  }

  async end(): Promise<void> {
    await Promise.all(this.#children.map(stop));
  }

  async #upstreamUrl(): Promise<string> {
    if (this.#upstream === undefined) {
      // With the load, so that the proxy's core is the proxy's alone.
      const child = startNode(loadCore, "bench/servers/any-key.ts", []);
      this.#children.push(child);
      beforeOthers(child.pid ?? 0);
      const [, url = ""] = await untilSaid(child, /^url (\S+)\n/m);
      this.#upstream = url;
    }
    return this.#upstream;
  }

  async #start(wish: ServerWish): Promise<FilledProxy> {
    const words = [
      ...["serve", "--port", "0", "--admin-port", "0", "--log-level", "error", "--region", "us-east-1"],
      ...["--upstream", await this.#upstreamUrl(), "--item-ttl-ms", hour, "--negative-ttl-ms", hour],
      ...["--cache-bytes-max", cacheBytesMax, "--workers", String(wish.workers)],
    ];
    const child = startNode(serverCore, "src/main.ts", words, this.#flags);
    this.#children.push(child);
    const ready = /DynamoDB endpoint +(\S+)[\s\S]*admin, metrics +(\S+)\n/;
    const [, url = "", adminUrl = ""] = await untilSaid(child, ready);
    const { pid = 0 } = child;
    if (wish.cores === "any" && pinned)
      spawnSync("taskset", ["-a", "-c", "-p", `${serverCore},${loadCore}`, `${pid}`]);
    const proxy: FilledProxy = { url, pids: familyOf(pid), metrics: () => figuresOf(adminUrl, pid) };
    if (wish.table === followedTable) await follow(proxy, wish);
    await fill(url, wish);
    return proxy;
  }
}

/**
 * A load that sends at a rate never sleeps, so the upstream on the same core would wait for the end of its time slice, some
 * milliseconds, and a miss with it. Only root may say so.
 */
function beforeOthers(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_HIGHEST);
  } catch {
    // Then latencies of misses say less.
  }
}

/** Waits until the table's stream is followed: as it begins, everything cached of the table is dropped. */
async function follow(proxy: FilledProxy, wish: ServerWish): Promise<void> {
  await fill(proxy.url, { ...wish, entries: 1 });
  while ((await proxy.metrics()).flushes === 0) await sleep(50);
}

/** Reads all items through the proxy, many at a time. */
async function fill(url: string, { table, entries, itemBytes, workers }: ServerWish): Promise<void> {
  const size = Math.max(1, Math.min(batchKeysMax, Math.floor(batchBytesMax / itemBytes)));
  const batches = Math.ceil(entries / size);
  const body = (batch: number): string => {
    const count = Math.min(size, entries - batch * size);
    const Keys = Array.from({ length: count }, (_, at) => ({
      pk: { S: keyOf("user", batch * size + at) },
      sk: { S: String(itemBytes) },
    }));
    return JSON.stringify({ RequestItems: { [table]: { Keys } } });
  };
  const shared = { next: 0 };
  const fillers = workers > 1 ? fillersForWorkers : fillersMax;
  await Promise.all(
    Array.from({ length: fillers }, async () => {
      const turn = workers > 1 ? { next: 0 } : shared;
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      while (turn.next < batches) await send(url, agent, body(turn.next++));
      agent.destroy();
    }),
  );
}

function send(url: string, agent: Agent, body: string): Promise<void> {
  const headers = {
    "content-type": "application/x-amz-json-1.0",
    "x-amz-target": "DynamoDB_20120810.BatchGetItem",
    "content-length": Buffer.byteLength(body),
  };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: "POST", agent, headers }, (reply) => {
      if (reply.statusCode !== 200) reject(new Error(`filling: status ${reply.statusCode}`));
      reply.resume().once("end", resolve).once("error", reject);
    });
    sent.once("error", reject).end(body);
  });
}

async function figuresOf(adminUrl: string, pid: number): Promise<ProxyFigures> {
  const text = await (await fetch(new URL("/metrics", adminUrl))).text();
  const sum = (pattern: RegExp): number =>
    [...text.matchAll(pattern)].reduce((total, [, value]) => total + Number(value), 0);
  const [, residentKiB] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return {
    hits: sum(/^dynatier_lookups_total\{[^}]*result="hit"[^}]*\} (\S+)$/gm),
    lookups: sum(/^dynatier_lookups_total\{[^}]*\} (\S+)$/gm),
    records: sum(/^dynatier_stream_records_total(?:\{[^}]*\})? (\S+)$/gm),
    flushes: sum(/^dynatier_stream_flushes_total\{[^}]*\} (\S+)$/gm),
    residentBytes: Number(residentKiB) * 1024,
  };
}
