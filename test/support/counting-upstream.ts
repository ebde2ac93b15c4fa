// A real HTTP proxy in front of any upstream that counts what passes and can delay, hold, replace, lose or
// refuse it.
//
//   request ─→ recorded ─→ [rule: drop "before"] ─→ [delay/hold "before"] ─→ forwarded ─→ [delay/hold "after"]
//                                                                      ─→ [rule: drop "after" | replace] ─→ reply

import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as openRequest,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fault, Hold, Match, RecordedRequest, ReplacedReply } from "./faults.ts";

interface Rule {
  readonly match: (request: RecordedRequest) => boolean;
  readonly fault: Fault & { readonly holdBefore?: Gate; readonly holdAfter?: Gate };
  left: number;
}

interface Gate {
  pass(request: RecordedRequest): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | number>>;
  readonly body: Buffer;
}

/** Starts a counting upstream on a free loopback port in front of upstreamUrl. */
export async function startCountingUpstream(upstreamUrl: string): Promise<CountingUpstream> {
  const upstream = new CountingUpstream(upstreamUrl);
  await upstream.up();
  return upstream;
}

export class CountingUpstream {
  /** Everything that came since the last reset, in order of arrival. */
  readonly requests: RecordedRequest[] = [];
  readonly #upstream: URL;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #sockets = new Map<Socket, { readonly number: number; busy: number }>();
  readonly #server = createServer((incoming, outgoing) => void this.#serve(incoming, outgoing));
  #rules: Rule[] = [];
  #holds = new Set<() => void>();
  #socketsOpened = 0;
  #port = 0;

