// An admin server on a real socket, and a client that may send any header.
import { type IncomingHttpHeaders, request } from "node:http";
import { InvalidateError, type InvalidateRequest } from "../../src/admin/invalidate-request.ts";
import { type AdminOptions, createAdminServer } from "../../src/admin/server.ts";
import { createMetrics, type Metrics } from "../../src/metrics/registry.ts";
import { createLogger } from "../../src/util/log.ts";

export interface AdminReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface AdminCall {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface RunningAdmin {
  readonly url: string;
  readonly port: number;
  readonly metrics: Metrics;
  /** What invalidate() was asked for, in order. */
  readonly invalidations: InvalidateRequest[];
  readiness: { ready: boolean; reason: string };
  call(path: string, call?: AdminCall): Promise<AdminReply>;
  /** POSTs JSON to /api/invalidate. */
  invalidate(body: unknown): Promise<AdminReply>;
  stop(): Promise<void>;
}

/** One HTTP exchange with a connection of its own. The path is sent as it is spelled. */
export function send(port: number, path: string, call: AdminCall = {}): Promise<AdminReply> {
  const { method = "GET", headers = {}, body } = call;
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", port, path, method, headers, agent: false }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("error", reject);
      incoming.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text });
      });
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** Starts a server whose only table is "orders". */
export async function startAdmin(
  options: Partial<AdminOptions> = {},
  host = "127.0.0.1",
): Promise<RunningAdmin> {
  const metrics = createMetrics({ tablesMax: 10, version: "1.2.3" });
  const invalidations: InvalidateRequest[] = [];
  const readiness = { ready: true, reason: "listening" };
  const server = createAdminServer({
    metrics,
    status: () => ({ version: "1.2.3", ...metrics.snapshot().total }),
    tables: () => metrics.snapshot().tables,
    invalidate: async (asked) => {
      if (asked.kind !== "everything" && asked.table !== "orders") {
        throw new InvalidateError(404, `There is no table ${asked.table}.`);
      }
      invalidations.push(asked);
      return { invalidated: asked.kind };
    },
    ready: () => running.readiness,
    log: createLogger("silent"),
    ...options,
  });
  const { url, port } = await server.start(host, 0);
  const running: RunningAdmin = {
    url,
    port,
    metrics,
    invalidations,
    readiness,
    call: (path, call) => send(port, path, call),
    invalidate: (body) =>
      send(port, "/api/invalidate", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
    async stop() {
      metrics.close();
      await server.stop();
    },
  };
  return running;
}
