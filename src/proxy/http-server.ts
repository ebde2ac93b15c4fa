/** The HTTP front end: bytes and headers in, a Call through the pipeline, one write out. */

import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { crc32 } from "node:zlib";
import fastify, { type FastifyError, type FastifyInstance } from "fastify";
import type { Authenticator } from "../auth/authenticator.ts";
import { DynamoDbError } from "../dynamodb/errors.ts";
import { parseObject } from "../dynamodb/json-codec.ts";
import type { Recorder } from "../metrics/outcome.ts";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import { readCacheControl } from "./cache-control.ts";
import type { Call, MaybePromise, Reply } from "./call.ts";
import { checkHost, checkRegion } from "./front-door.ts";
import { HttpCall } from "./http-call.ts";
import { operationOf } from "./operations.ts";
import { cacheHeader, refused } from "./reply.ts";
import { createRequestIds } from "./request-id.ts";
import { SocketCount } from "./socket-count.ts";

export interface HttpServerOptions {
  readonly handle: (call: Call) => MaybePromise<Reply>;
  readonly region: string;
  readonly requestTimeoutMs: number;
  readonly bodyBytesMax: number;
  readonly inFlightMax: number;
  readonly keepAliveMs: number;
  readonly drainMs: number;
  /** True where the listening address is loopback: then the Host header must name it. */
  readonly loopbackOnly: boolean;
  /** Says who calls, and refuses whom it does not know; undefined = every caller is served. */
  readonly authenticator: Authenticator | undefined;
  readonly tls?:
    | { readonly cert: string; readonly key: string; readonly clientCa: string | undefined }
    | undefined;
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly log: Logger;
}

const jsonType = "application/x-amz-json-1.0";
/** Node joins a text with the head to one write, bytes to two; beyond this size copying costs more than it saves. */
const oneWriteBytesMax = 4096;
/** What DynamoDB answers to a request that is none of its protocol. */
const notOurs = Buffer.from("<UnknownOperationException/>\n");
const nothing = Buffer.alloc(0);

