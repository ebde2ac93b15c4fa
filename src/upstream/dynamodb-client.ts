// DynamoDB over HTTP: endpoint, signature, deadline, at most one retry, and an honest word on what a lost
// call may have done.

import type { Recorder } from "../metrics/outcome.ts";
import { fullJitterMs } from "../util/backoff.ts";
import { type Clock, systemClock } from "../util/clock.ts";
import { type CredentialSource, type Credentials, ownCredentials } from "./credentials.ts";
import { type AwsEndpointMode, createEndpoints, type Endpoint, type Endpoints } from "./endpoints.ts";
import type { ExchangeRequest } from "./exchange.ts";
import { Signer } from "./signer.ts";
import { type Upstream, UpstreamFailure, type UpstreamReply, type UpstreamRequest } from "./upstream.ts";
import { UpstreamHost, type UpstreamHostStats } from "./upstream-host.ts";

export interface DynamoDbClientOptions {
  /** "aws" or an http(s) URL. */
  readonly upstream: string;
  readonly region: string;
  readonly endpointMode?: AwsEndpointMode | undefined;
  readonly accountId?: string | undefined;
  /** Default: the SDK's chain for "aws", the environment's keys or "local" for a URL. */
  readonly credentials?: CredentialSource | undefined;
  /** Sockets per upstream host. */
  readonly connectionsMax?: number | undefined;
  /** Calls that may wait for a socket, per host; beyond it a call fails with kind "overload". */
  readonly queuedMax?: number | undefined;
  /** Attempts of one idempotent call, the first included. */
  readonly attemptsMax?: number | undefined;
  readonly connectTimeoutMs?: number | undefined;
  readonly keepAliveMs?: number | undefined;
  readonly keepAliveMsMax?: number | undefined;
  /** A longer reply is a failure; DynamoDB's own limit is 16 MB of items. */
  readonly replyBytesMax?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly recorder?: Pick<Recorder, "upstream" | "upstreamRetry"> | undefined;
  /** In [0, 1), for the pause before a retry. */
  readonly random?: (() => number) | undefined;
}

export interface DynamoDbClient extends Upstream {
  /** Now, over all hosts: calls being sent or answered, and calls waiting for a socket. */
  stats(): UpstreamHostStats;
}

const defaults = {
  connectionsMax: 128,
  queuedMax: 1024,
  attemptsMax: 2,
  connectTimeoutMs: 3_000,
  keepAliveMs: 10_000,
  keepAliveMsMax: 60_000,
  replyBytesMax: 64 * 1024 * 1024,
};

/**
 * Before a retry after a 5xx or a refused connection. A dead kept-alive socket is replaced without a pause.
 */
const retryPause = { baseMs: 50, capMs: 500 };

/**
 * Makes the upstream. Nothing is connected, and no credentials are looked for, before the first call.
 * Throws an Error that says what to do if the options name no endpoint.
 */
export function createDynamoDbClient(options: DynamoDbClientOptions): DynamoDbClient {
  return new PooledDynamoDbClient(options);
}

/** What is already known of a call when another attempt begins. */
interface Earlier {
  /** An attempt may have acted, or may still. */
  unknown: boolean;
  /** A kept-alive socket died under it. */
  socketDied: boolean;
  /** A 5xx that was answered: better than none if the next attempt gets no reply. */
  reply: UpstreamReply | undefined;
}

class PooledDynamoDbClient implements DynamoDbClient {
  readonly #options: DynamoDbClientOptions;
  readonly #clock: Clock;
  readonly #endpoints: Endpoints;
  readonly #credentials: CredentialSource;
  readonly #signer: Signer;
  readonly #hosts = new Map<string, UpstreamHost>();
  readonly #attemptsMax: number;
  readonly #replyBytesMax: number;
  #closed = false;

  constructor(options: DynamoDbClientOptions) {
    const { upstream, region, accountId, endpointMode: mode } = options;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#attemptsMax = options.attemptsMax ?? defaults.attemptsMax;
    this.#replyBytesMax = options.replyBytesMax ?? defaults.replyBytesMax;
    this.#endpoints = createEndpoints({ upstream, region, mode, accountId });
    this.#credentials = options.credentials ?? ownCredentials(upstream, region);
    this.#signer = new Signer({ region });
  }

