/** One AWS SDK for JavaScript v3 client, one GetItem after the other: an SdkJob on standard input, a LoadResult on output. */

import { text } from "node:stream/consumers";
import { isDeepStrictEqual } from "node:util";
import { DynamoDBClient, GetItemCommand, type GetItemCommandInput } from "@aws-sdk/client-dynamodb";
import type { SdkJob } from "../clients.ts";
import type { LoadResult } from "../load-job.ts";
import { cpuSeconds } from "../processes.ts";
import { percentileMs } from "../redis-rows.ts";
import { benchKey, region } from "../sdk-forms.ts";

const job: SdkJob = JSON.parse(await text(process.stdin));
const client = new DynamoDBClient({ endpoint: job.url, region, credentials: benchKey });

const latenciesMs: number[] = [];
const complaints: string[] = [];
let replies = 0;

/** Until the time is over, and each case at least so many times. */
async function run(seconds: number, times: number): Promise<void> {
  latenciesMs.length = 0;
  const endsAtMs = performance.now() + seconds * 1000;
  for (let at = 0; performance.now() < endsAtMs || at < times * job.cases.length; at += 1) {
    const { input, item } = job.cases[at % job.cases.length]!;
    const beganAtMs = performance.now();
    // The input is plain JSON, which the SDK's type does not take.
    const { Item } = await client.send(new GetItemCommand(input as GetItemCommandInput));
    latenciesMs.push(performance.now() - beganAtMs);
    replies += 1;
    if (!isDeepStrictEqual(Item, item) && complaints.length < 3) complaints.push("another item");
  }
}

await run(job.warmSeconds, 1);
process.stdout.write("measuring\n");
const [cpuBefore, ownBefore, beganAtMs] = [cpuSeconds(job.pids), process.cpuUsage(), performance.now()];
await run(job.seconds, 0);
const { user, system } = process.cpuUsage(ownBefore);
const cpuAfter = cpuSeconds(job.pids);
const result: LoadResult = {
  replies: latenciesMs.length,
  seconds: (performance.now() - beganAtMs) / 1000,
  repliesInAll: replies,
  p50Ms: percentileMs(latenciesMs, 0.5),
  p99Ms: percentileMs(latenciesMs, 0.99),
  serverCpuSeconds: cpuAfter === undefined ? undefined : cpuAfter - (cpuBefore ?? 0),
  behindCpuSeconds: undefined,
  loadCpuSeconds: (user + system) / 1e6,
  failures: complaints.length,
  complaints,
};
process.stdout.write(`result ${JSON.stringify(result)}\n`);
