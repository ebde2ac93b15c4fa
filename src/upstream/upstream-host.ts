// The sockets to one upstream host, each used by one call at a time, with a bounded queue in front.

import { buildConnector, Client } from "undici";
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
  readonly #connectionsMax: number;
  /** As many as there are slots, at most. Each keeps a socket while it is used often enough, and connects anew after. */
  readonly #clients = new Set<Client>();
  /** Those that nobody uses, the one used last at the end: it is used next, so that the others' sockets time out. */
  readonly #idle: Client[] = [];
  readonly #slots: Slots;
  #closing: Promise<void> | undefined;

  constructor(origin: string, options: UpstreamHostOptions) {
    this.#origin = origin;
    this.#connectionsMax = options.connectionsMax;
    const allowH2 = false; // undici re-sends what an HTTP/2 peer's GOAWAY left open; we decide what is sent again.
    this.#socketOptions = {
      allowH2,
      pipelining: 1,
      // One for all: it remembers the TLS sessions that they resume.
      connect: buildConnector({ allowH2, timeout: options.connectTimeoutMs }),
      keepAliveTimeout: options.keepAliveMs,
      keepAliveMaxTimeout: options.keepAliveMsMax,
      headersTimeout: 0, // Each exchange has a deadline of its own.
      bodyTimeout: 0,
    };
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
    return this.#sendOver(this.#idle.pop() ?? this.#newClient(), request);
  }

  /**
   * Over a connection that is new for certain: where one kept-alive socket was found dead, the others may be
   * dead too (1 a load balancer forgets all our idle sockets · 2 a read fails on one · 3 its retry would fail
   * on the next).
   */
  sendFresh(request: ExchangeRequest): Promise<UpstreamReply> {
    // The caller's slot has no client yet, so that there is an idle one to make room.
    if (this.#clients.size >= this.#connectionsMax) this.#discard(this.#idle.shift());
    return this.#sendOver(this.#newClient(), request);
  }

  /** Turns away who waits, lets finish who is being served. */
  close(): Promise<void> {
    this.#slots.refuseAll(closedFailure());
    this.#closing ??= Promise.all([...this.#clients].map((client) => client.close())).then(() => {});
    return this.#closing;
  }

  #sendOver(client: Client, request: ExchangeRequest): Promise<UpstreamReply> {
    return exchange(client, request, () => {
      this.#idle.push(client);
      this.#slots.release();
    });
  }

  #newClient(): Client {
    const client = new Client(this.#origin, this.#socketOptions);
    this.#clients.add(client);
    // A call that had its turn before we closed: what is sent over a closed client is refused.
    if (this.#closing !== undefined) void client.close();
    return client;
  }

  #discard(client: Client | undefined): void {
    if (client === undefined) return;
    this.#clients.delete(client);
    void client.close();
  }
}

function closedFailure(): UpstreamFailure {
  return new UpstreamFailure("aborted", "none", "the proxy is shutting down");
}