  async send(request: UpstreamRequest): Promise<UpstreamReply> {
    const endpoint = this.#endpoints.resolve(request.target);
    const operation = request.target.slice(request.target.lastIndexOf(".") + 1);
    const earlier: Earlier = { unknown: false, socketDied: false, reply: undefined };
    for (let attempt = 1; ; attempt++) {
      const mayRetry = request.idempotent && attempt < this.#attemptsMax;
      if (attempt > 1) this.#options.recorder?.upstreamRetry(operation);
      try {
        const reply = await this.#attempt(endpoint, operation, request, earlier.socketDied);
        if (reply.status < 500 || !mayRetry) return withHistory(reply, earlier);
        earlier.unknown = true;
        earlier.reply = reply;
        earlier.socketDied = false;
      } catch (error) {
        const failure = asFailure(error);
        if (!mayRetry || !isRetryable(failure)) return lastWord(failure, earlier);
        earlier.unknown ||= failure.outcome === "unknown";
        earlier.socketDied = failure.kind === "reset";
      }
      const pauseMs = earlier.socketDied ? 0 : fullJitterMs(attempt, { ...retryPause, ...this.#random() });
      if (!(await this.#pause(pauseMs, request))) {
        return lastWord(new UpstreamFailure("timeout", "none", "no time left for a retry"), earlier);
      }
    }
  }

  stats(): UpstreamHostStats {
    let [inFlight, queued] = [0, 0];
    for (const { stats } of this.#hosts.values()) {
      inFlight += stats.inFlight;
      queued += stats.queued;
    }
    return { inFlight, queued };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#hosts.values()].map((host) => host.close()));
  }

  async #attempt(
    endpoint: Endpoint,
    operation: string,
    request: UpstreamRequest,
    fresh: boolean,
  ): Promise<UpstreamReply> {
    const { signal } = request;
    if (signal?.aborted) throw new UpstreamFailure("aborted", "none", "the caller left");
    const host = this.#host(endpoint.origin);
    const waiting = host.takeTurn(this.#leftMs(request), signal);
    if (waiting !== undefined) await waiting;
    // The turn is ours from here to the exchange: every way out gives it back.
    let exchangeRequest: ExchangeRequest;
    try {
      const current = this.#credentials.current();
      const credentials = current instanceof Promise ? await within(current, this.#leftMs(request)) : current;
      exchangeRequest = this.#signed(credentials, endpoint, request);
    } catch (error) {
      host.leave();
      throw notSent(error);
    }
    const startedAtMs = this.#clock.nowMs();
    try {
      const reply = await (fresh ? host.sendFresh(exchangeRequest) : host.send(exchangeRequest));
      this.#record(operation, reply.status >= 200 && reply.status < 300 ? "ok" : "error", startedAtMs);
      return reply;
    } catch (error) {
      const { kind } = asFailure(error);
      this.#record(operation, kind === "timeout" || kind === "refused" ? kind : "reset", startedAtMs);
      throw error;
    }
  }

  #signed(credentials: Credentials, endpoint: Endpoint, request: UpstreamRequest): ExchangeRequest {
    const { body, signal } = request;
    const headers = this.#signer.sign(credentials, endpoint, request.target, body);
    const timeoutMs = this.#leftMs(request);
    if (timeoutMs <= 0) throw new UpstreamFailure("timeout", "none", "the deadline passed before sending");
    if (signal?.aborted) throw new UpstreamFailure("aborted", "none", "the caller left");
    return { path: endpoint.path, headers, body, timeoutMs, replyBytesMax: this.#replyBytesMax, signal };
  }

  #host(origin: string): UpstreamHost {
    if (this.#closed) throw new UpstreamFailure("aborted", "none", "the proxy is shutting down");
    let host = this.#hosts.get(origin);
    if (host === undefined) {
      const { connectionsMax, queuedMax, connectTimeoutMs, keepAliveMs, keepAliveMsMax } = this.#options;
      host = new UpstreamHost(origin, {
        connectionsMax: connectionsMax ?? defaults.connectionsMax,
        queuedMax: queuedMax ?? defaults.queuedMax,
        connectTimeoutMs: connectTimeoutMs ?? defaults.connectTimeoutMs,
        keepAliveMs: keepAliveMs ?? defaults.keepAliveMs,
        keepAliveMsMax: keepAliveMsMax ?? defaults.keepAliveMsMax,
      });
      this.#hosts.set(origin, host);
    }
    return host;
  }

  /** Waits, if the deadline and the caller leave room for another attempt. */
  async #pause(pauseMs: number, request: UpstreamRequest): Promise<boolean> {
    if (pauseMs >= this.#leftMs(request)) return false;
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    return !request.signal?.aborted && this.#leftMs(request) > 0;
  }

  #leftMs(request: UpstreamRequest): number {
    return request.deadlineAtMs - this.#clock.nowMs();
  }

  #random(): { random?: () => number } {
    return this.#options.random === undefined ? {} : { random: this.#options.random };
  }

  #record(operation: string, result: Parameters<Recorder["upstream"]>[1], startedAtMs: number): void {
    this.#options.recorder?.upstream(operation, result, this.#clock.nowMs() - startedAtMs);
  }
}

/** Connection-level failures may pass; a full queue, a caller who left or a passed deadline do not. */
function isRetryable(failure: UpstreamFailure): boolean {
  return failure.kind === "reset" || failure.kind === "refused" || failure.kind === "timeout";
}

function withHistory(reply: UpstreamReply, earlier: Earlier): UpstreamReply {
  return earlier.unknown ? { ...reply, earlierUnknown: true } : reply;
}

/**
 * There is no further attempt: an earlier 5xx if there is one, else the failure with the worst outcome of all
 * attempts.
 */
function lastWord(failure: UpstreamFailure, earlier: Earlier): UpstreamReply {
  if (earlier.reply !== undefined) return withHistory(earlier.reply, earlier);
  if (!earlier.unknown || failure.outcome === "unknown") throw failure;
  throw new UpstreamFailure(failure.kind, "unknown", failure.message, failure);
}

/** Why a call could not be signed: above all for want of credentials. */
function notSent(error: unknown): UpstreamFailure {
  if (error instanceof UpstreamFailure) return error;
  return new UpstreamFailure(
    "refused",
    "none",
    error instanceof Error ? error.message : String(error),
    error,
  );
}

function asFailure(error: unknown): UpstreamFailure {
  if (error instanceof UpstreamFailure) return error;
  throw error; // A bug: nothing else may come from an attempt.
}

/** The promise, or a failure when the time is up (a credential chain may ask a slow metadata service). */
async function within<Value>(promise: Promise<Value>, waitMs: number): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const failure = new UpstreamFailure("timeout", "none", "no credentials before the deadline");
    timer = setTimeout(() => reject(failure), Math.max(0, waitMs));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
