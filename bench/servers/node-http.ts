/**
 * A bare node:http server over a Map: `node-http.ts <partitions> <upstream>`. It is a baseline for hits, and an upstream that
 * is faster than DynamoDB Local; whatever else it is asked (what a table looks like) the upstream answers.
 */

import { createServer, type IncomingMessage } from "node:http";
import { announce, partitionsArgument, urlOf } from "./announce.ts";
import { answers } from "./answers.ts";

const answer = answers(partitionsArgument());
const upstream = process.argv[3] ?? "";
const neverMs = 3_600_000;

async function askUpstream(request: IncomingMessage, body: Buffer): Promise<Buffer> {
  const { authorization = "", "x-amz-target": target = "" } = request.headers;
  const headers = {
    authorization,
    "x-amz-target": String(target),
    "content-type": "application/x-amz-json-1.0",
    "x-amz-date": String(request.headers["x-amz-date"]),
  };
  return Buffer.from(await (await fetch(upstream, { method: "POST", headers, body })).arrayBuffer());
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", async () => {
    const body = Buffer.concat(chunks);
    const found = answer(String(request.headers["x-amz-target"]), body);
    if (found !== undefined) response.writeHead(200, found.headers).end(found.body);
    else response.end(await askUpstream(request, body));
  });
});
server.keepAliveTimeout = neverMs;
server.listen(0, "127.0.0.1", () => announce(urlOf(server)));
