/**
 * A load over raw sockets, cheap enough to keep a server busy from one core and to hold thousands of connections. Two ways:
 * closed (every connection sends when it has its reply: gives throughput) and at a rate (requests come when they come,
 * whatever the server does: gives latencies). At a rate, the time of a request counts from the moment at which it was due,
 * so that a server that stands still is charged with all that came meanwhile (no coordinated omission).
 */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import { seeded } from "./random.ts";

export interface ReplayOptions {
  readonly port: number;
  readonly connections: number;
  /** The bytes of the next request on this connection, as Latin-1. */
  readonly next: (connection: number) => string;
  /** How long the body of every reply must be. */
  readonly replyBytes: number;
  /** CPU time that the server has used so far, in seconds. */
  readonly serverCpuSeconds: () => number | undefined;
}

export interface Phase {
  readonly replies: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly serverCpuSeconds: number | undefined;
  readonly loadCpuSeconds: number;
  /** Not 200, of another length, lost, or not there when the patience ended. */
  readonly failures: number;
  /** Of replies that took more than 3 ms: when they were due and when they came, by the system's monotonic clock. */
  readonly slow: readonly Interval[];
}

/** In milliseconds. */
export type Interval = readonly [fromMs: number, toMs: number];

/** Connections that are opened at a time: a listener's backlog is 511 by default. */
const openedAtOnce = 100;
const patienceMs = 20_000;
const latencyNsMax = 60_000_000_000;
const slowMs = 3;
const slowMax = 20_000;
/** What is to be added to performance.now(), so that processes can compare their times. */
const monotonicMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

interface Wire {
  readonly number: number;
  readonly socket: Socket;
  /** Bytes of the reply that are still to come; 0 = its head is. */
  leftBytes: number;
  /** The moment from which the request on its way counts. */
  sinceMs: number;
}

