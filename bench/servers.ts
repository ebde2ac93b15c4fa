/** How each server of the table is started: once, when the first row asks for it. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { startRedis } from "../test/support/redis-server.ts";
import { startNginx, whyNoNginx } from "./nginx.ts";
import { familyOf, pinned, serverCore, startNode, stop, untilSaid } from "./processes.ts";
import { fillRedis } from "./redis-load.ts";
import type { ServerName } from "./rows.ts";
import { benchKey } from "./sdk-forms.ts";
import { serveParameters } from "./start-up.ts";

export interface Server {
  readonly url: string;
  readonly adminUrl: string | undefined;
  readonly pids: readonly number[];
  /** The servers that answer it. */
  readonly behind: readonly Server[];
  stop(): Promise<void>;
}

/** So small that what is asked for in turn is never there when its turn comes. */
const tinyMemoryBytes = 16_384;

/** Why Redis cannot be measured here; undefined = it can. */
export function whyNoRedis(): string | undefined {
  const program = process.env.REDIS_SERVER ?? "redis-server";
  const works = spawnSync(program, ["--version"]).status === 0;
  return works ? undefined : `${program} is not installed`;
}

/** Why a server cannot be had here; undefined = it can. */
export function whyNot(server: ServerName): string | undefined {
  if (server === "nginx") return whyNoNginx();
  return server === "redis" || server === "proxy-redis" ? whyNoRedis() : undefined;
}

/** All servers of one run, each started at most once. */
export class Servers {
  readonly #partitions: number;
  readonly #connections: number;
  readonly #flags: readonly string[];
  readonly #started = new Map<ServerName, Promise<Server>>();

  /** @param flags Node's own, for all of them that are ours */
  constructor(partitions: number, connections: number, flags: readonly string[] = []) {
    this.#partitions = partitions;
    this.#connections = connections;
    this.#flags = flags;
  }

  get(name: ServerName): Promise<Server> {
    const started = this.#started.get(name) ?? this.#starts[name]();
    this.#started.set(name, started);
    return started;
  }

  /** The last one first: nobody shall miss who answers him. */
  async stop(): Promise<void> {
    for (const started of [...this.#started.values()].reverse())
      await started.then((server) => server.stop()).catch(() => undefined);
  }

  readonly #starts: Readonly<Record<ServerName, () => Promise<Server>>> = {
    upstream: () => this.#script("upstream.ts", this.#partitions, []),
    "node:http": () => this.#script("node-http.ts", this.#partitions, ["upstream"]),
    fastify: () => this.#script("fastify.ts", this.#partitions, []),
    forwarder: () => this.#script("forwarder.ts", this.#connections, ["upstream"]),
    "forwarder-over-http": () => this.#script("forwarder.ts", this.#connections, ["node:http"]),
    proxy: () => this.#proxy("upstream"),
    "proxy-ycsb": () => this.#proxy("upstream"),
    "proxy-over-http": () => this.#proxy("node:http"),
    "proxy-fastify": () => this.#proxy("upstream", "--fast-lane=false"),
    "proxy-sigv4": () => this.#verifyingProxy(),
    "proxy-redis": async () => {
      const redis = await this.get("redis");
      const memory = ["--cache-bytes-max", String(tinyMemoryBytes)];
      const proxy = await this.#proxy("upstream", "--redis", redis.url, "--streams", "off", ...memory);
      return { ...proxy, behind: [...proxy.behind, redis] };
    },
    nginx: async () => {
      const upstream = await this.get("upstream");
      const nginx = await startNginx(upstream.url);
      return { ...nginx, adminUrl: undefined, pids: familyOf(nginx.pid), behind: [upstream] };
    },
    redis: async () => {
      const redis = await startRedis();
      const { url, pid } = redis;
      if (pinned) spawnSync("taskset", ["-acp", String(serverCore), String(pid)]);
      await fillRedis(url, this.#partitions);
      return { url, adminUrl: undefined, pids: [pid], behind: [], stop: () => redis.stop() };
    },
  };

  /** One of bench/servers: its first argument is a number, its second where its upstream is. */
  async #script(script: string, first: number, behind: readonly ServerName[]): Promise<Server> {
    const upstreams = await Promise.all(behind.map((name) => this.get(name)));
    const words = [String(first), ...upstreams.map(({ url }) => url)];
    return this.#node(`bench/servers/${script}`, words, /^url (\S+)()\n/m, upstreams);
  }

  async #proxy(behind: ServerName, ...flags: readonly string[]): Promise<Server> {
    const upstream = await this.get(behind);
    const words = [...serveParameters(upstream.url, 0), ...flags];
    const ready = /DynamoDB endpoint +(\S+)[\s\S]*admin, metrics +(\S+)\n/;
    return this.#node("src/main.ts", words, ready, [upstream]);
  }

  async #verifyingProxy(): Promise<Server> {
    const folder = mkdtempSync(path.join(tmpdir(), "dynatier-bench-"));
    const keys = path.join(folder, "keys.yaml");
    writeFileSync(keys, JSON.stringify([benchKey]), { mode: 0o600 });
    const proxy = await this.#proxy("upstream", "--auth=sigv4", `--keys=${keys}`);
    const end = async (): Promise<void> => {
      await proxy.stop();
      rmSync(folder, { recursive: true, force: true });
    };
    return { ...proxy, stop: end };
  }

  async #node(
    script: string,
    words: readonly string[],
    ready: RegExp,
    behind: readonly Server[],
  ): Promise<Server> {
    const child = startNode(serverCore, script, words, this.#flags);
    try {
      const [, url = "", adminUrl] = await untilSaid(child, ready);
      const pids = familyOf(child.pid ?? 0);
      return { url, adminUrl: adminUrl || undefined, pids, behind, stop: () => stop(child) };
    } catch (error) {
      await stop(child);
      throw error;
    }
  }
}
