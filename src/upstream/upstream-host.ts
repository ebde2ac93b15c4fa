// The sockets to one upstream host: a pool with a bounded queue in front, and single-use connections for
// retries.

import { Client, Pool } from "undici";
import { type ExchangeRequest, exchange } from "./exchange.ts";
import { Slots } from "./slots.ts";
import { UpstreamFailure, type UpstreamReply } from "./upstream.ts";

export interface UpstreamHostOptions {
  /** Sockets to this host. */
  readonly connectionsMax: number;
  /** Calls that may wait for a socket. */
  readonly queuedMax: number;
  /** Making a connection (TCP and TLS) may take so long. */
  readonly connectTimeoutMs: number;
  /** An idle socket is closed after this; a server's Keep-Alive hint may change it up to keepAliveMsMax. */
  readonly keepAliveMs: number;
  readonly keepAliveMsMax: number;
}

export interface UpstreamHostStats {
  readonly inFlight: number;
  readonly queued: number;
}

export class UpstreamHost {
  readonly #origin: string;
  readonly #socketOptions: Client.Options;
  readonly #pool: Pool;
  readonly #slots: Slots;
  #closing: Promise<void> | undefined;

  constructor(origin: string, options: UpstreamHostOptions) {
    this.#origin = origin;
    this.#socketOptions = {
      pipelining: 1,
      allowH2: false, // undici re-sends what an HTTP/2 peer's GOAWAY left open; we decide what is sent again.
      connectTimeout: options.connectTimeoutMs,
      keepAliveTimeout: options.keepAliveMs,
      keepAliveMaxTimeout: options.keepAliveMsMax,
      headersTimeout: 0, // Each exchange has a deadline of its own.
      bodyTimeout: 0,
    };
    this.#pool = new Pool(origin, { ...this.#socketOptions, connections: options.connectionsMax });
    this.#slots = new Slots({ slotsMax: options.connectionsMax, queuedMax: options.queuedMax, name: origin });
  }

  get stats(): UpstreamHostStats {
    return { inFlight: this.#slots.taken, queued: this.#slots.queued };
  }

  /** A turn to send: undefined if at once. Whoever has it calls send or sendFresh exactly once, or leave. */
  takeTurn(waitMs: number, signal?: AbortSignal): Promise<void> | undefined {
    if (this.#closing !== undefined) throw closedFailure();
    return this.#slots.take(waitMs, signal);
  }

  /** Gives the turn back unused. */
  leave(): void {
    this.#slots.release();
  }

  /** Over a kept-alive socket, or a new one where none is free. */
  send(request: ExchangeRequest): Promise<UpstreamReply> {
    return exchange(this.#pool, request, () => this.#slots.release());
  }

  /**
   * Over a connection that is new for certain: where one kept-alive socket was found dead, the others may be
   * dead too (1 a load balancer forgets all our idle sockets · 2 a read fails on one · 3 its retry would fail
   * on the next).
   */
  sendFresh(request: ExchangeRequest): Promise<UpstreamReply> {
    const client = new Client(this.#origin, this.#socketOptions);
    return exchange(client, request, () => {
      this.#slots.release();
      void client.close();
    });
  }

  /** Turns away who waits, lets finish who is being served. */
  close(): Promise<void> {
    this.#slots.refuseAll(closedFailure());
    this.#closing ??= this.#pool.close();
    return this.#closing;
  }
}

function closedFailure(): UpstreamFailure {
  return new UpstreamFailure("aborted", "none", "the proxy is shutting down");
}