export class Replay {
  readonly #options: ReplayOptions;
  readonly #wires: Wire[] = [];
  #onReply: (wire: Wire) => void = () => {};
  #failures = 0;
  #underWay = 0;

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const { connections } = this.#options;
    while (this.#wires.length < connections) {
      const count = Math.min(openedAtOnce, connections - this.#wires.length);
      const from = this.#wires.length;
      const opened = Array.from({ length: count }, (_, at) => this.#connect(from + at));
      this.#wires.push(...(await Promise.all(opened)));
    }
  }

  close(): void {
    for (const { socket } of this.#wires) socket.removeAllListeners("close").destroy();
  }

  /** Every connection sends its next request as soon as it has its reply. */
  async closed(seconds: number): Promise<Phase> {
    const meter = new Meter(this.#options.serverCpuSeconds);
    let ended = false;
    this.#onReply = (wire) => {
      if (ended) return;
      const nowMs = performance.now();
      meter.record(wire.sinceMs, nowMs);
      this.#send(wire, nowMs);
    };
    for (const wire of this.#wires) this.#send(wire, performance.now());
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    ended = true;
    meter.stop();
    await this.#settle();
    return meter.phase(this.#takeFailures());
  }

  /** Requests come at random, so many a second on average; what finds no free connection waits for one. */
  async atRate(perSecond: number, seconds: number): Promise<Phase> {
    const meter = new Meter(this.#options.serverCpuSeconds);
    const random = seeded(1);
    const free = new Ring<Wire>(this.#wires.length);
    for (const wire of this.#wires) free.push(wire);
    const late = new Ring<number>(Math.ceil(perSecond * seconds * 2) + 1000);
    this.#onReply = (wire) => {
      const nowMs = performance.now();
      meter.record(wire.sinceMs, nowMs);
      const dueAtMs = late.take();
      if (dueAtMs === undefined) free.push(wire);
      else this.#send(wire, dueAtMs);
    };
    let dueAtMs = performance.now();
    const endAtMs = dueAtMs + seconds * 1000;
    await new Promise<void>((resolve) => {
      const tick = (): void => {
        const nowMs = performance.now();
        while (dueAtMs <= nowMs && dueAtMs < endAtMs) {
          const wire = free.take();
          if (wire === undefined) late.push(dueAtMs);
          else this.#send(wire, dueAtMs);
          dueAtMs += (-Math.log(1 - random()) * 1000) / perSecond;
        }
        if (dueAtMs < endAtMs || nowMs < endAtMs) setImmediate(tick);
        else resolve();
      };
      tick();
    });
    meter.stop();
    await this.#settle();
    return meter.phase(this.#takeFailures() + late.length);
  }

  async #connect(number: number): Promise<Wire> {
    const socket = connect(this.#options.port, "127.0.0.1").setNoDelay(true);
    await once(socket, "connect");
    const wire: Wire = { number, socket, leftBytes: 0, sinceMs: 0 };
    socket.on("data", (chunk: Buffer) => this.#take(wire, chunk));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#failures += 1;
    });
    return wire;
  }

  #send(wire: Wire, sinceMs: number): void {
    wire.sinceMs = sinceMs;
    this.#underWay += 1;
    wire.socket.write(this.#options.next(wire.number), "latin1");
  }

  #take(wire: Wire, chunk: Buffer): void {
    if (wire.leftBytes === 0) wire.leftBytes = this.#wholeBytes(chunk);
    wire.leftBytes -= chunk.length;
    if (wire.leftBytes > 0) return;
    if (wire.leftBytes < 0) this.#failures += 1;
    wire.leftBytes = 0;
    this.#underWay -= 1;
    this.#onReply(wire);
  }

  /** The whole length of a reply that begins here. Heads are short, and come in one piece. */
  #wholeBytes(chunk: Buffer): number {
    const { replyBytes } = this.#options;
    const headBytes = chunk.indexOf("\r\n\r\n") + 4;
    const head = chunk.toString("latin1", 0, headBytes);
    if (!head.startsWith("HTTP/1.1 200 ") || !head.includes(`content-length: ${replyBytes}\r\n`))
      this.#failures += 1;
    const at = head.indexOf("content-length: ");
    return headBytes + Number.parseInt(head.slice(at + 16, at + 26), 10);
  }

  /** Waits for the replies to what is under way. */
  async #settle(): Promise<void> {
    const giveUpAtMs = performance.now() + patienceMs;
    while (this.#underWay > 0 && performance.now() < giveUpAtMs)
      await new Promise((resolve) => setTimeout(resolve, 5));
    this.#failures += this.#underWay;
  }

  #takeFailures(): number {
    const failures = this.#failures;
    this.#failures = 0;
    return failures;
  }
}

/** Latencies, and the CPU time between its beginning and stop(). */
class Meter {
  readonly #latencies: RecordableHistogram = createHistogram({ highest: latencyNsMax, figures: 3 });
  readonly #slow: Interval[] = [];
  readonly #serverCpuSeconds: () => number | undefined;
  readonly #beganAtMs = performance.now();
  readonly #serverBefore: number | undefined;
  readonly #loadBefore = process.cpuUsage();
  #measured: Pick<Phase, "replies" | "seconds" | "serverCpuSeconds" | "loadCpuSeconds"> | undefined;

  constructor(serverCpuSeconds: () => number | undefined) {
    this.#serverCpuSeconds = serverCpuSeconds;
    this.#serverBefore = serverCpuSeconds();
  }

  record(fromMs: number, toMs: number): void {
    this.#latencies.record(Math.max(1, Math.round((toMs - fromMs) * 1e6)));
    if (toMs - fromMs > slowMs && this.#slow.length < slowMax)
      this.#slow.push([fromMs + monotonicMs, toMs + monotonicMs]);
  }

  /** What comes later still counts among the latencies, but not as throughput. */
  stop(): void {
    const { user, system } = process.cpuUsage(this.#loadBefore);
    const [before, after] = [this.#serverBefore, this.#serverCpuSeconds()];
    this.#measured = {
      replies: this.#latencies.count,
      seconds: (performance.now() - this.#beganAtMs) / 1000,
      serverCpuSeconds: before === undefined || after === undefined ? undefined : after - before,
      loadCpuSeconds: (user + system) / 1e6,
    };
  }

  phase(failures: number): Phase {
    const at = (percent: number): number => this.#latencies.percentile(percent) / 1e6;
    if (this.#measured === undefined) throw new Error("a bug: it was not stopped");
    return { ...this.#measured, p50Ms: at(50), p99Ms: at(99), p999Ms: at(99.9), failures, slow: this.#slow };
  }
}

/** First in, first out, with room for so many. */
class Ring<Value> {
  readonly #values: (Value | undefined)[];
  #head = 0;
  length = 0;

  constructor(room: number) {
    this.#values = new Array<Value | undefined>(room).fill(undefined);
  }

  push(value: Value): void {
    if (this.length === this.#values.length)
      throw new Error("the load has more waiting than it has room for");
    this.#values[(this.#head + this.length) % this.#values.length] = value;
    this.length += 1;
  }

  take(): Value | undefined {
    if (this.length === 0) return undefined;
    const value = this.#values[this.#head];
    this.#head = (this.#head + 1) % this.#values.length;
    this.length -= 1;
    return value;
  }
}
