/** The load process: takes one LoadJob on standard input, drives autocannon, answers with a LoadResult. */

import { text } from "node:stream/consumers";
import autocannon from "autocannon";
import type { LoadJob, LoadResult } from "./load-job.ts";
import { cpuSeconds } from "./processes.ts";
import { prepare, sequences, turns, workloads } from "./workloads.ts";

const timeoutSeconds = 20;
const sampleMs = 100;

const job: LoadJob = JSON.parse(await text(process.stdin));
const workload = workloads(job.partitions)[job.workload];
const chosen = job.inTurn === true ? turns : sequences;
const prepared = chosen(workload, job.connections).map((requests) =>
  requests.map((request) => prepare(workload, request, job.noCache)),
);

/** What one run of autocannon gave. */
class Run {
  readonly latenciesMs: number[] = [];
  failures = 0;
  /** From the first reply on: connecting is not measured. */
  firstAtMs = 0;
  lastAtMs = 0;
  #serverBefore: number | undefined;
  #loadBefore = process.cpuUsage();

  reply(status: number, durationMs: number): void {
    this.lastAtMs = performance.now();
    if (status !== 200) this.failures += 1;
    if (this.firstAtMs === 0) {
      this.firstAtMs = this.lastAtMs;
      this.#serverBefore = cpuSeconds(job.pids);
      this.#loadBefore = process.cpuUsage();
    } else this.latenciesMs.push(durationMs);
  }

  cpu(): { server: number | undefined; load: number } {
    const after = cpuSeconds(job.pids);
    const { user, system } = process.cpuUsage(this.#loadBefore);
    const server = after === undefined ? undefined : after - (this.#serverBefore ?? 0);
    return { server, load: (user + system) / 1e6 };
  }
}

async function run(seconds: number): Promise<{ run: Run; cpu: ReturnType<Run["cpu"]> }> {
  const measured = new Run();
  let connection = 0;
  const running = autocannon({
    url: job.url,
    method: "POST",
    connections: job.connections,
    duration: seconds,
    sampleInt: sampleMs,
    timeout: timeoutSeconds,
    setupClient: (client) => {
      client.setRequests(prepared[connection++ % prepared.length]!);
      client.on("response", (status, _bytes, durationMs) => measured.reply(status, durationMs));
    },
    verifyBody: (body) => body.length === job.replyBytes,
  });
  const { errors, timeouts, mismatches } = await running;
  const cpu = measured.cpu();
  measured.failures += errors + timeouts + mismatches;
  return { run: measured, cpu };
}

function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

const warm = (await run(job.warmSeconds)).run;
const { run: measured, cpu } = await run(job.seconds);
const sorted = Float64Array.from(measured.latenciesMs).sort();
const result: LoadResult = {
  replies: sorted.length,
  seconds: (measured.lastAtMs - measured.firstAtMs) / 1000,
  repliesInAll: warm.latenciesMs.length + 1 + sorted.length + 1,
  p50Ms: percentile(sorted, 0.5),
  p99Ms: percentile(sorted, 0.99),
  serverCpuSeconds: cpu.server,
  loadCpuSeconds: cpu.load,
  failures: warm.failures + measured.failures,
};
process.stdout.write(`result ${JSON.stringify(result)}\n`);
