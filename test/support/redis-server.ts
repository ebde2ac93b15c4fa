/** Real Redis servers for tests: alone or as a Cluster, in a temporary folder, on free ports, gone when the test is. */

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { installPackages, mayInstallPackages, run } from "./install.ts";

const START_MS_MAX = 20_000;
const START_ATTEMPTS_MAX = 3;
const SLOTS = 16_384;

/** Ends the server as soon as its own standard input closes, which the kernel sees to however this process ends. */
const KEEPER = `exec 3<&0
"$@" </dev/null 3<&- & server=$!
(cat <&3 >/dev/null; kill -9 $server 2>/dev/null) & watch=$!
exec 3<&-
wait $server; status=$?
kill $watch 2>/dev/null
exit $status`;

export interface RedisOptions {
  /** The server to run; default redis-server, which is installed where it is missing. */
  readonly program?: string;
  /** With certificates: it listens with TLS only. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
  /** Default a free one. */
  readonly port?: number;
  readonly password?: string;
  /** What a configuration file says, read before the command line. */
  readonly file?: string;
  /** Further words of redis-server's command line: "--maxmemory", "10mb". */
  readonly settings?: readonly string[];
}

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends it and waits until it is gone. May be called twice. */
  stop(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
  /** SIGSTOP: it keeps its connections, and answers nothing. */
  pause(): void;
  resume(): void;
  config(name: string, value: string): Promise<void>;
  /** One command on a connection of its own. */
  cli(...words: readonly (string | number)[]): Promise<unknown>;
}

let known: Promise<string> | undefined;

function installed(): Promise<string> {
  known ??= obtainServer();
  return known;
}

/** redis-server: REDIS_SERVER, else the one on the path, else Debian's, where we may install it. */
async function obtainServer(): Promise<string> {
  const wanted = process.env.REDIS_SERVER ?? "redis-server";
  const works = () =>
    run(wanted, ["--version"]).then(
      ({ code }) => code === 0,
      () => false,
    );
  if (await works()) return wanted;
  if (process.env.REDIS_SERVER === undefined && mayInstallPackages()) await installPackages("redis-server");
  if (await works()) return wanted;
  throw new Error(`${wanted} cannot be run: install redis-server 7 or name one in REDIS_SERVER`);
}

/** Starts an empty server that writes nothing to disk. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const program = options.program ?? (await installed());
  for (let attempt = 1; ; attempt++) {
    try {
      return await launch(program, options.port ?? (await freePort()), options);
    } catch (error) {
      // Somebody else may have taken the port between our look and the server's.
      if (attempt >= START_ATTEMPTS_MAX) throw error;
    }
  }
}

/** Everything after the program's name. */
function commandLine(port: number, folder: string, { password, tls, settings = [] }: RedisOptions): string[] {
  const words = tls === undefined ? ["--port", String(port)] : ["--port", "0", "--tls-port", String(port)];
  if (tls !== undefined) {
    words.push("--tls-ca-cert-file", tls.ca, "--tls-cert-file", tls.cert, "--tls-key-file", tls.key);
    words.push("--tls-auth-clients", "no");
  }
  words.push("--bind", "127.0.0.1", "--dir", folder, "--save", "");
  if (password !== undefined) words.push("--requirepass", password);
  return [...words, "--appendonly", "no", "--enable-debug-command", "yes", ...settings];
}

function urlOf(port: number, { password, tls }: RedisOptions): string {
  const user = password === undefined ? "" : `:${encodeURIComponent(password)}@`;
  return `${tls === undefined ? "redis" : "rediss"}://${user}127.0.0.1:${port}`;
}

async function launch(program: string, port: number, options: RedisOptions): Promise<RedisServer> {
  const folder = await mkdtemp(path.join(tmpdir(), "dynatier-redis-"));
  const { file } = options;
  const config = path.join(folder, "redis.conf");
  if (file !== undefined) await writeFile(config, file);
  const server = [program, ...(file === undefined ? [] : [config]), ...commandLine(port, folder, options)];
  const child = spawn("sh", ["-c", KEEPER, "sh", ...server], {
    cwd: folder,
    stdio: ["pipe", "pipe", "pipe"],
  });
  let printed = "";
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding("utf8").on("data", (text: string) => {
      printed = (printed + text).slice(-4_000);
    });
  }
  child.stdin.on("error", () => {});
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const cli = (...command: readonly (string | number)[]) => callOnce(port, options, command);
  const stop = async (): Promise<void> => {
    child.stdin.end();
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const pid = await untilAnswering(cli, () => child.exitCode !== null);
    const signal = (name: NodeJS.Signals) => void process.kill(pid, name);
    return {
      url: urlOf(port, options),
      port,
      pid,
      stop,
      kill: async () => {
        signal("SIGKILL");
        await exited;
      },
      pause: () => signal("SIGSTOP"),
      resume: () => signal("SIGCONT"),
      config: async (name, value) => void (await cli("CONFIG", "SET", name, value)),
      cli,
    };
  } catch (error) {
    await stop();
    throw new Error(`redis-server did not start: ${printed.trim() || String(error)}`);
  }
}

