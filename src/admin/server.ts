/** The admin endpoints: metrics, health, state and invalidation, on a port of their own. */
import type { AddressInfo } from "node:net";
import {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
} from "fastify";
import { isLoopbackHost } from "../config/loopback.ts";
import type { Logger } from "../util/log.ts";
import { bearsToken, isJsonContentType, isLoopbackHostHeader, securityHeaders } from "./guard.ts";
import { type Endpoint, homePage } from "./home-page.ts";
import { InvalidateError, type InvalidateRequest, readInvalidateRequest } from "./invalidate-request.ts";

export interface AdminOptions {
  readonly metrics: { render(): Promise<string>; readonly contentType: string };
  /** GET /api/status, as JSON. */
  status(): object | Promise<object>;
  /** GET /api/tables: one object a table. */
  tables(): readonly object[] | Promise<readonly object[]>;
  /** Carries out an invalidation; throws an InvalidateError for an unknown table or a key that is not its. */
  invalidate(request: InvalidateRequest): Promise<{ readonly invalidated: string }>;
  /** Whether calls should be sent here, and why (not). */
  ready(): { readonly ready: boolean; readonly reason: string };
  readonly log: Logger;
  /** Required of every request but the health checks, if set. Must be set to listen beyond loopback. */
  readonly adminToken?: string | undefined;
  /** Largest request body; the longest key in JSON fits. */
  readonly bodyBytesMax?: number;
  /** Open connections; further ones are closed at once. */
  readonly connectionsMax?: number;
}

/** Where a server really listens: `port` is the one the system chose if 0 was asked for. */
export interface AdminAddress {
  readonly host: string;
  readonly port: number;
  readonly url: string;
}

export interface AdminServer {
  /** Listens. Throws if the address is taken, or if it is not loopback and there is no token. */
  start(host: string, port: number): Promise<AdminAddress>;
  /** Finishes what is being answered, then closes. */
  stop(): Promise<void>;
}

interface Route extends Endpoint {
  /** Answered without the token: orchestrators have none. */
  readonly open?: boolean;
  answer(request: FastifyRequest, reply: FastifyReply): unknown;
}

const bodyBytesMaxDefault = 65_536;
const connectionsMaxDefault = 128;
/** Time for a whole request to arrive. */
const requestTimeoutMs = 10_000;

function routesOf(options: AdminOptions): readonly Route[] {
  const routes: readonly Route[] = [
    {
      method: "GET",
      url: "/metrics",
      purpose: "metrics in Prometheus' text format",
      answer: async (_request, reply) => {
        const text = await options.metrics.render();
        return reply.type(options.metrics.contentType).send(text);
      },
    },
    {
      method: "GET",
      url: "/livez",
      purpose: "200 while the process answers at all",
      open: true,
      answer: () => ({ live: true }),
    },
    {
      method: "GET",
      url: "/readyz",
      purpose: "200 if calls should be sent here, 503 and the reason if not",
      open: true,
      answer: (_request, reply) => {
        const { ready, reason } = options.ready();
        return reply.code(ready ? 200 : 503).send({ ready, reason });
      },
    },
    { method: "GET", url: "/api/status", purpose: "state of this node", answer: () => options.status() },
    { method: "GET", url: "/api/tables", purpose: "figures of each table", answer: () => options.tables() },
    {
      method: "POST",
      url: "/api/invalidate",
      purpose: "drops an item, a partition, a table or everything from the cache",
      answer: (request) => options.invalidate(readInvalidateRequest(request.body)),
    },
  ];
  const home: Route = {
    method: "GET",
    url: "/",
    purpose: "this page",
    answer: (_request, reply) => reply.type("text/html; charset=utf-8").send(homePage(routes)),
  };
  return [...routes, home];
}

function refuse(reply: FastifyReply, status: number, error: string): FastifyReply {
  return reply.code(status).headers(securityHeaders).type("application/json; charset=utf-8").send({ error });
}

