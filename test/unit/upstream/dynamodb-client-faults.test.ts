// The upstream client when things go wrong: what is sent again, what never is, and what is said of the
// outcome.

import { createServer, type Server, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, expect, inject, test } from "vitest";
import { createDynamoDbClient, type DynamoDbClientOptions } from "../../../src/upstream/dynamodb-client.ts";
import type { UpstreamRequest } from "../../../src/upstream/upstream.ts";
import { systemClock } from "../../../src/util/clock.ts";
import { type CountingUpstream, startCountingUpstream } from "../../support/counting-upstream.ts";
import { INTERNAL_ERROR, THROTTLED } from "../../support/faults.ts";
import { testTables } from "../../support/tables.ts";

const direct = inject("dynamoDbLocalUrl");
const tables = testTables(direct);
let counting: CountingUpstream;
let TableName: string;

beforeAll(async () => {
  TableName = await tables.create();
});
afterAll(() => tables.deleteAll());

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const recorded: string[] = [];
async function client(options: Partial<DynamoDbClientOptions> = {}) {
  counting = await startCountingUpstream(direct);
  closers.push(() => counting.close());
  recorded.length = 0;
  const recorder = {
    upstream: (operation: string, result: string, durationMs: number) =>
      void recorded.push(`${operation} ${durationMs >= 0 ? result : "negative"}`),
    upstreamRetry: (operation: string) => void recorded.push(`${operation} again`),
  };
  const made = createDynamoDbClient({ upstream: counting.url, region: "us-east-1", recorder, ...options });
  closers.push(() => made.close());
  return made;
}

function read(more: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return sending("GetItem", { TableName, Key: { pk: { S: "a" } } }, { idempotent: true, ...more });
}
function write(more: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return sending("PutItem", { TableName, Item: { pk: { S: "a" } } }, { idempotent: false, ...more });
}
function sending(operation: string, input: object, more: Partial<UpstreamRequest>): UpstreamRequest {
  return {
    target: `DynamoDB_20120810.${operation}`,
    body: Buffer.from(JSON.stringify(input)),
    idempotent: true,
    deadlineAtMs: systemClock.nowMs() + 5_000,
    ...more,
  };
}
const soon = (ms: number) => ({ deadlineAtMs: systemClock.nowMs() + ms });

async function listening(server: Server, scheme = "http"): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  closers.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return `${scheme}://127.0.0.1:${address.port}`;
}

test("a lost reply: a read is sent again on a new connection, a write never", async () => {
  const upstream = await client();
  counting.inject("GetItem", { drop: "after", times: 1 });
  expect((await upstream.send(read())).status).toBe(200);
  expect(counting.requests.map((r) => r.socket)).toEqual([1, 2]);
  expect(recorded).toEqual(["GetItem reset", "GetItem again", "GetItem ok"]);
  counting.inject("PutItem", { drop: "after", times: 1 });
  await expect(upstream.send(write())).rejects.toMatchObject({ kind: "reset", outcome: "unknown" });
  counting.inject("PutItem", { drop: "before", times: 1 });
  await expect(upstream.send(write())).rejects.toMatchObject({ kind: "reset", outcome: "unknown" });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(counting.count("PutItem")).toBe(2);
});

test("a reply that breaks off is a lost reply", async () => {
  let requests = 0;
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      requests += 1;
      socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{");
    });
  });
  const upstream = await client({ upstream: await listening(server) });
  await expect(upstream.send(write())).rejects.toMatchObject({ kind: "reset", outcome: "unknown" });
  expect(requests).toBe(1);
  await expect(upstream.send(read())).rejects.toMatchObject({ kind: "reset", outcome: "unknown" });
  expect(requests).toBe(3);
});

