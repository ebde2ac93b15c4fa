/** One HTTP call over node:http or node:https, timed: what the commands need and no more. */
import { type Agent, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";

/** Replies of the admin and DynamoDB endpoints are at most a page (1 MB of items) or a metrics list. */
const REPLY_BYTES_MAX = 32 * 1024 * 1024;

export interface HttpCallOptions {
  readonly method: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
  /** Keeps connections open between calls. */
  readonly agent?: Agent;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly tookMs: number;
}

/** Sends one call and reads the whole reply; rejects on a broken connection or when the time is up. */
export function httpCall(url: URL, options: HttpCallOptions): Promise<HttpReply> {
  const { method, headers = {}, body = "", timeoutMs, agent } = options;
  const began = performance.now();
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const call = send(url, {
      method,
      headers: { ...headers, "content-length": Buffer.byteLength(body) },
      signal: AbortSignal.timeout(timeoutMs),
      ...(agent && { agent }),
    });
    call.on("error", reject);
    call.on("response", (reply) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      reply.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > REPLY_BYTES_MAX)
          reply.destroy(new Error(`the reply is larger than ${REPLY_BYTES_MAX} bytes`));
        else chunks.push(chunk);
      });
      reply.on("error", reject);
      reply.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        const tookMs = performance.now() - began;
        resolve({ status: reply.statusCode ?? 0, headers: reply.headers, text, tookMs });
      });
    });
    call.end(body);
  });
}

/**
 * The same address as a client on this machine must write it: "all addresses" is a place to listen, not to
 * call.
 */
export function reachable(address: string): URL {
  const url = new URL(address);
  if (url.hostname === "0.0.0.0") url.hostname = "127.0.0.1";
  if (url.hostname === "[::]") url.hostname = "[::1]";
  return url;
}