export class DynamoHttpServer {
  readonly #options: HttpServerOptions;
  readonly #app: FastifyInstance;
  readonly #requestId = createRequestIds();
  readonly #health: Buffer;
  readonly #sockets = new SocketCount();
  #inFlight = 0;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#health = Buffer.from(`healthy: dynamodb.${options.region}.amazonaws.com `);
    this.#app = this.#build();
    this.#app.server.on("connection", (socket: Socket) => this.#sockets.add(socket));
  }

  /**
   * Starts listening; gives the address that clients use.
   * @param reusePort whether other threads listen at the same address, and the system spreads connections over them
   */
  async start(host: string, port: number, reusePort = false): Promise<string> {
    // Fastify's types do not know reusePort; it hands on what it is given.
    const where = { host, port, reusePort };
    await this.#app.listen(where);
    const address = this.#app.server.address() as AddressInfo;
    const name = address.address.includes(":") ? `[${address.address}]` : address.address;
    return `${this.#options.tls ? "https" : "http"}://${name}:${address.port}`;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** The client connections and what went over them. */
  get sockets(): SocketCount {
    return this.#sockets;
  }

  /** Accepts no more, answers what is under way within drainMs, then closes every connection. */
  async stop(): Promise<void> {
    const patience = setTimeout(() => this.#app.server.closeAllConnections(), this.#options.drainMs);
    await this.#app.close();
    clearTimeout(patience);
  }

  #build(): FastifyInstance {
    const { bodyBytesMax, keepAliveMs, tls } = this.#options;
    const common = {
      bodyLimit: bodyBytesMax,
      keepAliveTimeout: keepAliveMs,
      logger: false,
      forceCloseConnections: "idle",
      // While draining, a request on an open connection is still answered; its reply says that the connection closes.
      return503OnClosing: false,
      exposeHeadRoutes: false,
    } as const;
    const app: FastifyInstance = tls
      ? (fastify({
          ...common,
          https: {
            cert: tls.cert,
            key: tls.key,
            ...(tls.clientCa !== undefined && { ca: tls.clientCa, requestCert: true }),
          },
        }) as unknown as FastifyInstance)
      : fastify(common);
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
    app.get("/", (_request, reply) => {
      this.#send(reply.raw, 200, this.#health, crc32(this.#health));
      reply.hijack();
    });
    app.post("/", (request, reply) => {
      reply.hijack();
      const body = request.body;
      void this.#answer(request.raw, reply.raw, Buffer.isBuffer(body) ? body : Buffer.alloc(0));
    });
    app.setNotFoundHandler((_request, reply) => {
      reply.hijack();
      this.#send(reply.raw, 404, notOurs, crc32(notOurs));
    });
    app.setErrorHandler((error: FastifyError, _request, reply) => {
      reply.hijack();
      // DynamoDB answers a body over 16 MiB with an empty 413 and closes the connection.
      if (error.code === "FST_ERR_CTP_BODY_TOO_LARGE") {
        reply.raw.setHeader("connection", "close");
        return this.#send(reply.raw, 413, nothing, 0);
      }
      this.#options.log.debug({ error }, "a request that could not be read");
      return this.#send(reply.raw, 400, notOurs, crc32(notOurs));
    });
    return app;
  }

  async #answer(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
    const { clock, recorder, log } = this.#options;
    const startedAtMs = clock.nowMs();
    const target = header(request, "x-amz-target") ?? "";
    const known = operationOf(target);
    this.#inFlight += 1;
    try {
      const type = header(request, "content-type")?.split(";", 1)[0]?.trim();
      if (type !== jsonType && type !== "application/json") {
        this.#send(response, 404, notOurs, crc32(notOurs));
        return;
      }
      const reply = this.#reply(request, response, target, known, body, startedAtMs);
      const done = reply instanceof Promise ? await reply : reply;
      this.#sendReply(response, done, type);
      const durationMs = clock.nowMs() - startedAtMs;
      const operation = known?.operation ?? "";
      const { table, outcome, reason, tier, error } = done;
      const status = response.destroyed && !response.writableFinished ? 0 : done.status;
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
      if (log.isEnabled("debug")) {
        log.debug(
          { operation, table, cache: cacheHeader(done), status, durationMs, error: error?.name },
          "request",
        );
      }
    } catch (error) {
      log.error({ error, target }, "a bug: no reply could be made");
      const bug = refused(
        new DynamoDbError("InternalServerError", "A bug in dynatier; its log says more."),
        "pass",
      );
      this.#sendReply(response, bug, jsonType);
      const durationMs = clock.nowMs() - startedAtMs;
      recorder.call({
        operation: known?.operation ?? "",
        table: "",
        outcome: "pass",
        status: 500,
        durationMs,
        error: "InternalServerError",
        errorOrigin: "proxy",
      });
    } finally {
      this.#inFlight -= 1;
    }
  }

  #reply(
    request: IncomingMessage,
    response: ServerResponse,
    target: string,
    known: ReturnType<typeof operationOf>,
    body: Buffer,
    startedAtMs: number,
  ): MaybePromise<Reply> {
    const { region, loopbackOnly, authenticator, inFlightMax, requestTimeoutMs } = this.#options;
    const { method = "", url = "", rawHeaders } = request;
    try {
      if (loopbackOnly) checkHost(request.headers.host);
      if (authenticator === undefined) checkRegion(request.headers.authorization, url, region);
      if (known === undefined) throw new DynamoDbError("UnknownOperationException", unknownTarget(target));
      if (this.#inFlight > inFlightMax) {
        throw new DynamoDbError(
          "ThrottlingException",
          "Too many requests in flight (setting inFlightMax). Try again shortly.",
        );
      }
      authenticator?.authenticate({ method, url, rawHeaders, body });
    } catch (error) {
      if (error instanceof DynamoDbError) return refused(error, "pass");
      throw error;
    }
    const input = known.row.class === "pass" ? undefined : parseObject(body);
    const control = readCacheControl(header(request, "x-dynatier-cache-control"));
    return this.#options.handle(
      new HttpCall(target, known.operation, body, input, startedAtMs + requestTimeoutMs, control, response),
    );
  }

  #sendReply(response: ServerResponse, reply: Reply, type: string): void {
    const { body } = reply;
    const headers: Record<string, string | number> = {
      "content-type": reply.contentType ?? type,
      "content-length": body.byteLength,
      "x-amzn-requestid": reply.requestId ?? this.#requestId(),
      "x-amz-crc32": reply.crc32 ?? crc32(body),
      "x-dynatier-cache": cacheHeader(reply),
    };
    if (this.#closing) headers.connection = "close";
    response.writeHead(reply.status, headers);
    if (body.byteLength <= oneWriteBytesMax) response.end(latin1(body), "latin1");
    else response.end(body);
  }

  #send(response: ServerResponse, status: number, body: Buffer, crc: number): void {
    const headers = {
      "content-length": body.byteLength,
      "x-amzn-requestid": this.#requestId(),
      "x-amz-crc32": crc,
    };
    response.writeHead(status, headers).end(body);
  }

  get #closing(): boolean {
    return !(this.#app.server as HttpServer).listening;
  }
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}

/** The text whose latin1 form is these bytes. */
function latin1(body: Uint8Array): string {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1");
}

function unknownTarget(target: string): string {
  return target === ""
    ? "The request has no X-Amz-Target header."
    : `'${target}' names no operation of DynamoDB or DynamoDB Streams that this version knows.`;
}
