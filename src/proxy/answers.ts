/** One request answered, whichever way it came in: checked, made a Call, handed to the pipeline, sent, counted. */

import type { Authenticator } from "../auth/authenticator.ts";
import { DynamoDbError } from "../dynamodb/errors.ts";
import { parseObject } from "../dynamodb/json-codec.ts";
import type { Recorder } from "../metrics/outcome.ts";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import { readCacheControl } from "./cache-control.ts";
import type { Call, MaybePromise, Reply } from "./call.ts";
import { checkHost, checkRegion } from "./front-door.ts";
import { type Client, HttpCall } from "./http-call.ts";
import { type KnownTarget, operationOf } from "./operations.ts";
import { cacheHeader, refused } from "./reply.ts";

export interface AnswerOptions {
  readonly handle: (call: Call) => MaybePromise<Reply>;
  readonly region: string;
  readonly requestTimeoutMs: number;
  readonly inFlightMax: number;
  /** True where the listening address is loopback: then the Host header must name it. */
  readonly loopbackOnly: boolean;
  /** Says who calls, and refuses whom it does not know; undefined = every caller is served. */
  readonly authenticator: Authenticator | undefined;
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly log: Logger;
}

/** What is read of a request; a header that it does not have is undefined. Read at once, never kept. */
export interface RequestParts {
  /** X-Amz-Target; "" where there is none. */
  readonly target: string;
  readonly url: string;
  readonly host: string | undefined;
  readonly authorization: string | undefined;
  /** All of them as they came, name, value, name, value…: what a signature covers. */
  readonly rawHeaders: readonly string[];
  /** x-dynatier-cache-control */
  readonly cacheControl: string | undefined;
  readonly body: Buffer;
}

/** One that waits for its reply. */
interface Waiting {
  readonly client: Client;
  readonly target: string;
  readonly known: KnownTarget | undefined;
  readonly type: string;
  readonly startedAtMs: number;
}

export class Answers {
  readonly #options: AnswerOptions;
  #inFlight = 0;

  constructor(options: AnswerOptions) {
    this.#options = options;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /**
   * Answers one request: before this returns where the cache can, otherwise later. The client is sent exactly one
   * reply, unless it has left.
   * @param type the media type of the request, which the reply repeats
   */
  answer(request: RequestParts, type: string, client: Client): void {
    const startedAtMs = this.#options.clock.nowMs();
    const { target } = request;
    const waiting: Waiting = { client, target, known: operationOf(target), type, startedAtMs };
    this.#inFlight += 1;
    let reply: MaybePromise<Reply>;
    try {
      reply = this.#reply(request, waiting);
    } catch (error) {
      this.#bug(error, waiting);
      return;
    }
    if (!(reply instanceof Promise)) {
      this.#finish(reply, waiting);
      return;
    }
    reply.then(
      (done) => this.#finish(done, waiting),
      (error: unknown) => this.#bug(error, waiting),
    );
  }

  #reply(request: RequestParts, waiting: Waiting): MaybePromise<Reply> {
    const { region, loopbackOnly, authenticator, inFlightMax, requestTimeoutMs } = this.#options;
    const { target, known, startedAtMs } = waiting;
    const { body } = request;
    try {
      if (loopbackOnly) checkHost(request.host);
      if (authenticator === undefined) checkRegion(request.authorization, request.url, region);
      if (known === undefined) throw new DynamoDbError("UnknownOperationException", unknownTarget(target));
      if (this.#inFlight > inFlightMax) {
        throw new DynamoDbError(
          "ThrottlingException",
          "Too many requests in flight (setting inFlightMax). Try again shortly.",
        );
      }
      if (authenticator !== undefined) {
        const { url, rawHeaders } = request;
        authenticator.authenticate({ method: "POST", url, rawHeaders, body });
      }
    } catch (error) {
      if (error instanceof DynamoDbError) return refused(error, "pass");
      throw error;
    }
    const input = known.row.class === "pass" ? undefined : parseObject(body);
    const control = readCacheControl(request.cacheControl);
    const deadlineAtMs = startedAtMs + requestTimeoutMs;
    return this.#options.handle(
      new HttpCall(target, known.operation, body, input, deadlineAtMs, control, waiting.client),
    );
  }

  #finish(reply: Reply, waiting: Waiting): void {
    const { client, known, startedAtMs } = waiting;
    try {
      client.send(reply, waiting.type);
    } catch (error) {
      this.#bug(error, waiting);
      return;
    }
    this.#inFlight -= 1;
    const { clock, recorder, log } = this.#options;
    const durationMs = clock.nowMs() - startedAtMs;
    const operation = known?.operation ?? "";
    const { table, outcome, reason, tier, error } = reply;
    const status = client.hasLeft ? 0 : reply.status;
    recorder.call({
      operation,
      table,
      outcome,
      reason,
      tier,
      status,
      durationMs,
      error: error?.name,
      errorOrigin: error?.origin,
    });
    if (!log.isEnabled("debug")) return;
    log.debug(
      { operation, table, cache: cacheHeader(reply), status, durationMs, error: error?.name },
      "request",
    );
  }

  #bug(error: unknown, { client, target, known, startedAtMs }: Waiting): void {
    const { clock, recorder, log } = this.#options;
    this.#inFlight -= 1;
    log.error({ error, target }, "a bug: no reply could be made");
    const name = "InternalServerError";
    client.send(refused(new DynamoDbError(name, "A bug in dynatier; its log says more."), "pass"), jsonType);
    recorder.call({
      operation: known?.operation ?? "",
      table: "",
      outcome: "pass",
      status: 500,
      durationMs: clock.nowMs() - startedAtMs,
      error: name,
      errorOrigin: "proxy",
    });
  }
}

export const jsonType = "application/x-amz-json-1.0";

function unknownTarget(target: string): string {
  return target === ""
    ? "The request has no X-Amz-Target header."
    : `'${target}' names no operation of DynamoDB or DynamoDB Streams that this version knows.`;
}
