/**
 * The upstream of bench/miss.ts: a DynamoDB that has one table and every item in it, and costs next to nothing: it reads off
 * the socket itself and answers GetItem with prepared bytes, after a latency if it is told one.
 */

import { createServer, type Socket } from "node:net";
import { crc32 } from "node:zlib";
import { orderAt, TABLE } from "./data.ts";
import { announce, urlOf } from "./servers/announce.ts";

const latencyMs = Number(process.argv[2] ?? 0);

const description = {
  Table: {
    TableName: TABLE,
    TableArn: `arn:aws:dynamodb:us-east-1:000000000000:table/${TABLE}`,
    TableId: "1",
    TableStatus: "ACTIVE",
    CreationDateTime: 1,
    AttributeDefinitions: ["pk", "sk"].map((AttributeName) => ({ AttributeName, AttributeType: "S" })),
    KeySchema: [
      { AttributeName: "pk", KeyType: "HASH" },
      { AttributeName: "sk", KeyType: "RANGE" },
    ],
  },
};

function reply(body: string): string {
  return [
    "HTTP/1.1 200 OK",
    "Server: Server",
    "Date: Thu, 01 Jan 2026 00:00:00 GMT",
    "Content-Type: application/x-amz-json-1.0",
    `Content-Length: ${body.length}`,
    "Connection: keep-alive",
    `x-amzn-RequestId: ${"BENCH".padEnd(52, "0")}`,
    `x-amz-crc32: ${crc32(body)}`,
    "",
    body,
  ].join("\r\n");
}

const capacity = `{"CapacityUnits":0.5,"TableName":"${TABLE}"}`;
const item = JSON.stringify(orderAt(0));
const described = reply(JSON.stringify(description));
const bare = reply(`{"Item":${item}}`);
const counted = reply(`{"ConsumedCapacity":${capacity},"Item":${item}}`);

function answerTo(head: string, body: string): string {
  if (head.includes(".DescribeTable")) return described;
  return body.includes("ReturnConsumedCapacity") ? counted : bare;
}

/** One request at a time on a socket, as undici sends them with pipelining 1. */
function serve(socket: Socket): void {
  let text = "";
  socket.setNoDelay();
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
    const headEnd = text.indexOf("\r\n\r\n");
    if (headEnd < 0) return;
    const head = text.slice(0, headEnd);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1]);
    if (text.length < headEnd + 4 + length) return;
    const answer = answerTo(head, text.slice(headEnd + 4));
    text = "";
    if (latencyMs === 0) socket.write(answer, "latin1");
    else setTimeout(() => socket.write(answer, "latin1"), latencyMs);
  });
}

const server = createServer(serve);
server.listen(0, "127.0.0.1", () => announce(urlOf(server)));
