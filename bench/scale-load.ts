/** The load process of the scale curves: takes one ScaleJob on standard input, answers with a ScaleResult. */

import { text } from "node:stream/consumers";
import { cpuSeconds } from "./processes.ts";
import { seeded, zipfian } from "./random.ts";
import { frames, keyOf, type ScaleJob, type ScaleResult } from "./scale-job.ts";
import { Replay } from "./scale-replay.ts";

const rateShare = 0.5;
const warmRoundsMax = 10;

const job: ScaleJob = JSON.parse(await text(process.stdin));
const sdkFrames = frames(job);
const random = seeded(job.seed);
const choose = zipfian(job.entries, random);
let fresh = 0;

const replay = new Replay({
  port: Number(new URL(job.url).port),
  connections: job.connections,
  replyBytes: '{"Item":}'.length + job.itemBytes,
  next: (connection) => {
    const [before, after] = sdkFrames[connection % sdkFrames.length]!;
    const isHit = job.hitShare === 1 || random() < job.hitShare;
    const key = isHit ? keyOf("user", choose()) : keyOf("miss", job.firstFresh + fresh++);
    return before + key + after;
  },
  serverCpuSeconds: () => cpuSeconds(job.pids),
});
await replay.open();
let [warmReplies, warmFailures, rounds] = [0, 0, 0];
do {
  const warm = await replay.closed(job.warmSeconds);
  warmReplies += warm.replies;
  warmFailures += warm.failures;
  rounds += 1;
} while (warmReplies < job.warmReplies && rounds < warmRoundsMax);
process.stdout.write("measuring closed\n");
const closed = await replay.closed(job.closedSeconds);
const perSecond = (closed.replies / closed.seconds) * rateShare;
process.stdout.write("measuring rated\n");
const rated = job.rateSeconds > 0 ? await replay.atRate(perSecond, job.rateSeconds) : undefined;
replay.close();
const result: ScaleResult = {
  closed: { ...closed, failures: warmFailures + closed.failures },
  rated,
  fresh,
};
process.stdout.write(`result ${JSON.stringify(result)}\n`);
