// The sockets of the upstream client, as a server sees them: how many, how they are used, and when they end.

import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { createDynamoDbClient, type DynamoDbClientOptions } from "../../../src/upstream/dynamodb-client.ts";
import type { UpstreamRequest } from "../../../src/upstream/upstream.ts";
import { systemClock } from "../../../src/util/clock.ts";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Each request as it comes; the test answers when it likes. */
interface Arrival {
  readonly socket: Socket;
  answer(...headers: readonly string[]): void;
}

class Server {
  readonly open = new Set<Socket>();
  readonly waiting: Arrival[] = [];
  /** Requests that came on a socket whose last one had no answer yet. */
  pipelined = 0;
  openMax = 0;
  opened = 0;
  url = "";
  onArrival: (arrival: Arrival) => void = (arrival) => void this.waiting.push(arrival);

  async start(): Promise<this> {
    const server = createServer((socket) => this.#serve(socket));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    this.url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
    closers.push(async () => {
      for (const socket of this.open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    return this;
  }

  #serve(socket: Socket): void {
    this.open.add(socket);
    this.opened += 1;
    this.openMax = Math.max(this.openMax, this.open.size);
    let text = "";
    let due = 0;
    socket.on("error", () => {});
    socket.once("close", () => this.open.delete(socket));
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (!text.endsWith("\r\n\r\n{}")) return;
      due += text.split("POST / HTTP/1.1\r\n").length - 1;
      text = "";
      if (due > 1) this.pipelined += 1;
      const answer = (...headers: readonly string[]) => {
        due = 0;
        socket.write(["HTTP/1.1 200 OK", "content-length: 2", ...headers, "", "{}"].join("\r\n"));
      };
      this.onArrival({ socket, answer });
    });
  }
}

function client(server: Server, options: Partial<DynamoDbClientOptions> = {}) {
  const made = createDynamoDbClient({ upstream: server.url, region: "us-east-1", ...options });
  closers.push(() => made.close());
  return made;
}

const read = (): UpstreamRequest => ({
  target: "DynamoDB_20120810.GetItem",
  body: Buffer.from("{}"),
  idempotent: true,
  deadlineAtMs: systemClock.nowMs() + 20_000,
});

test("never more than connectionsMax sockets, and never two requests at a time on one", async () => {
  const server = await new Server().start();
  let answers = 0;
  server.onArrival = ({ answer }) => void (answers++ % 2 === 0 ? answer() : setTimeout(answer, 3));
  const upstream = client(server, { connectionsMax: 4 });
  const replies = await Promise.all(Array.from({ length: 300 }, () => upstream.send(read())));
  expect(replies.every(({ status }) => status === 200)).toBe(true);
  expect([server.openMax, server.opened, server.pipelined]).toEqual([4, 4, 0]);
});

test("a retry's new connection takes the place of an idle one", async () => {
  // 1 two sockets stand · 2 one dies under a read, whose retry connects anew · 3 another read comes meanwhile
  const server = await new Server().start();
  const upstream = client(server, { connectionsMax: 2 });
  const both = [upstream.send(read()), upstream.send(read())];
  await expect.poll(() => server.waiting.length).toBe(2);
  for (const { answer } of server.waiting.splice(0)) answer();
  await Promise.all(both);
  const retried = upstream.send(read());
  await expect.poll(() => server.waiting.length).toBe(1);
  server.waiting.pop()?.socket.resetAndDestroy();
  await expect.poll(() => server.waiting.length).toBe(1);
  const other = upstream.send(read());
  await expect.poll(() => server.waiting.length).toBe(2);
  // The idle one's end is on its way.
  await expect.poll(() => server.open.size).toBe(2);
  for (const { answer } of server.waiting.splice(0)) answer();
  expect((await Promise.all([retried, other])).map(({ status }) => status)).toEqual([200, 200]);
  // The retry's connection is kept like any other.
  const { opened } = server;
  server.onArrival = ({ answer }) => answer();
  await Promise.all([upstream.send(read()), upstream.send(read())]);
  expect([server.opened, server.open.size]).toEqual([opened, 2]);
});

test.each([
  ["the client's own time", { keepAliveMs: 50 }, []],
  [
    "the server's hint, with a margin for what is on its way",
    { keepAliveMs: 600_000 },
    ["keep-alive: timeout=3"],
  ],
  ["the bound of such hints", { keepAliveMsMax: 50 }, ["keep-alive: timeout=600"]],
] as const)("an idle socket is closed by us, not by the server: after %s", async (_, options, headers) => {
  const server = await new Server().start();
  server.onArrival = ({ answer }) => answer(...headers);
  const upstream = client(server, options);
  await upstream.send(read());
  const [socket] = server.open;
  if (socket !== undefined) await once(socket, "end");
  expect(server.opened).toBe(1);
  // And the next call simply connects again.
  expect((await upstream.send(read())).status).toBe(200);
  expect(server.opened).toBe(2);
});

test("a socket that has to end takes nobody with it: writes that follow at once go out on new ones", async () => {
  const server = await new Server().start();
  server.onArrival = ({ answer }) => answer("connection: close");
  const upstream = client(server, { connectionsMax: 2 });
  const write = () => upstream.send({ ...read(), idempotent: false });
  const replies = await Promise.all(Array.from({ length: 40 }, write));
  expect(replies.every(({ status }) => status === 200)).toBe(true);
  expect(server.opened).toBe(40);
});

test("a read that is given up frees its slot for a write at once, over a new socket", async () => {
  const server = await new Server().start();
  const upstream = client(server, { connectionsMax: 1 });
  for (let round = 1; round <= 20; round += 1) {
    const caller = new AbortController();
    const given = expect(upstream.send({ ...read(), signal: caller.signal })).rejects.toThrow("left");
    await expect.poll(() => server.waiting.length, { interval: 1 }).toBe(1);
    server.waiting.length = 0;
    const waiting = upstream.send({ ...read(), idempotent: false });
    caller.abort();
    await given;
    await expect.poll(() => server.waiting.length, { interval: 1 }).toBe(1);
    server.waiting.pop()?.answer();
    expect((await waiting).status).toBe(200);
    expect(server.pipelined).toBe(0);
  }
});

test("what waits for credentials while the client closes is not sent", async () => {
  const server = await new Server().start();
  const { promise, resolve } = Promise.withResolvers<{ accessKeyId: string; secretAccessKey: string }>();
  const upstream = client(server, { credentials: { current: () => promise } });
  const sending = upstream.send({ ...read(), idempotent: false });
  const closed = upstream.close();
  resolve({ accessKeyId: "a", secretAccessKey: "s" });
  await expect(sending).rejects.toMatchObject({ outcome: "none" });
  await closed;
  expect(server.opened).toBe(0);
});
