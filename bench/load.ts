/** The load process: takes one LoadJob on standard input, sends, answers with a LoadResult. */

import { text } from "node:stream/consumers";
import { itemsPerPartition } from "./data.ts";
import { exchangesOf, repeating } from "./exchanges.ts";
import type { LoadJob, LoadResult } from "./load-job.ts";
import { cpuSeconds } from "./processes.ts";
import { redisSource } from "./redis-load.ts";
import { httpFraming, type Replayed, redisFraming, replay, type Source } from "./replay.ts";
import { Sender } from "./sdk-forms.ts";
import { sequences, turns, workloads } from "./workloads.ts";
import { Ycsb } from "./ycsb.ts";

const job: LoadJob = JSON.parse(await text(process.stdin));

function sourceOf({ load, url, partitions, connections, noCache, cache, seed }: LoadJob): Source {
  if (load.kind === "redis") return redisSource(partitions, connections);
  const sender = new Sender(url);
  if (load.kind === "ycsb") return new Ycsb(load.name, partitions * itemsPerPartition, sender, seed).source;
  if (load.kind === "sdk") throw new Error(`${load.client} is a process of its own`);
  const workload = workloads(partitions)[load.workload];
  const requests = (load.inTurn === true ? turns : sequences)(workload, connections);
  const expected = cache === undefined || cache === "none" ? cache : new RegExp(cache);
  return repeating(exchangesOf(workload, sender, requests, { cache: expected, noCache }));
}

/** What one run gave, from its first reply on: connecting is not measured. */
class Run {
  readonly latenciesMs: number[] = [];
  seconds = 0;
  cpu: { server: number | undefined; behind: number | undefined; load: number } | undefined;
  #firstAtMs = 0;
  #lastAtMs = 0;
  #before: ReturnType<typeof cpuNow> | undefined;

  reply(tookMs: number): void {
    this.#lastAtMs = performance.now();
    if (this.#before !== undefined) return void this.latenciesMs.push(tookMs);
    this.#firstAtMs = this.#lastAtMs;
    this.#before = cpuNow();
  }

  end(): void {
    const [before, after] = [this.#before, cpuNow()];
    this.seconds = (this.#lastAtMs - this.#firstAtMs) / 1000;
    if (before === undefined) return;
    const used = (a: number | undefined, b: number | undefined) =>
      b === undefined ? undefined : b - (a ?? 0);
    this.cpu = {
      server: used(before.server, after.server),
      behind: used(before.behind, after.behind),
      load: after.load - before.load,
    };
  }
}

function cpuNow() {
  const { user, system } = process.cpuUsage();
  const load = (user + system) / 1e6;
  return { server: cpuSeconds(job.pids), behind: cpuSeconds(job.pidsBehind), load };
}

async function run(source: Source, seconds: number): Promise<{ run: Run; replayed: Replayed }> {
  const measured = new Run();
  const replayed = await replay({
    port: Number(new URL(job.url).port),
    connections: job.connections,
    framing: job.load.kind === "redis" ? redisFraming : httpFraming,
    source,
    seconds,
    onReply: (tookMs) => measured.reply(tookMs),
    onEnd: () => measured.end(),
  });
  return { run: measured, replayed };
}

function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

const source = sourceOf(job);
const warm = (await run(source, job.warmSeconds)).replayed;
process.stdout.write("measuring\n");
const { run: measured, replayed } = await run(source, job.seconds);
const sorted = Float64Array.from(measured.latenciesMs).sort();
const result: LoadResult = {
  replies: sorted.length,
  seconds: measured.seconds,
  repliesInAll: warm.replies + replayed.replies,
  p50Ms: percentile(sorted, 0.5),
  p99Ms: percentile(sorted, 0.99),
  serverCpuSeconds: measured.cpu?.server,
  behindCpuSeconds: measured.cpu?.behind,
  loadCpuSeconds: measured.cpu?.load ?? 0,
  failures: warm.failures + replayed.failures,
  complaints: [...warm.complaints, ...replayed.complaints],
};
process.stdout.write(`result ${JSON.stringify(result)}\n`);
