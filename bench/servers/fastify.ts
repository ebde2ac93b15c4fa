/** A bare Fastify handler over the same Map as the bare node:http server's. */

import fastify from "fastify";
import { announce, partitionsArgument, urlOf } from "./announce.ts";
import { answers } from "./answers.ts";

const answer = answers(partitionsArgument());

const app = fastify({ logger: false });
app.removeAllContentTypeParsers();
app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
app.post<{ Body: Buffer }>("/", (request, reply) => {
  const found = answer(String(request.headers["x-amz-target"]), request.body);
  if (found === undefined) reply.code(404).send();
  else reply.headers(found.headers).send(found.body);
});
await app.listen({ host: "127.0.0.1", port: 0 });
announce(urlOf(app.server));
