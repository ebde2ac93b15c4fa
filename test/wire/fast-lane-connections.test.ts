// Clients that are slow, stop, leave, do not read, or send on without waiting, and a server that stops under them: what
// the fast lane keeps of each is bounded, and every connection ends.

import { expect, it } from "vitest";
import { DynamoDbError } from "../../src/dynamodb/errors.ts";
import { laneBodyBytesMax } from "../../src/proxy/fast-lane.ts";
import { ours, refused } from "../../src/proxy/reply.ts";
import { until } from "../support/bench.ts";
import { startLane } from "../support/laned-server.ts";

const type = "application/x-amz-json-1.0";
const text = (content: string) => ours(Buffer.from(content), "hit");

it("a request that does not arrive in time is refused, however slowly it comes", async () => {
  const { lane, open, post } = await startLane({ arrivalMs: 300 });
  const request = post("x".repeat(1000));
  const headEnd = request.indexOf("\r\n\r\n") + 4;
  for (const begun of ["", "POST", request.slice(0, 40), request.slice(0, headEnd), request.slice(0, -1)]) {
    const raw = await open();
    raw.send(begun);
    await raw.closed();
    expect(raw.statuses).toEqual(["408"]);
  }
  const dripping = await open();
  dripping.send(request.slice(0, headEnd));
  let at = headEnd;
  const drip = setInterval(() => dripping.send(request.charAt(at++)), 10);
  await dripping.closed();
  clearInterval(drip);
  expect(dripping.statuses).toEqual(["408"]);
  expect(lane.heard).toEqual([]);
});

