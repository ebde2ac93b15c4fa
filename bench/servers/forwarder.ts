/**
 * The least that any proxy for misses has to do: a node:http server that hands bytes to an undici pool and bytes back. No
 * signature, no look into either body, no deadline, no retry. What dynatier costs beyond it is dynatier's own.
 */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Pool } from "undici";
import { announce, urlOf } from "./announce.ts";

const [, , connections, upstream] = process.argv;
if (upstream === undefined) throw new Error("usage: <connections upstream> <upstream's URL>");
const pool = new Pool(upstream, { connections: Number(connections), pipelining: 1 });
/** Connections that wait for other rows to be measured stay open. */
const neverMs = 3_600_000;

/** Hop by hop (RFC 9110, 7.6.1), or the pool's own to write. */
const notForwarded = new Set(["host", "connection", "keep-alive", "content-length", "transfer-encoding"]);

function forwarded(headers: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2)
    if (!notForwarded.has(headers[at]!.toLowerCase())) kept.push(headers[at]!, headers[at + 1]!);
  return kept;
}

async function forward(incoming: IncomingMessage, body: Buffer, outgoing: ServerResponse): Promise<void> {
  const reply = await pool.request({
    method: "POST",
    path: "/",
    headers: forwarded(incoming.rawHeaders),
    body,
  });
  const bytes = Buffer.from(await reply.body.arrayBuffer());
  const { connection: _, "transfer-encoding": __, ...headers } = reply.headers;
  outgoing.writeHead(reply.statusCode, { ...headers, "content-length": bytes.byteLength });
  outgoing.end(bytes);
}

const server = createServer((incoming, outgoing) => {
  const chunks: Buffer[] = [];
  incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
  incoming.on("end", () => {
    forward(incoming, Buffer.concat(chunks), outgoing).catch(() => outgoing.writeHead(502).end());
  });
});
server.keepAliveTimeout = neverMs;
server.listen(0, "127.0.0.1", () => announce(urlOf(server)));
