/**
 * The load of bench/miss.ts: GetItem of keys that were never asked for before, from sockets that it writes to itself, so that
 * it costs little beside what is measured. One JSON job on standard input, one JSON result on standard output.
 */

import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { orderAt, TABLE } from "./data.ts";
import { cpuSeconds } from "./processes.ts";
import { Sender } from "./sdk-forms.ts";

export interface MissJob {
  readonly url: string;
  readonly connections: number;
  readonly warmSeconds: number;
  readonly seconds: number;
  /** The measured server's processes. */
  readonly pids: readonly number[];
  /** The first key's number; each request takes the next one. */
  readonly firstKey: number;
}

export interface MissResult {
  readonly replies: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly serverCpuSeconds: number;
  readonly nextKey: number;
}

const job: MissJob = JSON.parse(await text(process.stdin));
const { hostname, port } = new URL(job.url);
let nextKey = job.firstKey;
const replyBytes = JSON.stringify({ Item: orderAt(0) }).length;
const bodyEnd = new RegExp(`content-length: ${replyBytes}\r\n`, "i");

/** The request with a place for the key: keys have all the same length, so nothing else changes. */
function template(): readonly [string, string] {
  const { pk, sk } = orderAt(0);
  const asked = { operation: "GetItem", input: { TableName: TABLE, Key: { pk, sk } } };
  const whole = new Sender(job.url).bytes("javascript", asked).toString("latin1");
  const [before = "", after = ""] = whole.split(pk.S);
  return [before, after];
}
const [before, after] = template();

function nextRequest(): string {
  return `${before}customer#${String(nextKey++).padStart(6, "0").slice(-6)}${after}`;
}

const latencies: number[] = [];
let isMeasuring = false;
let isOver = false;

/** Sends the next request when the reply to the one before is complete, until it is over. */
function client(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    let received = "";
    let sentAtMs = 0;
    const send = (): void => {
      sentAtMs = performance.now();
      socket.write(nextRequest(), "latin1");
    };
    socket.on("connect", send);
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      const headEnd = received.indexOf("\r\n\r\n");
      if (headEnd < 0 || received.length < headEnd + 4 + replyBytes) return;
      if (!received.startsWith("HTTP/1.1 200") || !bodyEnd.test(received)) {
        reject(new Error(`a wrong reply: ${received}`));
        return;
      }
      received = "";
      if (isMeasuring) latencies.push(performance.now() - sentAtMs);
      if (!isOver) send();
      else socket.end(() => resolve());
    });
  });
}

const clients = Promise.all(Array.from({ length: job.connections }, client));
const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
await Promise.race([clients, pause(job.warmSeconds)]);
const cpuBefore = cpuSeconds(job.pids) ?? 0;
const startedAtMs = performance.now();
isMeasuring = true;
await Promise.race([clients, pause(job.seconds)]);
isMeasuring = false;
const seconds = (performance.now() - startedAtMs) / 1000;
const serverCpuSeconds = (cpuSeconds(job.pids) ?? 0) - cpuBefore;
isOver = true;
await clients;
const sorted = Float64Array.from(latencies).sort();
const percentile = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
const result: MissResult = {
  replies: sorted.length,
  ...{ seconds, serverCpuSeconds, nextKey },
  p50Ms: percentile(0.5),
  p99Ms: percentile(0.99),
};
process.stdout.write(`result ${JSON.stringify(result)}\n`);
