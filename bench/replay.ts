/**
 * A load generator for raw sockets: kept-open connections, one request under way on each, prepared bytes out, and of every
 * reply the status and the length looked at. Most of its CPU time are system calls; wrk needs about four fifths of it.
 */

import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** One request, and what its reply must be. */
export interface Exchange {
  readonly bytes: Buffer;
  /** The length of the reply's body, where it is known. */
  readonly bodyBytes: number | undefined;
  /** Looks at the whole reply (the head with its last line end); gives what is wrong with it. */
  readonly look?: ((head: string, body: Buffer) => string | undefined) | undefined;
}

/** The next exchange of a connection; undefined = it has nothing more to send. */
export type Source = (connection: number) => Exchange | undefined;

/** What a reply is, once enough of it has come to tell where it ends. */
interface Frame {
  readonly isGood: boolean;
  readonly head: string;
  readonly bodyBytes: number;
  /** The length of it all. */
  readonly bytes: number;
  readonly bodyOf: (all: Buffer) => Buffer;
}

/** Reads the beginning of a reply; undefined = not enough has come; throws where there is no telling its end. */
export type Framing = (bytes: Buffer) => Frame | undefined;

const headEnd = "\r\n\r\n";

export const httpFraming: Framing = (bytes) => {
  const end = bytes.indexOf(headEnd);
  if (end < 0) return undefined;
  const head = bytes.toString("latin1", 0, end + 2);
  const bodyAt = end + headEnd.length;
  const isGood = head.startsWith("HTTP/1.1 200 ");
  const length = /\r\ncontent-length: *(\d+)\r\n/i.exec(head);
  if (length !== null) return sized(isGood, head, bodyAt, Number(length[1]), 0);
  if (/\r\ntransfer-encoding: *chunked\r\n/i.test(head)) return chunked(isGood, head, bodyAt, bytes);
  throw new Error(`a reply without a length: ${head}`);
};

function sized(isGood: boolean, head: string, bodyAt: number, bodyBytes: number, tail: number): Frame {
  const bodyOf = (all: Buffer): Buffer => all.subarray(bodyAt, bodyAt + bodyBytes);
  return { isGood, head, bodyBytes, bytes: bodyAt + bodyBytes + tail, bodyOf };
}

/** DynamoDB Local sends longer answers like this. The end is known when it is there. */
function chunked(isGood: boolean, head: string, bodyAt: number, bytes: Buffer): Frame | undefined {
  const parts: Buffer[] = [];
  for (let at = bodyAt; ; ) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    if (Number.isNaN(size)) throw new Error(`a reply in broken chunks: ${head}`);
    at = lineEnd + 2 + size + 2;
    if (at > bytes.length) return undefined;
    if (size > 0) parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    else {
      const body = Buffer.concat(parts);
      return { isGood, head, bodyBytes: body.byteLength, bytes: at, bodyOf: () => body };
    }
  }
}

/** Redis' bulk strings; anything else, a missing key too, has no such frame. */
export const redisFraming: Framing = (bytes) => {
  const end = bytes.indexOf("\r\n");
  if (end < 0) return undefined;
  const head = bytes.toString("latin1", 0, end);
  if (!/^\$\d+$/.test(head)) throw new Error(`a reply that is no value: ${head}`);
  return sized(true, head, end + 2, Number(head.slice(1)), 2);
};

export interface Load {
  readonly port: number;
  readonly connections: number;
  readonly framing: Framing;
  readonly source: Source;
  /** Undefined: until the source has nothing more. */
  readonly seconds?: number | undefined;
  /** Told of every reply that comes within the time. */
  readonly onReply?: (tookMs: number) => void;
  /** Told once when the time is over; replies that are still under way are awaited after it. */
  readonly onEnd?: () => void;
}

export interface Replayed {
  /** All replies, those after the end too. */
  readonly replies: number;
  readonly failures: number;
  /** What was wrong, at most a few of it. */
  readonly complaints: readonly string[];
}

