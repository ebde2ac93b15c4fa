/**
 * The fast lane: stands before Node's HTTP server on the same sockets (TCP or TLS), answers the one request shape that
 * SDKs send, and gives a socket to Node's server, for good, as soon as anything else comes.
 */

import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { RequestParts } from "./answers.ts";
import type { Client } from "./http-call.ts";
import { LaneConnection, type LaneShared } from "./lane-connection.ts";
import { type LaneInput, SharedInput } from "./lane-input.ts";
import { LaneOutput } from "./lane-output.ts";
import { ReplyHeads } from "./lane-reply.ts";
import { LaneRequest } from "./lane-request.ts";

export interface LaneOptions {
  /** Answers a complete request, at once or later. */
  readonly answer: (request: RequestParts, type: string, client: Client) => void;
  readonly requestId: () => string;
  /** Longer bodies are Node's, as are those over laneBodyBytesMax. */
  readonly bodyBytesMax: number;
  /** How long an idle connection stays open, and one whose client does not read. */
  readonly keepAliveMs: number;
  /** How long a client may take to send one request, or its first; default arrivalMsMax. */
  readonly arrivalMs?: number;
  /** How sockets are read; default: into one buffer for all of them. */
  readonly input?: LaneInput;
}

/** The longest body that the lane collects for one connection; SDKs' reads and single writes are far below. */
export const laneBodyBytesMax = 65_536;
/** As Node's headersTimeout, for head and body together. */
const arrivalMsMax = 60_000;
/** Node closes that much later than it says in Keep-Alive, so that a request on its way is not lost. */
const keepAliveBufferMs = 1000;
const sweepMsMax = 1000;
const sweepMsMin = 20;

/** The listeners that the lane stands before: Node's own, which read HTTP from a socket. */
type ConnectionListener = (this: Server, socket: Socket) => void;

/** What all connections of one server share. */
export class FastLane implements LaneShared {
  readonly answer: LaneShared["answer"];
  readonly request: LaneRequest;
  readonly heads: ReplyHeads;
  readonly input: LaneInput;
  readonly output = new LaneOutput();
  readonly #connections = new Set<LaneConnection>();
  readonly #keepAliveMs: number;
  readonly #arrivalMs: number;
  readonly #sweepMs: number;
  #sweeping: NodeJS.Timeout | undefined;
  #isDraining = false;
  /** The moment of the last sweep: read on every request. */
  nowMs = performance.now();

  constructor(options: LaneOptions) {
    this.answer = options.answer;
    this.#keepAliveMs = options.keepAliveMs;
    this.request = new LaneRequest(Math.min(options.bodyBytesMax, laneBodyBytesMax));
    this.heads = new ReplyHeads(options);
    this.input = options.input ?? new SharedInput();
    this.#arrivalMs = options.arrivalMs ?? arrivalMsMax;
    const shortest = Math.min(this.#arrivalMs, options.keepAliveMs);
    this.#sweepMs = Math.max(sweepMsMin, Math.min(sweepMsMax, shortest / 4));
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Connections that are not Node's (yet). */
  get open(): number {
    return this.#connections.size;
  }

  /** Puts the lane before the server's own connection listeners. To be called before anybody else adds one. */
  install(server: Server): void {
    const event = server.listenerCount("secureConnection") > 0 ? "secureConnection" : "connection";
    const kept = server.listeners(event) as ConnectionListener[];
    if (kept.length === 0) throw new Error(`the HTTP server has no listener for ${event}`);
    server.removeAllListeners(event);
    server.on(event, (socket: Socket) => {
      const giveOn = (): void => {
        for (const listener of kept) listener.call(server, socket);
      };
      this.#watch();
      this.#connections.add(new LaneConnection(this, server, socket, giveOn));
    });
  }

  forget(connection: LaneConnection): void {
    this.#connections.delete(connection);
  }

  /** From now on every reply closes its connection. Idle connections are closed at once. */
  drain(): void {
    this.#isDraining = true;
    this.output.flush();
    for (const connection of this.#connections) connection.closeIfIdle();
  }

  /** Closes every connection, whatever is under way on it. */
  closeAll(): void {
    clearInterval(this.#sweeping);
    this.#sweeping = undefined;
    this.output.flush();
    for (const connection of this.#connections) connection.close();
  }

  #watch(): void {
    if (this.#sweeping !== undefined) return;
    this.nowMs = performance.now();
    this.#sweeping = setInterval(() => this.#sweep(), this.#sweepMs).unref();
  }

  #sweep(): void {
    this.nowMs = performance.now();
    const idleSince = this.nowMs - this.#keepAliveMs - keepAliveBufferMs - this.#sweepMs;
    const arrivingSince = this.nowMs - this.#arrivalMs - this.#sweepMs;
    for (const connection of this.#connections) {
      if (this.#isDraining) connection.closeIfSilent(this.nowMs - this.#sweepMs);
      connection.closeIfOverdue(idleSince, arrivingSince);
    }
  }
}
