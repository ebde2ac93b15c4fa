/** A bare node:http server that does what a cache must do at the least: JSON.parse, a Map look-up, one write. */

import { createServer } from "node:http";
import { crc32 } from "node:zlib";
import { itemsPerPartition, orderAt, partitionKey, TABLE } from "../data.ts";
import { type WorkloadName, workloads } from "../workloads.ts";
import { announce, partitionsArgument, replyHeaders, type Stored, stored, urlOf } from "./announce.ts";

type Key = { readonly pk: { readonly S: string }; readonly sk: { readonly S: string } };

/** The requests of workloads.ts, and no others. */
interface Request {
  readonly Key: Key;
  readonly ExpressionAttributeValues: { readonly ":pk": { readonly S: string } };
  readonly RequestItems: Readonly<Record<string, { readonly Keys: readonly Key[] }>>;
}

const partitions = partitionsArgument();
const { GetItem, Query } = workloads(partitions);
const pages = new Map<string, Stored>();
const items = new Map<string, Stored>();
const itemBytes = new Map<string, Buffer>();
for (let partition = 0; partition < partitions; partition += 1)
  pages.set(partitionKey(partition), stored(Query.reply(partition)));
for (let place = 0; place < partitions * itemsPerPartition; place += 1) {
  const order = orderAt(place);
  items.set(nameOf(order), stored(GetItem.reply(place)));
  itemBytes.set(nameOf(order), Buffer.from(JSON.stringify(order)));
}

function nameOf(key: Key): string {
  return `${key.pk.S}\0${key.sk.S}`;
}

const comma = Buffer.from(",");
const head = Buffer.from(`{"Responses":{${JSON.stringify(TABLE)}:[`);
const tail = Buffer.from(`]},"UnprocessedKeys":{}}`);

function batch(keys: readonly Key[]): Stored {
  const chunks: Buffer[] = [head];
  for (const key of keys) {
    const bytes = itemBytes.get(nameOf(key));
    if (bytes === undefined) continue;
    if (chunks.length > 1) chunks.push(comma);
    chunks.push(bytes);
  }
  chunks.push(tail);
  const body = Buffer.concat(chunks);
  return { body, crc: crc32(body) };
}

const answers: Readonly<Record<WorkloadName, (request: Request) => Stored | undefined>> = {
  GetItem: (request) => items.get(nameOf(request.Key)),
  Query: (request) => pages.get(request.ExpressionAttributeValues[":pk"].S),
  BatchGetItem: (request) => batch(request.RequestItems[TABLE]?.Keys ?? []),
};

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const parsed: Request = JSON.parse(Buffer.concat(chunks).toString());
    const operation = String(request.headers["x-amz-target"]).split(".")[1] as WorkloadName;
    const answer = answers[operation](parsed);
    if (answer === undefined) response.writeHead(404).end();
    else
      response.writeHead(200, replyHeaders(operation, answer.body.byteLength, answer.crc)).end(answer.body);
  });
});
server.listen(0, "127.0.0.1", () => announce(urlOf(server)));
