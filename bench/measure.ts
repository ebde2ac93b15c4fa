/** The run itself: servers up, replies checked, every row loaded in turn and over again. */

import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { type SdkCase, sdkCases, whyNoClient } from "./clients.ts";
import { fillTable, itemsPerPartition } from "./data.ts";
import { exchangesOf, onceEach } from "./exchanges.ts";
import type { LoadJob, LoadResult } from "./load-job.ts";
import { checkLookups, hitShare, lookupCounts } from "./lookup-counts.ts";
import type { Options } from "./options.ts";
import { loadCore, python, startNode, startProgram, stop, untilSaid } from "./processes.ts";
import { httpFraming, replay } from "./replay.ts";
import { isProxy, type Row } from "./rows.ts";
import { Sender } from "./sdk-forms.ts";
import { type Server, Servers, whyNot } from "./servers.ts";
import { measureStartUp, type StartUp, startUps } from "./start-up.ts";
import { sequences, turns, workloads } from "./workloads.ts";
import { fillYcsb } from "./ycsb.ts";

export interface Measured {
  readonly row: Row;
  /** One for each repeat. */
  readonly results: LoadResult[];
  /** Of the proxy's look-ups in each repeat those that were hits. */
  readonly hitShares: number[];
}

export interface Skipped {
  readonly row: Row;
  readonly reason: string;
}

export interface Outcome {
  readonly measured: readonly Measured[];
  readonly skipped: readonly Skipped[];
  readonly startUps: readonly StartUp[];
  /** What was wrong with replies; empty = all is well. */
  readonly faults: readonly string[];
}

const startUpRepeats = 5;
/** Of a row's time, the warm-up's too, what a brief one gets. */
const briefShare = 0.4;
/** What is stored in Redis is stored behind the reply's back. */
const fillWithinMs = 20_000;
const checkers = 16;

export async function measure(options: Options, say: (line: string) => void): Promise<Outcome> {
  const { partitions } = options;
  const servers = new Servers(partitions, options.connections);
  const skipped = options.rows.flatMap((row): Skipped[] => {
    const reason = whyNot(row.server) ?? (row.load.kind === "sdk" ? whyNoClient(row.load.client) : undefined);
    return reason === undefined ? [] : [{ row, reason }];
  });
  const measured = options.rows
    .filter((row) => !skipped.some((other) => other.row === row))
    .map((row): Measured => ({ row, results: [], hitShares: [] }));
  try {
    const upstream = await servers.get("upstream");
    await fillTable(upstream.url, partitions);
    await fillYcsb(upstream.url, partitions * itemsPerPartition);
    const starts = options.startUp ? startUps() : [];
    const faults: string[] = [];
    for (let repeat = 0; repeat < (options.quick ? 1 : startUpRepeats); repeat += 1)
      for (const start of starts)
        faults.push(...(await measureStartUp(start, upstream.url, workloads(partitions).GetItem)));
    for (const { row } of measured) {
      say(`checking ${row.id}`);
      faults.push(...(await checkRow(row, await servers.get(row.server), options)));
    }
    // Nothing is measured that is wrong.
    for (let repeat = 0; repeat < options.repeats && faults.length === 0; repeat += 1) {
      for (const one of measured) {
        faults.push(...(await loadRow(one, await servers.get(one.row.server), options, repeat)));
        const { replies = 0, seconds = 1 } = one.results.at(-1) ?? {};
        say(`${repeat + 1}/${options.repeats} ${one.row.id}: ${Math.round(replies / seconds)}/s`);
      }
    }
    return { measured, skipped, startUps: starts, faults };
  } finally {
    await servers.stop();
  }
}