test("refused, unknown name, TLS failure, TLS silence: nothing can have happened", async () => {
  const upstream = await client();
  await counting.down();
  await expect(upstream.send(write())).rejects.toMatchObject({ kind: "refused", outcome: "none" });
  expect(recorded).toEqual(["PutItem refused"]);
  await expect(upstream.send(read())).rejects.toMatchObject({ kind: "refused", outcome: "none" });
  expect(recorded.slice(1)).toEqual(["GetItem refused", "GetItem again", "GetItem refused"]);

  const nowhere = await client({ upstream: "http://dynamodb.invalid" });
  await expect(nowhere.send(write())).rejects.toMatchObject({ kind: "refused", outcome: "none" });

  const plain = createServer((socket) => {
    socket.on("error", () => {});
    socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  const noTls = await client({ upstream: await listening(plain, "https") });
  await expect(noTls.send(write())).rejects.toMatchObject({ kind: "refused", outcome: "none" });

  const silent = createServer((socket) => socket.on("error", () => {}).resume());
  const tlsSilence = { upstream: await listening(silent, "https"), connectTimeoutMs: 300 };
  const waiting = await client(tlsSilence);
  await expect(waiting.send(write(soon(100)))).rejects.toMatchObject({ kind: "timeout", outcome: "none" });
  await expect(waiting.send(write())).rejects.toMatchObject({ kind: "timeout", outcome: "none" });
});

test("a refused read succeeds if the upstream is back within the retry", async () => {
  const upstream = await client({ random: () => 0.99 });
  await counting.down();
  const reply = upstream.send(read());
  await expect.poll(() => recorded, { interval: 1 }).toContain("GetItem refused");
  await counting.up();
  expect((await reply).status).toBe(200);
});

test("sockets that died while idle fail no read: closed, reset, or dead only when used", async () => {
  const upstream = await client();
  const round = () => Promise.all(Array.from({ length: 8 }, () => upstream.send(read())));
  for (const how of ["end", "reset", "end", "reset"] as const) {
    await round();
    const all = round(); // Begun before our side can have noticed.
    counting.closeIdleSockets(how);
    expect((await all).every((reply) => reply.status === 200)).toBe(true);
    expect(counting.closeIdleSockets(how)).toBeGreaterThan(0);
    expect((await round()).every((reply) => reply.status === 200)).toBe(true);
  }
});

test("sockets that died silently: every read gets through on a new one, no write is sent twice", async () => {
  let forgotten = false;
  const known = new Set<Socket>();
  const served: string[] = [];
  const server = createServer((socket) => {
    const old = !forgotten;
    known.add(socket);
    socket.on("error", () => {});
    socket.on("data", (data) => {
      // As a load balancer that lost its table: no word until the next packet, and then a reset.
      if (old && forgotten) return void socket.resetAndDestroy();
      served.push(/x-amz-target: (\S+)/.exec(data.toString())?.[1] ?? "");
      setTimeout(() => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"), 20);
    });
  });
  const upstream = await client({ upstream: await listening(server) });
  await Promise.all(Array.from({ length: 6 }, () => upstream.send(read())));
  expect(known.size).toBe(6);
  await new Promise((resolve) => setTimeout(resolve, 20)); // Now all six are idle, and will be used again.
  forgotten = true;
  await expect(upstream.send(write())).rejects.toMatchObject({ kind: "reset", outcome: "unknown" });
  // Alone: five dead sockets wait for its second attempt.
  expect((await upstream.send(read())).status).toBe(200);
  const replies = await Promise.all(Array.from({ length: 6 }, () => upstream.send(read())));
  expect(replies.every((reply) => reply.status === 200)).toBe(true);
  expect(served).toEqual(Array(13).fill("DynamoDB_20120810.GetItem"));
});

test("the retry never takes another idle socket: that one may be dead too", async () => {
  const order: Socket[] = [];
  let warm = true;
  const server = createServer((socket) => {
    const old = warm;
    const answer = () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    socket
      .on("error", () => {})
      .on("data", () => {
        if (warm) return void setTimeout(answer, 20);
        order.push(socket);
        if (order.length === 1) return void setTimeout(answer, 30); // Served; its socket is dead after it.
        if (old) return void setTimeout(() => socket.resetAndDestroy(), order.length === 2 ? 90 : 0);
        answer();
      });
  });
  const upstream = await client({ upstream: await listening(server) });
  await Promise.all([upstream.send(read()), upstream.send(read())]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  warm = false;
  const replies = await Promise.all([upstream.send(read()), upstream.send(read())]);
  expect(replies.map((reply) => reply.status)).toEqual([200, 200]);
  expect(new Set(order).size).toBe(3);
});

test("5xx: a read is sent again, a write is not; 4xx never", async () => {
  const upstream = await client();
  counting.inject("GetItem", { reply: INTERNAL_ERROR, times: 1 });
  expect(await upstream.send(read())).toMatchObject({ status: 200, earlierUnknown: true });
  counting.inject("PutItem", { reply: INTERNAL_ERROR, times: 1 });
  const failed = await upstream.send(write());
  expect(failed.status).toBe(500);
  expect(failed.earlierUnknown).toBeUndefined();
  counting.inject("GetItem", { reply: THROTTLED, times: 1 });
  expect((await upstream.send(read())).status).toBe(400);
  expect([counting.count("GetItem"), counting.count("PutItem")]).toEqual([3, 1]);
  counting.inject("GetItem", { reply: INTERNAL_ERROR });
  expect((await upstream.send(read())).status).toBe(500);
  expect(counting.count("GetItem")).toBe(5);
});

test("an idempotent write that was lost once stays uncertain, whatever the second attempt says", async () => {
  const upstream = await client();
  counting.inject("PutItem", { drop: "after", times: 1 });
  counting.inject("PutItem", { reply: THROTTLED, times: 1 });
  const again = await upstream.send(write({ idempotent: true }));
  expect(again).toMatchObject({ status: 400, earlierUnknown: true });
  const held = counting.hold("PutItem");
  const lost = upstream.send(write({ idempotent: true }));
  await held.arrived;
  await counting.down(); // Resets the first attempt, and refuses the second.
  await expect(lost).rejects.toMatchObject({ kind: "refused", outcome: "unknown" });
});

test("a 5xx is handed on if the second attempt gets no reply", async () => {
  const upstream = await client();
  counting.inject("GetItem", { reply: INTERNAL_ERROR, times: 1 });
  counting.inject("GetItem", { drop: "after", times: 1 });
  expect(await upstream.send(read())).toMatchObject({ status: 500, earlierUnknown: true });
});

test("the deadline: unknown once sent, none while waiting for a socket; no retry after it", async () => {
  const upstream = await client({ connectionsMax: 1 });
  const held = counting.hold("PutItem", "before");
  const sent = upstream.send(write(soon(300)));
  await held.arrived;
  const waiting = upstream.send(read(soon(100)));
  await expect(waiting).rejects.toMatchObject({ kind: "timeout", outcome: "none" });
  await expect(sent).rejects.toMatchObject({ kind: "timeout", outcome: "unknown" });
  expect(recorded).toEqual(["PutItem timeout"]);
  held.release();
  expect((await upstream.send(read())).status).toBe(200); // The slot is free again.
  expect([counting.count("PutItem"), counting.count("GetItem")]).toEqual([1, 1]);
  await expect(upstream.send(read(soon(-1)))).rejects.toMatchObject({ kind: "timeout", outcome: "none" });
});

test("an abort: before sending none, after it unknown; in the queue it makes room", async () => {
  const upstream = await client({ connectionsMax: 1, queuedMax: 1 });
  const early = AbortSignal.abort();
  await expect(upstream.send(read({ signal: early }))).rejects.toMatchObject({
    kind: "aborted",
    outcome: "none",
  });
  const held = counting.hold("GetItem");
  const [first, second] = [new AbortController(), new AbortController()];
  const sent = upstream.send(read({ signal: first.signal }));
  await held.arrived;
  const queued = upstream.send(read({ signal: second.signal }));
  second.abort();
  await expect(queued).rejects.toMatchObject({ kind: "aborted", outcome: "none" });
  expect(upstream.stats()).toEqual({ inFlight: 1, queued: 0 });
  first.abort();
  await expect(sent).rejects.toMatchObject({ kind: "aborted", outcome: "unknown" });
  held.release();
  expect(counting.count()).toBe(1);
});

test("a full queue refuses at once, and nothing was sent", async () => {
  const upstream = await client({ connectionsMax: 2, queuedMax: 3 });
  const held = counting.hold("GetItem");
  const admitted = Array.from({ length: 5 }, () => upstream.send(read()));
  await expect.poll(() => held.waiting()).toBe(2);
  expect(upstream.stats()).toEqual({ inFlight: 2, queued: 3 });
  await expect(upstream.send(write())).rejects.toMatchObject({ kind: "overload", outcome: "none" });
  held.release();
  expect((await Promise.all(admitted)).every((reply) => reply.status === 200)).toBe(true);
  expect(counting.count()).toBe(5);
});

test("closing turns the queue away and lets finish what was sent", async () => {
  const upstream = await client({ connectionsMax: 1 });
  const held = counting.hold("PutItem");
  const sent = upstream.send(write());
  await held.arrived;
  const queued = upstream.send(write());
  const closed = upstream.close();
  await expect(queued).rejects.toMatchObject({ kind: "aborted", outcome: "none" });
  await expect(upstream.send(read())).rejects.toMatchObject({ kind: "aborted", outcome: "none" });
  held.release();
  expect((await sent).status).toBe(200);
  await closed;
  expect(counting.count()).toBe(1);
});