async function callOnce(
  port: number,
  { password, tls }: RedisOptions,
  words: readonly (string | number)[],
): Promise<unknown> {
  const redis = new Redis({
    port,
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls: { ca: await readFile(tls.ca) } }),
    lazyConnect: true,
    retryStrategy: null,
    protocol: 2,
    connectTimeout: 2_000,
    commandTimeout: 5_000,
    disableClientInfo: true,
  });
  redis.on("error", () => {});
  try {
    await redis.connect();
    const [name = "", ...rest] = words.map(String);
    return await redis.call(name, ...rest);
  } finally {
    redis.disconnect();
  }
}

/** Its process id. */
async function untilAnswering(cli: RedisServer["cli"], hasEnded: () => boolean): Promise<number> {
  const giveUpAtMs = Date.now() + START_MS_MAX;
  while (Date.now() < giveUpAtMs && !hasEnded()) {
    const info = await cli("INFO", "server").catch(() => "");
    const [, pid] = /process_id:(\d+)/.exec(String(info)) ?? [];
    if (pid !== undefined) return Number(pid);
    await sleep(20);
  }
  throw new Error("no answer");
}

/** A Sentinel that watches one master, and decides alone. */
export function startSentinel(masterName: string, masterPort: number): Promise<RedisServer> {
  const lines = [
    `sentinel monitor ${masterName} 127.0.0.1 ${masterPort} 1`,
    `sentinel down-after-milliseconds ${masterName} 1000`,
    `sentinel failover-timeout ${masterName} 5000`,
  ];
  return startRedis({ file: `${lines.join("\n")}\n`, settings: ["--sentinel"] });
}

export interface RedisCluster {
  readonly url: string;
  /** The masters as they were at first, then their replicas in the same order. */
  readonly nodes: readonly RedisServer[];
  stop(): Promise<void>;
}

/** Starts a Cluster whose slots are shared out among its masters, and waits until all of them agree. */
export async function startRedisCluster(options: {
  readonly masters: number;
  readonly replicasEach: 0 | 1;
  readonly settings?: readonly string[];
}): Promise<RedisCluster> {
  const { masters, replicasEach } = options;
  const settings = [
    "--cluster-enabled",
    "yes",
    "--cluster-node-timeout",
    "1500",
    ...(options.settings ?? []),
  ];
  const count = masters * (1 + replicasEach);
  const busPorts = await Promise.all(Array.from({ length: count }, freePort));
  const nodes = await Promise.all(
    busPorts.map((bus) => startRedis({ settings: [...settings, "--cluster-port", String(bus)] })),
  );
  const stop = async () => void (await Promise.all(nodes.map((node) => node.stop())));
  try {
    await join(nodes, busPorts, masters);
    const url = `redis-cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(",")}`;
    return { url, nodes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function join(
  nodes: readonly RedisServer[],
  busPorts: readonly number[],
  masters: number,
): Promise<void> {
  const [first, ...others] = nodes;
  if (!first) throw new Error("a Cluster needs nodes");
  for (let at = 0; at < masters; at++) {
    const [from, to] = [at, at + 1].map((index) => Math.floor((index * SLOTS) / masters));
    await nodes[at]?.cli("CLUSTER", "ADDSLOTSRANGE", from ?? 0, (to ?? SLOTS) - 1);
  }
  for (const [at, { port }] of others.entries()) {
    await first.cli("CLUSTER", "MEET", "127.0.0.1", port, busPorts[at + 1] ?? 0);
  }
  await untilAll(nodes, "INFO", new RegExp(`cluster_known_nodes:${nodes.length}\\b`));
  for (const [at, replica] of nodes.slice(masters).entries()) {
    const id = String(await nodes[at]?.cli("CLUSTER", "MYID"));
    await replica.cli("CLUSTER", "REPLICATE", id);
    await until(async () => /master_link_status:up/.test(String(await replica.cli("INFO", "replication"))));
  }
  await untilAll(nodes, "INFO", /cluster_state:ok/);
  // Everybody must know who is whose replica: otherwise nobody votes in a failover.
  const replicas = nodes.length - masters;
  for (const node of nodes) {
    await until(async () => {
      const shape = String(await node.cli("CLUSTER", "NODES"));
      return (shape.match(/\bslave\b/g) ?? []).length === replicas;
    });
  }
}

async function untilAll(nodes: readonly RedisServer[], question: string, answer: RegExp): Promise<void> {
  for (const node of nodes) await until(async () => answer.test(String(await node.cli("CLUSTER", question))));
}

/** Waits until something is so; an error counts as "not yet". */
export async function until(isSo: () => boolean | Promise<boolean>, msMax = START_MS_MAX): Promise<void> {
  const giveUpAtMs = Date.now() + msMax;
  while (Date.now() < giveUpAtMs) {
    try {
      if (await isSo()) return;
    } catch {
      // Not yet.
    }
    await sleep(20);
  }
  throw new Error(`it did not come about within ${msMax} ms: ${isSo}`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(0, "127.0.0.1", () => resolve());
  });
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}