  constructor(upstreamUrl: string) {
    this.#upstream = new URL(upstreamUrl);
    this.#server.keepAliveTimeout = 0; // Idle sockets end when a test says so.
    this.#server.requestTimeout = 0;
    this.#server.on("connection", (socket: Socket) => {
      this.#socketsOpened += 1;
      this.#sockets.set(socket, { number: this.#socketsOpened, busy: 0 });
      socket.on("error", () => {});
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  /** http://127.0.0.1:port; the same after down() and up(). */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Sockets accepted since the start. */
  get socketsOpened(): number {
    return this.#socketsOpened;
  }

  /** Sockets open now. */
  get socketsOpen(): number {
    return this.#sockets.size;
  }

  /** How many requests came since the last reset, in all or of one kind. */
  count(match?: Match): number {
    return match === undefined ? this.requests.length : this.requests.filter(predicate(match)).length;
  }

  /** Forgets requests and rules and releases everything held. */
  reset(): void {
    this.requests.length = 0;
    this.#rules = [];
    for (const release of [...this.#holds]) release();
  }

  /**
   * Adds a rule. The first rule that matches and is not spent decides. Returns the function that removes it.
   */
  inject(match: Match, fault: Fault): () => void {
    return this.#add({ match: predicate(match), fault, left: fault.times ?? Number.POSITIVE_INFINITY });
  }

  /** Requests wait until released: "before" they are forwarded, or "after" upstream has acted (default). */
  hold(match: Match, where: "before" | "after" = "after", times?: number): Hold {
    const arrived = Promise.withResolvers<RecordedRequest>();
    const released = Promise.withResolvers<void>();
    let waiting = 0;
    const gate: Gate = {
      async pass(request) {
        waiting += 1;
        arrived.resolve(request);
        await released.promise;
        waiting -= 1;
      },
    };
    const fault = where === "before" ? { holdBefore: gate } : { holdAfter: gate };
    const remove = this.#add({ match: predicate(match), fault, left: times ?? Number.POSITIVE_INFINITY });
    const release = (): void => {
      remove();
      this.#holds.delete(release);
      released.resolve();
    };
    this.#holds.add(release);
    return { arrived: arrived.promise, waiting: () => waiting, release };
  }

  /**
   * Closes the sockets on which no request is open, as a server does that grew tired of them. Returns their
   * number.
   */
  closeIdleSockets(how: "end" | "reset" = "end"): number {
    const idle = [...this.#sockets].filter(([, state]) => state.busy === 0).map(([socket]) => socket);
    for (const socket of idle) {
      if (how === "reset") socket.resetAndDestroy();
      else socket.end();
    }
    return idle.length;
  }

  /** Nobody listens any more: new connections are refused, open ones are reset. */
  async down(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets.keys()) socket.resetAndDestroy();
    await closed;
  }

  /** Listens (again, on the same port). */
  async up(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.#port, "127.0.0.1", () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.reset();
    if (this.#server.listening) await this.down();
    this.#agent.destroy();
  }

  #add(rule: Rule): () => void {
    this.#rules.push(rule);
    return () => {
      this.#rules = this.#rules.filter((other) => other !== rule);
    };
  }

  #take(request: RecordedRequest): Rule["fault"] {
    const rule = this.#rules.find((candidate) => candidate.left > 0 && candidate.match(request));
    if (rule === undefined) return {};
    rule.left -= 1;
    return rule.fault;
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const state = this.#sockets.get(incoming.socket);
    if (state !== undefined) state.busy += 1;
    try {
      const request = recorded(incoming, await bytesOf(incoming), state?.number ?? 0);
      this.requests.push(request);
      await this.#answer(request, incoming, outgoing);
    } catch {
      incoming.socket.resetAndDestroy(); // Upstream is gone, or the caller is: neither is to be answered.
    } finally {
      if (state !== undefined) state.busy -= 1;
    }
  }

  async #answer(
    request: RecordedRequest,
    incoming: IncomingMessage,
    outgoing: ServerResponse,
  ): Promise<void> {
    const fault = this.#take(request);
    if (fault.delayBeforeMs !== undefined) await sleep(fault.delayBeforeMs);
    await fault.holdBefore?.pass(request);
    if (fault.drop === "before") return void incoming.socket.resetAndDestroy();
    const forwarded =
      fault.reply === undefined || fault.forward ? await this.#forward(incoming, request) : undefined;
    if (fault.delayAfterMs !== undefined) await sleep(fault.delayAfterMs);
    await fault.holdAfter?.pass(request);
    if (fault.drop === "after") return void incoming.socket.resetAndDestroy();
    const answer = fault.reply === undefined ? forwarded : replaced(fault.reply);
    if (answer === undefined) throw new Error("a request was neither forwarded nor answered");
    outgoing.writeHead(answer.status, answer.headers).end(answer.body);
  }

  #forward(incoming: IncomingMessage, request: RecordedRequest): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const headers = { ...incoming.headers, host: this.#upstream.host };
      const url = new URL(incoming.url ?? "/", this.#upstream);
      const forwarded = openRequest(
        url,
        { method: incoming.method, headers, agent: this.#agent },
        (reply) => {
          bytesOf(reply).then((body) => {
            const { connection: _, "transfer-encoding": __, "keep-alive": ___, ...kept } = reply.headers;
            const sized = { ...defined(kept), "content-length": body.byteLength };
            resolve({ status: reply.statusCode ?? 502, headers: sized, body });
          }, reject);
        },
      );
      forwarded.once("error", reject);
      forwarded.end(request.bytes);
    });
  }
}

function predicate(match: Match): (request: RecordedRequest) => boolean {
  return typeof match === "string" ? (request) => request.operation === match : match;
}

function recorded(incoming: IncomingMessage, bytes: Buffer, socket: number): RecordedRequest {
  const target = String(incoming.headers["x-amz-target"] ?? "");
  const operation = target.slice(target.lastIndexOf(".") + 1);
  return {
    operation,
    target,
    input: inputOf(bytes),
    bytes,
    headers: incoming.headers,
    atMs: performance.now(),
    socket,
  };
}

function inputOf(bytes: Buffer): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(bytes.toString("utf8"));
    return typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function replaced(reply: ReplacedReply): Answer {
  const verbatim = typeof reply.body === "string" || reply.body instanceof Uint8Array;
  const body = Buffer.from((verbatim ? reply.body : JSON.stringify(reply.body)) as string);
  const headers = {
    "content-type": "application/x-amz-json-1.0",
    "x-amzn-requestid": "INJECTED",
    "content-length": body.byteLength,
    ...reply.headers,
  };
  return { status: reply.status, headers, body };
}

function defined(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).filter((pair): pair is [string, string | string[]] => pair[1] !== undefined),
  );
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
