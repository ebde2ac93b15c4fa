/** The run itself: servers up, replies checked, every row loaded in turn and over again. */

import type { ChildProcess } from "node:child_process";
import { checkRow } from "./check.ts";
import { fillTable } from "./data.ts";
import type { LoadJob, LoadResult } from "./load-job.ts";
import { checkLookups, lookupCounts } from "./lookup-counts.ts";
import type { Options } from "./options.ts";
import { familyOf, loadCore, serverCore, startNode, stop, untilSaid } from "./processes.ts";
import { isProxy, type Row, type ServerName } from "./rows.ts";
import { measureStartUp, type StartUp, serveParameters, startUps } from "./start-up.ts";
import { requestsOfLoad, type Workload, workloads } from "./workloads.ts";

interface Server {
  readonly child: ChildProcess;
  readonly url: string;
  readonly adminUrl: string | undefined;
  readonly pids: readonly number[];
}

export interface Measured {
  readonly row: Row;
  /** One for each repeat. */
  readonly results: LoadResult[];
}

export interface Outcome {
  readonly measured: readonly Measured[];
  readonly startUps: readonly StartUp[];
  /** What was wrong with replies; empty = all is well. */
  readonly faults: readonly string[];
}

const startUpRepeats = 5;

export async function measure(options: Options, say: (line: string) => void): Promise<Outcome> {
  const servers = new Map<ServerName, Server>();
  try {
    const upstream = await startServer("upstream", options, "");
    servers.set("upstream", upstream);
    await fillTable(upstream.url, options.partitions);
    const load = workloads(options.partitions);
    const starts = options.startUp ? startUps() : [];
    const faults: string[] = [];
    for (let repeat = 0; repeat < (options.quick ? 1 : startUpRepeats); repeat += 1)
      for (const start of starts) faults.push(...(await measureStartUp(start, upstream.url, load.GetItem)));
    for (const { server } of options.rows)
      if (!servers.has(server)) servers.set(server, await startServer(server, options, upstream.url));
    const measured = options.rows.map((row): Measured => ({ row, results: [] }));
    for (const { row } of measured) {
      const workload = load[row.workload];
      const requests = requestsOfLoad(workload, options.connections);
      faults.push(...(await checkRow(row, servers.get(row.server)!.url, workload, requests)));
    }
    // Nothing is measured that is wrong.
    if (faults.length > 0) return { measured, startUps: starts, faults };
    for (let repeat = 0; repeat < options.repeats; repeat += 1) {
      for (const { row, results } of measured) {
        const { result, wrong } = await loadRow(row, servers.get(row.server)!, load[row.workload], options);
        results.push(result);
        faults.push(...wrong);
        say(`${repeat + 1}/${options.repeats} ${row.id}: ${Math.round(result.replies / result.seconds)}/s`);
      }
    }
    return { measured, startUps: starts, faults };
  } finally {
    await Promise.all([...servers.values()].map(({ child }) => stop(child)));
  }
}

const laneFlags = { proxy: [], "proxy-fastify": ["--fast-lane=false"] } as const;
const scripts = { upstream: "upstream.ts", fastify: "fastify.ts", "node:http": "node-http.ts" } as const;

async function startServer(name: ServerName, options: Options, upstream: string): Promise<Server> {
  const child =
    name === "proxy" || name === "proxy-fastify"
      ? startNode(serverCore, "src/main.ts", [...serveParameters(upstream, 0), ...laneFlags[name]])
      : startNode(serverCore, `bench/servers/${scripts[name]}`, [String(options.partitions)]);
  const ready = isProxy(name) ? /DynamoDB endpoint +(\S+)[\s\S]*admin, metrics +(\S+)\n/ : /^url (\S+)()\n/m;
  try {
    const [, url = "", adminUrl] = await untilSaid(child, ready);
    return { child, url, adminUrl: adminUrl || undefined, pids: familyOf(child.pid ?? 0) };
  } catch (error) {
    await stop(child);
    throw error;
  }
}

async function loadRow(
  row: Row,
  server: Server,
  workload: Workload,
  options: Options,
): Promise<{ result: LoadResult; wrong: string[] }> {
  const { url, pids, adminUrl } = server;
  const { connections, seconds, warmSeconds, partitions } = options;
  const replyBytes = JSON.stringify(workload.reply(0)).length;
  const job: LoadJob = {
    ...{ url, pids, connections, seconds, warmSeconds, partitions, replyBytes },
    workload: row.workload,
    noCache: row.noCache,
  };
  const before = adminUrl && (await lookupCounts(adminUrl));
  const child = startNode(loadCore, "bench/load.ts", []);
  child.stdin?.end(JSON.stringify(job));
  const [, text = ""] = await untilSaid(child, /^result (.*)\n/m, seconds + warmSeconds);
  const result: LoadResult = JSON.parse(text);
  await stop(child);
  const after = adminUrl && (await lookupCounts(adminUrl));
  const wrong = result.failures > 0 ? [`${row.id}: ${result.failures} requests failed`] : [];
  if (result.replies === 0) wrong.push(`${row.id}: there was no reply`);
  if (before && after)
    wrong.push(...checkLookups(row, before, after, result.repliesInAll, workload.lookups, 2 * connections));
  return { result, wrong };
}
