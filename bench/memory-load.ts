/**
 * GetItem hits over raw sockets, every entry as often as any other: the worst for the processor's caches. Takes a HitJob on
 * standard input, answers with a HitResult. With a rate, requests fall due by the clock, whatever became of those before
 * them, and a latency counts from then.
 */

import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { itemsPerPartition, partitionKey, sortKey, TABLE } from "./data.ts";
import { seeded } from "./random.ts";
import { Sender } from "./sdk-forms.ts";

export interface HitJob {
  readonly url: string;
  readonly entries: number;
  readonly connections: number;
  readonly seconds: number;
  /** Requests a second; undefined = each connection sends as soon as it has its reply. */
  readonly ratePerSecond?: number;
}

export interface HitResult {
  readonly replies: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p999Ms: number;
  /** Replies that were not hits. */
  readonly others: number;
}

const job: HitJob = JSON.parse(await text(process.stdin));
const { hostname, port } = new URL(job.url);
const random = seeded(7);
const asked = { operation: "GetItem", input: {} };
const sample = new Sender(job.url).bytes("javascript", asked).toString("latin1");
/** Header lines but for the length; their signature is another request's, which nobody verifies here. */
const head = sample.slice(0, sample.indexOf("\r\n\r\n") + 2).replace(/content-length: .*\r\n/i, "");

function request(): string {
  const place = Math.floor(random() * job.entries);
  const pk = { S: partitionKey(Math.floor(place / itemsPerPartition)) };
  const body = JSON.stringify({
    TableName: TABLE,
    Key: { pk, sk: { S: sortKey(place % itemsPerPartition) } },
  });
  return `${head}content-length: ${body.length}\r\n\r\n${body}`;
}

const latenciesMs: number[] = [];
let others = 0;

class Connection {
  readonly #socket: Socket;
  readonly #onReply: (connection: Connection) => void;
  #dueAtMs = 0;
  #said = "";

  constructor(onReply: (connection: Connection) => void) {
    this.#onReply = onReply;
    this.#socket = connect(Number(port), hostname).setNoDelay(true).setEncoding("latin1");
    this.#socket.on("data", (part: string) => this.#take(part));
  }

  send(dueAtMs: number): void {
    this.#dueAtMs = dueAtMs;
    this.#socket.write(request(), "latin1");
  }

  end(): void {
    this.#socket.destroy();
  }

  #take(part: string): void {
    this.#said += part;
    const end = this.#said.indexOf("\r\n\r\n");
    const length = Number(/content-length: (\d+)/i.exec(this.#said)?.[1] ?? Number.POSITIVE_INFINITY);
    if (end < 0 || this.#said.length < end + 4 + length) return;
    latenciesMs.push(performance.now() - this.#dueAtMs);
    if (!this.#said.startsWith("HTTP/1.1 200") || !this.#said.includes("x-dynatier-cache: hit")) others += 1;
    this.#said = "";
    this.#onReply(this);
  }
}

const startedAtMs = performance.now();
const endsAtMs = startedAtMs + 1_000 * job.seconds;
const { promise: over, resolve } = Promise.withResolvers<void>();

function closedLoop(): Connection[] {
  const all = Array.from({ length: job.connections }, () => {
    return new Connection((connection) => {
      const nowMs = performance.now();
      if (nowMs < endsAtMs) connection.send(nowMs);
      else resolve();
    });
  });
  for (const connection of all) connection.send(startedAtMs);
  return all;
}

function openLoop(ratePerSecond: number): Connection[] {
  const idle: Connection[] = [];
  const all = Array.from({ length: job.connections }, () => new Connection((one) => idle.push(one)));
  idle.push(...all);
  let sent = 0;
  const turn = (): void => {
    const nowMs = performance.now();
    if (nowMs >= endsAtMs) {
      resolve();
      return;
    }
    for (;;) {
      const dueAtMs = startedAtMs + (1_000 * sent) / ratePerSecond;
      if (dueAtMs > nowMs || idle.length === 0) break;
      idle.shift()?.send(dueAtMs);
      sent += 1;
    }
    setImmediate(turn);
  };
  turn();
  return all;
}

const connections = job.ratePerSecond === undefined ? closedLoop() : openLoop(job.ratePerSecond);
await over;
for (const connection of connections) connection.end();
const seconds = (performance.now() - startedAtMs) / 1_000;
const sorted = Float64Array.from(latenciesMs).sort();
const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? 0;
const result: HitResult = { replies: sorted.length, seconds, p50Ms: at(0.5), p999Ms: at(0.999), others };
process.stdout.write(`result ${JSON.stringify(result)}\n`);