const complaintsMax = 3;
/** Characters of a reply in a complaint. */
const shown = 1000;
/** How long the last replies are waited for; who has none then has lost it. */
const lastReplyMs = 20_000;

/** Sends until the time is over or the source is empty. */
export async function replay(load: Load): Promise<Replayed> {
  const run = new Run(load);
  const { connections, port, seconds } = load;
  const lines = await Promise.all(
    Array.from({ length: connections }, async (_, at) => new Line(run, at, await open(port))),
  );
  const ended = lines.map((line) => line.go());
  let patience: NodeJS.Timeout | undefined;
  const timer = setTimeout(
    () => {
      run.end();
      patience = setTimeout(() => {
        for (const line of lines) line.giveUp();
      }, lastReplyMs);
    },
    (seconds ?? 0) * 1000,
  );
  if (seconds === undefined) clearTimeout(timer);
  await Promise.all(ended);
  clearTimeout(timer);
  clearTimeout(patience);
  run.end();
  return run;
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1").setNoDelay(true);
  await once(socket, "connect");
  return socket;
}

class Run implements Replayed {
  readonly load: Load;
  replies = 0;
  failures = 0;
  readonly complaints: string[] = [];
  hasEnded = false;

  constructor(load: Load) {
    this.load = load;
  }

  end(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.load.onEnd?.();
  }

  fail(complaint: string): void {
    this.failures += 1;
    if (this.complaints.length < complaintsMax) this.complaints.push(complaint);
  }
}

/** One connection. */
class Line {
  readonly #run: Run;
  readonly #at: number;
  readonly #socket: Socket;
  readonly #over = Promise.withResolvers<void>();
  #exchange: Exchange | undefined;
  #sentAtMs = 0;
  #chunks: Buffer[] = [];
  #had = 0;
  #frame: Frame | undefined;

  constructor(run: Run, at: number, socket: Socket) {
    this.#run = run;
    this.#at = at;
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", () => this.#close("a connection failed"));
    socket.on("close", () => this.#close("a connection was closed"));
  }

  go(): Promise<void> {
    this.#send();
    return this.#over.promise;
  }

  giveUp(): void {
    this.#close("a reply did not come");
  }

  #send(): void {
    this.#exchange = this.#run.hasEnded ? undefined : this.#run.load.source(this.#at);
    if (this.#exchange === undefined) {
      this.#close();
      return;
    }
    this.#sentAtMs = performance.now();
    this.#socket.write(this.#exchange.bytes);
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#had += chunk.length;
    try {
      this.#frame ??= this.#run.load.framing(this.#bytes());
    } catch (error) {
      this.#close(String(error));
      return;
    }
    const frame = this.#frame;
    if (frame === undefined) return;
    if (this.#had < frame.bytes) return;
    if (this.#had > frame.bytes) {
      this.#close("more came than one reply");
      return;
    }
    this.#judge(frame);
    this.#chunks = [];
    this.#had = 0;
    this.#frame = undefined;
    this.#send();
  }

  #judge(frame: Frame): void {
    const run = this.#run;
    run.replies += 1;
    if (!run.hasEnded) run.load.onReply?.(performance.now() - this.#sentAtMs);
    const wrong = this.#fault(frame);
    if (wrong !== undefined) run.fail(wrong);
  }

  #fault({ isGood, head, bodyBytes, bodyOf }: Frame): string | undefined {
    const exchange = this.#exchange!;
    if (!isGood) return `not a 200: ${this.#bytes().toString().slice(0, shown)}`;
    if (exchange.bodyBytes !== undefined && bodyBytes !== exchange.bodyBytes)
      return `a body of ${bodyBytes} bytes instead of ${exchange.bodyBytes}`;
    return exchange.look?.(head, bodyOf(this.#bytes()));
  }

  #bytes(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]!;
  }

  /** For good; a complaint counts only while a reply is awaited. */
  #close(complaint?: string): void {
    if (complaint !== undefined && this.#exchange !== undefined) this.#run.fail(complaint);
    this.#exchange = undefined;
    this.#socket.destroy();
    this.#over.resolve();
  }
}