/** What a failed request is answered with. Only errors of the request itself tell their message. */
function answerFailure(
  error: FastifyError | InvalidateError,
  reply: FastifyReply,
  log: Logger,
): FastifyReply {
  if (error instanceof InvalidateError) return refuse(reply, error.status, error.message);
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) return refuse(reply, status, error.message);
  log.error({ error, url: reply.request.url }, "an admin request failed");
  return refuse(reply, 500, "This is a bug in dynatier; its log has the details.");
}

function listensOnLoopback(app: FastifyInstance): boolean {
  return isLoopbackHost((app.server.address() as AddressInfo | null)?.address ?? "");
}

/** Checks every request, known or not, before its body is read. */
function guard(app: FastifyInstance, routes: readonly Route[], adminToken: string | undefined): void {
  const open = new Set(routes.filter((route) => route.open).map((route) => route.url));
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(securityHeaders);
    if (listensOnLoopback(app) && !isLoopbackHostHeader(request.headers.host)) {
      return refuse(reply, 403, "The Host header must name this machine: localhost, 127.0.0.1 or [::1].");
    }
    // The route that was found, not the URL as it was spelled.
    const url = request.routeOptions.url;
    const needsToken = adminToken !== undefined && (url === undefined || !open.has(url));
    if (needsToken && !bearsToken(request.headers.authorization, adminToken)) {
      reply.header("www-authenticate", 'Bearer realm="dynatier admin"');
      return refuse(reply, 401, "Send the admin token: Authorization: Bearer TOKEN.");
    }
    const posts = request.method === "POST" && url !== undefined;
    if (posts && !isJsonContentType(request.headers["content-type"])) {
      return refuse(reply, 415, "Send the body with content-type: application/json.");
    }
    return undefined;
  });
}

function readJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(/^application\/json/i, { parseAs: "buffer" }, (_request, body, done) => {
    try {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(body as Buffer);
      done(null, JSON.parse(text));
    } catch {
      done(new InvalidateError(400, "The body is not valid JSON in UTF-8."));
    }
  });
}

/** Builds the server; nothing listens before start(). Throws if `adminToken` is an empty string. */
export function createAdminServer(options: AdminOptions): AdminServer {
  const { adminToken, log } = options;
  if (adminToken === "") throw new RangeError("adminToken must not be empty; leave it out to ask for none.");
  const app = fastify({
    bodyLimit: options.bodyBytesMax ?? bodyBytesMaxDefault,
    requestTimeout: requestTimeoutMs,
    frameworkErrors: (error, _request, reply) => refuse(reply, error.statusCode ?? 400, error.message),
  });
  app.server.maxConnections = options.connectionsMax ?? connectionsMaxDefault;
  const routes = routesOf(options);
  guard(app, routes, adminToken);
  readJsonBodies(app);
  app.setErrorHandler<FastifyError>((error, _request, reply) => answerFailure(error, reply, log));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?", 1)[0];
    const others = routes.filter((route) => route.url === path).map((route) => route.method);
    if (others.length === 0) return refuse(reply, 404, `There is no ${path}; GET / lists what there is.`);
    return refuse(reply.header("allow", others.join(", ")), 405, `${path} takes ${others.join(" or ")}.`);
  });
  for (const { method, url, answer } of routes) {
    app.route({ method, url, handler: async (request, reply) => answer(request, reply) });
  }
  return {
    async start(host, port) {
      if (adminToken === undefined && !isLoopbackHost(host)) {
        throw new Error(`The admin endpoints may listen on ${host} only with an adminToken.`);
      }
      await app.listen({ host, port });
      const { address, family, port: actual } = app.server.address() as AddressInfo;
      return {
        host: address,
        port: actual,
        url: `http://${family === "IPv6" ? `[${address}]` : address}:${actual}`,
      };
    },
    stop: () => app.close(),
  };
}
