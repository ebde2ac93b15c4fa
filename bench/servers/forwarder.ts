/** A plain forwarder: `forwarder.ts <connections> <upstream>`. Body in, undici, body out; what a pass-through costs at least. */

import { createServer } from "node:http";
import { Pool } from "undici";
import { announce, urlOf } from "./announce.ts";

const [connections = 1, upstream = ""] = [Number(process.argv[2]), process.argv[3]];
const pool = new Pool(upstream, { connections });
const neverMs = 3_600_000;
/** The connection's own. */
const hopByHop = /^(host|connection|keep-alive|transfer-encoding|content-length)$/;

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", async () => {
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => !hopByHop.test(name)),
    );
    const reply = await pool.request({ path: "/", method: "POST", headers, body: Buffer.concat(chunks) });
    const body = Buffer.from(await reply.body.arrayBuffer());
    const back = Object.entries(reply.headers).filter(([name]) => !hopByHop.test(name));
    response.writeHead(reply.statusCode, { ...Object.fromEntries(back), "content-length": body.byteLength });
    response.end(body);
  });
});
server.keepAliveTimeout = neverMs;
server.listen(0, "127.0.0.1", () => announce(urlOf(server)));
