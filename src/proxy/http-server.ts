/** The HTTP front end: the fast lane, and behind it Fastify on Node's HTTP server for all that the lane gives on. */

import type { IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import fastify, { type FastifyError, type FastifyInstance } from "fastify";
import { type AnswerOptions, Answers, jsonType, type RequestParts } from "./answers.ts";
import { FastLane } from "./fast-lane.ts";
import { HttpClient, type ReplyContext } from "./http-client.ts";
import { createRequestIds } from "./request-id.ts";
import { SocketCount } from "./socket-count.ts";

export interface HttpServerOptions extends AnswerOptions {
  readonly bodyBytesMax: number;
  readonly keepAliveMs: number;
  readonly drainMs: number;
  /** False: Node's HTTP server answers everything. */
  readonly fastLane: boolean;
  readonly tls?:
    | { readonly cert: string; readonly key: string; readonly clientCa: string | undefined }
    | undefined;
}

/** How long a client may take to send one request; Node's own default, which Fastify would turn off. */
const requestArrivalMsMax = 300_000;
/** What DynamoDB answers to a request that is none of its protocol. */
const notOurs = Buffer.from("<UnknownOperationException/>\n");
const nothing = Buffer.alloc(0);

export class DynamoHttpServer {
  readonly #options: HttpServerOptions;
  readonly #answers: Answers;
  readonly #app: FastifyInstance;
  readonly #lane: FastLane | undefined;
  readonly #context: ReplyContext;
  readonly #health: Buffer;
  readonly #sockets = new SocketCount();

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#answers = new Answers(options);
    this.#context = { requestId: createRequestIds(), isClosing: () => !this.#app.server.listening };
    this.#health = Buffer.from(`healthy: dynamodb.${options.region}.amazonaws.com `);
    this.#app = this.#build();
    if (options.fastLane) {
      const { bodyBytesMax, keepAliveMs } = options;
      const answer = this.#answers.answer.bind(this.#answers);
      const { requestId } = this.#context;
      this.#lane = new FastLane({ answer, requestId, bodyBytesMax, keepAliveMs });
      this.#lane.install(this.#app.server);
    }
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
    return this.#answers.inFlight;
  }

  /** The client connections and what went over them. */
  get sockets(): SocketCount {
    return this.#sockets;
  }

  /** Accepts no more, answers what is under way within drainMs, then closes every connection. */
  async stop(): Promise<void> {
    const patience = setTimeout(() => {
      this.#app.server.closeAllConnections();
      this.#lane?.closeAll();
    }, this.#options.drainMs);
    this.#lane?.drain();
    await this.#app.close();
    this.#lane?.closeAll();
    clearTimeout(patience);
  }

  #build(): FastifyInstance {
    const { bodyBytesMax, keepAliveMs, tls } = this.#options;
    const common = {
      bodyLimit: bodyBytesMax,
      keepAliveTimeout: keepAliveMs,
      requestTimeout: requestArrivalMsMax,
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
      reply.hijack();
      new HttpClient(reply.raw, this.#context).sendBare(200, this.#health);
    });
    app.post("/", (request, reply) => {
      reply.hijack();
      const body = Buffer.isBuffer(request.body) ? request.body : nothing;
      const client = new HttpClient(reply.raw, this.#context);
      const type = header(request.raw, "content-type")?.split(";", 1)[0]?.trim();
      if (type !== jsonType && type !== "application/json") client.sendBare(404, notOurs);
      else this.#answers.answer(partsOf(request.raw, body), type, client);
    });
    app.setNotFoundHandler((_request, reply) => {
      reply.hijack();
      new HttpClient(reply.raw, this.#context).sendBare(404, notOurs);
    });
    app.setErrorHandler((error: FastifyError, _request, reply) => {
      reply.hijack();
      const client = new HttpClient(reply.raw, this.#context);
      // DynamoDB answers a body over 16 MiB with an empty 413 and closes the connection.
      if (error.code === "FST_ERR_CTP_BODY_TOO_LARGE") {
        reply.raw.setHeader("connection", "close");
        return client.sendBare(413, nothing);
      }
      this.#options.log.debug({ error }, "a request that could not be read");
      return client.sendBare(400, notOurs);
    });
    return app;
  }
}

function partsOf(request: IncomingMessage, body: Buffer): RequestParts {
  return {
    target: header(request, "x-amz-target") ?? "",
    url: request.url ?? "",
    host: request.headers.host,
    authorization: request.headers.authorization,
    rawHeaders: request.rawHeaders,
    cacheControl: header(request, "x-dynatier-cache-control"),
    body,
  };
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}
