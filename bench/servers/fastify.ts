/** A bare Fastify handler: the body parsed as a buffer and not looked at, the same reply bytes and headers as a hit. */

import fastify from "fastify";
import { workloads } from "../workloads.ts";
import { announce, partitionsArgument, replyHeaders, stored, urlOf } from "./announce.ts";

// One canned reply for each operation; choosing it is all that the handler does.
const replies = new Map(
  Object.values(workloads(partitionsArgument())).map((workload) => {
    const { body, crc } = stored(workload.reply(0));
    const headers = replyHeaders(workload.operation, body.byteLength, crc);
    return [`DynamoDB_20120810.${workload.operation}`, { body, headers }];
  }),
);

const app = fastify({ logger: false });
app.removeAllContentTypeParsers();
app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
app.post("/", (request, reply) => {
  const canned = replies.get(String(request.headers["x-amz-target"]));
  if (canned === undefined) reply.code(404).send();
  else reply.headers(canned.headers).send(canned.body);
});
await app.listen({ host: "127.0.0.1", port: 0 });
announce(urlOf(app.server));