/** Asks for everything that the load will ask for, which also fills the caches, and looks at every reply. */
export async function checkRow(
  row: Row,
  server: Server,
  options: Pick<Options, "partitions" | "connections">,
): Promise<string[]> {
  if (row.load.kind !== "read") return [];
  const { workload: name, inTurn } = row.load;
  const workload = workloads(options.partitions)[name];
  const requests = (inTurn === true ? turns : sequences)(workload, row.connections ?? options.connections);
  const fills = (isProxy(row.server) || row.server === "nginx") && !row.noCache;
  const sender = new Sender(server.url);
  const ask = async (cache: Row["cache"], some: readonly (readonly number[])[]): Promise<string[]> => {
    const exchanges = exchangesOf(workload, sender, some, { cache, noCache: row.noCache });
    const port = Number(new URL(server.url).port);
    const source = onceEach(exchanges);
    const { complaints } = await replay({ port, connections: checkers, framing: httpFraming, source });
    return complaints.map((complaint) => `${row.id}: ${complaint}`);
  };
  // Whoever need not be filled is asked for a part only.
  const sample = requests.map((list) => list.slice(0, 8));
  const wrong = fills ? await ask(undefined, requests) : [];
  if (wrong.length > 0) return wrong;
  const giveUpAtMs = performance.now() + fillWithinMs;
  for (;;) {
    const faults = await ask(row.cache, inTurn === true ? requests : sample);
    if (faults.length === 0 || inTurn !== true || performance.now() > giveUpAtMs) return faults;
    await sleep(100);
  }
}

async function loadRow(one: Measured, server: Server, options: Options, repeat: number): Promise<string[]> {
  const { row } = one;
  const { adminUrl } = server;
  const { partitions } = options;
  const share = row.isBrief ? briefShare : 1;
  const times = { seconds: options.seconds * share, warmSeconds: options.warmSeconds * share };
  const job: LoadJob = { ...jobOf(row, server, options), ...times, seed: repeat + 1 };
  const before = adminUrl && (await lookupCounts(adminUrl));
  const result = await loaded(job);
  const after = adminUrl && (await lookupCounts(adminUrl));
  one.results.push(result);
  const wrong = result.complaints.map((complaint) => `${row.id}: ${complaint}`);
  if (result.replies === 0) wrong.push(`${row.id}: there was no reply`);
  if (!before || !after) return wrong;
  one.hitShares.push(hitShare(before, after));
  if (row.load.kind === "read") {
    const { lookups } = workloads(partitions)[row.load.workload];
    wrong.push(...checkLookups(row, before, after, result.repliesInAll, lookups));
  }
  return wrong;
}

/** What a row's load is told, but for how long and with which seed. */
export function jobOf(
  row: Row,
  { url, pids, behind }: Server,
  options: Pick<Options, "partitions" | "connections">,
): Omit<LoadJob, "seconds" | "warmSeconds" | "seed"> {
  return {
    ...{ url, pids, load: row.load, noCache: row.noCache, partitions: options.partitions },
    connections: row.connections ?? options.connections,
    pidsBehind: behind.flatMap((other) => other.pids),
    cache: row.cache instanceof RegExp ? row.cache.source : row.cache,
  };
}

/** Runs the load in a process of its own. */
async function loaded(job: LoadJob): Promise<LoadResult> {
  const child = startLoad(job);
  const [, text = ""] = await untilSaid(child, /^result (.*)\n/m, job.seconds + job.warmSeconds);
  await stop(child);
  return JSON.parse(text);
}

/**
 * Says `measuring` on standard output when the warm-up is over, and in the end `result` and a LoadResult.
 * @param flags Node's own
 */
export function startLoad(job: LoadJob, flags: readonly string[] = []): ChildProcess {
  const { load } = job;
  const client = load.kind === "sdk" ? load.client : undefined;
  const child =
    client === "sdk-python.py"
      ? startProgram(loadCore, [python, new URL(`clients/${client}`, import.meta.url).pathname])
      : startNode(loadCore, client === undefined ? "bench/load.ts" : `bench/clients/${client}`, [], flags);
  const cases: readonly SdkCase[] = client === undefined ? [] : sdkCases(job.partitions);
  child.stdin?.end(JSON.stringify({ ...job, cases }));
  return child;
}
