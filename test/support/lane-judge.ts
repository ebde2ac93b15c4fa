// Two HTTP servers that hear the same bytes, one with the fast lane before it and one without: did they hear the same
// requests, and did they close alike? Without sockets, so that millions of streams can be judged.

import { createServer, type IncomingMessage, type Server } from "node:http";
import { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { DynamoDbError } from "../../src/dynamodb/errors.ts";
import type { RequestParts } from "../../src/proxy/answers.ts";
import { FastLane } from "../../src/proxy/fast-lane.ts";
import type { Client } from "../../src/proxy/http-call.ts";
import { type LaneInput, streamInput } from "../../src/proxy/lane-input.ts";
import { refused } from "../../src/proxy/reply.ts";

const reply = refused(new DynamoDbError("SerializationException", "ok"), "pass");
const requestId = () => "R".repeat(52);
/** Below the longest body of lane-streams.ts, so that some are too long for the lane. */
const bodyBytesMax = 256;

/** What one server heard on one connection, as texts to compare. */
export interface Heard {
  readonly requests: string[];
  /** Requests that the lane answered itself. */
  byLane: number;
  /** Status codes of the replies. */
  statuses: string[];
  isClosed: boolean;
}

/** A connection without a socket: what the server writes is kept, what the client sends is pushed. */
export class Wire extends Duplex {
  readonly heard: Heard = { requests: [], byLane: 0, statuses: [], isClosed: false };
  readonly remoteAddress = "127.0.0.1";
  written = "";

  constructor() {
    super({ allowHalfOpen: true });
    this.on("error", () => {});
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.written += chunk.toString("latin1");
    done();
  }

  setTimeout(): this {
    return this;
  }

  destroySoon(): void {
    this.end(() => this.destroy());
  }

  note(): Heard {
    this.heard.isClosed = this.destroyed || this.writableEnded;
    this.heard.statuses = Array.from(this.written.matchAll(/HTTP\/1\.1 (\d{3}) /g), (match) => match[1]!);
    return this.heard;
  }
}

function textOf(parts: Omit<RequestParts, "body">, method: string, type: string, body: Buffer): string {
  const { url, target, host, authorization, cacheControl, rawHeaders } = parts;
  return JSON.stringify([
    method,
    url,
    target,
    host,
    authorization,
    cacheControl,
    rawHeaders,
    type,
    body.toString("latin1"),
  ]);
}

/** Notes a request the moment Node's parser says that it is complete, and answers it. */
function listen(): Server {
  return createServer((request, response) => {
    const wire = request.socket as unknown as Wire;
    const chunks: Buffer[] = [];
    request.push = (chunk: Buffer | null) => {
      if (chunk !== null) chunks.push(chunk);
      else {
        wire.heard.requests.push(
          textOf(partsOf(request), request.method ?? "", typeOf(request), Buffer.concat(chunks)),
        );
        response.statusCode = 400;
        response.end("ok");
      }
      return true;
    };
  });
}

const typeOf = (request: IncomingMessage) => String(request.headers["content-type"]);

function partsOf(request: IncomingMessage): Omit<RequestParts, "body"> {
  const { headers } = request;
  const text = (name: string) => headers[name] as string | undefined;
  return {
    target: text("x-amz-target") ?? "",
    url: request.url ?? "",
    host: headers.host,
    authorization: headers.authorization,
    rawHeaders: request.rawHeaders,
    cacheControl: text("x-dynatier-cache-control"),
  };
}

/** One buffer for all sockets, as SharedInput has it, in which nothing is left for who looks at it too late. */
export function overwrittenInput(): LaneInput {
  const buffer = Buffer.alloc(1 << 20);
  return {
    read: (socket, take) =>
      streamInput.read(socket, (bytes) => {
        bytes.copy(buffer);
        take(buffer.subarray(0, bytes.length));
        buffer.fill("#", 0, bytes.length);
      }),
  };
}

export class Judge {
  readonly #plain = listen();
  readonly #laned = listen();
  #current: Wire | undefined;
  /** What all streams had together: shows that the test looks at something. */
  readonly totals = { streams: 0, requests: 0, byLane: 0, closed: 0 };
  #later = 0;

  /** @param input how the lane reads its sockets */
  constructor(input: LaneInput = streamInput) {
    const answer = (parts: RequestParts, type: string, client: Client): void => {
      const wire = wires.get(client) ?? this.#current!;
      wires.set(client, wire);
      wire.heard.requests.push(textOf(parts, "POST", type, parts.body));
      wire.heard.byLane += 1;
      const send = () => client.send(reply, type);
      // Every third reply is one that has to be waited for.
      if (this.#later++ % 3 === 0) process.nextTick(send);
      else send();
    };
    const wires = new WeakMap<Client, Wire>();
    new FastLane({ answer, requestId, bodyBytesMax, keepAliveMs: 60_000, input }).install(this.#laned);
  }

  /** Sends each stream, in its pieces, to both servers. @returns what they disagreed on, in words */
  async judge(streams: readonly (readonly Buffer[])[]): Promise<string[]> {
    const pairs = streams.map((parts) => {
      const [plain, laned] = [new Wire(), new Wire()];
      this.#plain.emit("connection", plain);
      this.#laned.emit("connection", laned);
      // Whose bytes the lane is looking at when it asks for an answer.
      laned.prependListener("data", () => {
        this.#current = laned;
      });
      return { parts, plain, laned };
    });
    const most = Math.max(...streams.map((parts) => parts.length));
    for (let at = 0; at < most; at += 1) {
      for (const { parts, plain, laned } of pairs) this.#push(parts[at], plain, laned);
      await turn();
    }
    await settled();
    const wrong = pairs.flatMap(({ parts, plain, laned }) => this.#compare(parts, plain, laned, "open"));
    this.totals.closed += pairs.filter(({ plain }) => plain.heard.isClosed).length;
    for (const { plain, laned } of pairs) this.#push(null, plain, laned);
    await settled();
    for (const { parts, plain, laned } of pairs) {
      wrong.push(...this.#compare(parts, plain, laned, "ended"));
      this.totals.streams += 1;
      this.totals.requests += plain.heard.requests.length;
      this.totals.byLane += laned.heard.byLane;
      plain.destroy();
      laned.destroy();
    }
    return wrong;
  }

  #push(piece: Buffer | null | undefined, plain: Wire, laned: Wire): void {
    if (piece === undefined) return;
    // Each its own copy: neither may see what the other does to the bytes.
    if (!plain.destroyed) plain.push(piece && Buffer.from(piece));
    if (!laned.destroyed) laned.push(piece && Buffer.from(piece));
  }

  #compare(parts: readonly Buffer[], plain: Wire, laned: Wire, when: string): string[] {
    const [expected, actual] = [plain.note(), laned.note()];
    const same =
      expected.isClosed === actual.isClosed &&
      expected.requests.length === actual.requests.length &&
      expected.requests.every((text, at) => text === actual.requests[at]) &&
      // Node writes pipelined replies one turn apart; where it closes at once, the later ones are lost.
      (expected.isClosed || expected.statuses.join() === actual.statuses.join());
    if (same) return [];
    const sent = JSON.stringify(parts.map((part) => part.toString("latin1")));
    return [`${when}: ${sent}\nnode ${JSON.stringify(expected)}\nlane ${JSON.stringify(actual)}`];
  }
}

/** Long enough for all that follows from bytes without a timer. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 12; turns += 1) await turn();
}