it("a body in very many pieces is heard whole", async () => {
  const { lane, open, post } = await startLane();
  lane.atOnce = Buffer.from("{}");
  const body = Array.from({ length: 6000 }, (_, at) => String(at % 10)).join("");
  const request = post(body);
  const raw = await open();
  const headEnd = request.indexOf("\r\n\r\n") + 4;
  raw.send(request.slice(0, headEnd));
  for (let at = headEnd; at < request.length; at += 7) {
    raw.send(request.slice(at, at + 7));
    if (at % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await raw.replies(1)).toEqual(["200"]);
  expect(lane.heard[0]?.body).toBe(body);
});

it("a head in very many pieces is Node's", async () => {
  const { lane, open, post } = await startLane();
  const raw = await open();
  for (const byte of post("{}")) {
    raw.send(byte);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(await raw.replies(1)).toEqual(["200"]);
  expect(raw.received).toContain("node POST");
  expect(lane.heard).toEqual([]);
});

it("a client that ends its side between requests is let go; one that waits for an answer has left", async () => {
  const { lane, open, post } = await startLane();
  const idle = await open();
  idle.socket.end();
  await idle.closed();
  const waiting = await open();
  waiting.socket.end(post("1"));
  const { client } = await lane.request(1);
  let hasLeft = 0;
  client.onLeave(() => {
    hasLeft += 1;
  });
  await waiting.closed();
  expect([hasLeft, client.hasLeft]).toEqual([1, true]);
  client.send(text("too late"), type);
  await until(
    () => lane.lane.open,
    (open) => open === 0,
  );
});

it("a client that breaks off while it waits has left, also for one who asks later", async () => {
  const { lane, open, post } = await startLane();
  const raw = await open();
  raw.send(post("1"));
  const { client } = await lane.request(1);
  raw.socket.resetAndDestroy();
  await until(
    () => client.hasLeft,
    (hasLeft) => hasLeft,
  );
  let told = 0;
  client.onLeave(() => {
    told += 1;
  });
  expect(told).toBe(1);
  client.send(text("too late"), type);
});

it("pipelined requests wait their turn and are answered in order; what is read ahead is bounded", async () => {
  const { lane, open, post } = await startLane();
  const count = 300;
  const raw = await open();
  for (let at = 0; at < count; at += 1) raw.send(post(`${at}`.padEnd(5000)));
  const { client } = await lane.request(1);
  await until(
    () => lane.sockets[0]?.isPaused(),
    (isPaused) => isPaused === true,
  );
  expect(lane.sockets[0]!.bytesRead).toBeLessThan(4 * laneBodyBytesMax);
  expect(lane.heard.length).toBe(1);
  client.send(text("0"), type);
  for (let at = 1; at < count; at += 1) {
    const heard = await lane.request(at + 1);
    expect(heard.body.trimEnd()).toBe(String(at));
    heard.client.send(text(`${at}`), type);
  }
  await raw.replies(count);
  await until(
    () => raw.received,
    (received) => received.endsWith(`\r\n\r\n${count - 1}`),
  );
  const bodies = Array.from(raw.received.matchAll(/\r\n\r\n(\d+)/g), (match) => Number(match[1]));
  expect(bodies).toEqual(Array.from({ length: count }, (_, at) => at));
});

it("a large page goes to the socket where it is stored, with its head in one call and without a copy", async () => {
  const { lane, open, post } = await startLane();
  const page = new Uint8Array(Buffer.alloc(1_000_000, "x").buffer);
  lane.atOnce = page;
  const raw = await open();
  await until(
    () => lane.sockets.length,
    (count) => count === 1,
  );
  const socket = lane.sockets[0]!;
  const { _writev } = socket;
  const written: { readonly chunk: Uint8Array; readonly begins: string }[][] = [];
  socket._writev = (chunks, done) => {
    // The head stands in a buffer that is used again.
    const begins = (chunk: Uint8Array) => Buffer.from(chunk.subarray(0, 15)).toString();
    written.push(chunks.map(({ chunk }) => ({ chunk, begins: begins(chunk) })));
    _writev?.call(socket, chunks, done);
  };
  for (let at = 0; at < 3; at += 1) {
    raw.send(post("{}"));
    await until(
      () => raw.received.length,
      (length) => length > (at + 1) * page.length,
    );
  }
  expect(written).toHaveLength(3);
  for (const [head, body, ...more] of written) {
    expect(head?.begins).toBe("HTTP/1.1 200 OK");
    const { buffer, byteOffset, length } = body?.chunk ?? new Uint8Array();
    expect([buffer === page.buffer, byteOffset, length]).toEqual([true, 0, page.length]);
    expect(more).toEqual([]);
  }
});

it("a client that does not read its replies is not read from either, and gets them all once it reads", async () => {
  const { lane, open, post } = await startLane();
  lane.atOnce = Buffer.alloc(1_000_000, "x");
  const raw = await open();
  raw.socket.pause();
  const count = 40;
  for (let at = 0; at < count; at += 1) raw.send(post(String(at)));
  await until(
    () => lane.sockets[0]?.isPaused(),
    (isPaused) => isPaused === true,
  );
  await new Promise((resolve) => setTimeout(resolve, 100));
  // The kernel's buffers take a few; the process holds the rest of one.
  expect(lane.heard.length).toBeLessThan(count / 2);
  expect(lane.sockets[0]!.writableLength).toBeLessThan(1_100_000);
  raw.socket.resume();
  await lane.request(count);
  await until(
    () => raw.received.length,
    (length) => length > count * 1_000_000,
  );
  expect(raw.statuses.length).toBe(count);
});

it("a client that never reads is closed after keepAliveMs", async () => {
  const { lane, open, post } = await startLane({ keepAliveMs: 200 });
  lane.atOnce = Buffer.alloc(8_000_000, "x");
  const raw = await open();
  raw.socket.pause();
  raw.send(post("1") + post("2"));
  await lane.request(1);
  await until(
    () => lane.lane.open,
    (open) => open === 0,
  );
  raw.destroy();
});

it("what is not the lane's is Node's, and the connection with it, after the replies that are due", async () => {
  const { lane, url, open, post } = await startLane();
  const raw = await open();
  const get = `GET / HTTP/1.1\r\nHost: ${new URL(url).host}\r\n\r\n`;
  raw.send(post("1") + get + post("2"));
  const { client } = await lane.request(1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(raw.received).toBe("");
  client.send(text("lane"), type);
  await raw.replies(3);
  await until(
    () => raw.received,
    (received) => received.includes("node POST"),
  );
  expect(raw.received.match(/\r\n\r\nlane|node GET|node POST/g)).toEqual([
    "\r\n\r\nlane",
    "node GET",
    "node POST",
  ]);
  expect([lane.heard.length, lane.lane.open]).toEqual([1, 0]);
});

it("a lane that drains closes idle connections at once, and others with the reply that is due", async () => {
  const { lane, open, post } = await startLane({ arrivalMs: 4000 });
  const [idle, busy, begun] = [await open(), await open(), await open()];
  idle.send(post("idle"));
  (await lane.request(1)).client.send(text("{}"), type);
  await idle.replies(1);
  busy.send(post("busy"));
  const waiting = await lane.request(2);
  const request = post("begun");
  begun.send(request.slice(0, 50));
  await until(
    () => lane.sockets[2]?.bytesRead,
    (bytes) => bytes === 50,
  );
  lane.lane.drain();
  await idle.closed();
  expect([busy.isClosed, begun.isClosed]).toEqual([false, false]);
  waiting.client.send(text("{}"), type);
  begun.send(request.slice(50));
  (await lane.request(3)).client.send(text("{}"), type);
  for (const raw of [busy, begun]) {
    await raw.closed();
    expect(raw.statuses).toEqual(["200"]);
    expect(raw.received).toMatch(/\r\nconnection: close\r\n/);
    expect(raw.received).not.toMatch(/keep-alive/i);
  }
  const silent = await open();
  await silent.closed();
  expect(lane.lane.open).toBe(0);
});

it("closeAll closes whatever is under way", async () => {
  const { lane, open, post } = await startLane();
  const raw = await open();
  raw.send(post("1"));
  const { client } = await lane.request(1);
  lane.lane.closeAll();
  await raw.closed();
  expect([raw.received, client.hasLeft]).toEqual(["", true]);
});

it("a reply that cannot be sent is refused before anything is written", async () => {
  const { lane, open, post } = await startLane();
  const raw = await open();
  raw.send(post("1"));
  const { client } = await lane.request(1);
  const split = { ...text("{}"), requestId: "a\r\nSet-Cookie: b" };
  expect(() => client.send(split, type)).toThrow(TypeError);
  expect(() => client.send({ ...text("{}"), status: 304 }, type)).toThrow(RangeError);
  client.send(refused(new DynamoDbError("InternalServerError", "bug"), "pass"), type);
  expect(await raw.replies(1)).toEqual(["500"]);
  expect(raw.received).not.toContain("Set-Cookie");
});
