// The TCP fault proxy does to real connections what it says, and nothing when it is healed.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { until } from "../support/bench.ts";
import { startFaultProxy, type TcpFaultProxy } from "../support/tcp-fault-proxy.ts";

let server: Server;
let proxy: TcpFaultProxy;
const sockets: Socket[] = [];

/** Answers every chunk with itself. */
beforeEach(async () => {
  server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket.on("error", () => {}));
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  proxy = await startFaultProxy((server.address() as AddressInfo).port);
});

afterEach(async () => {
  await proxy.stop();
  for (const socket of sockets.splice(0)) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

interface Client {
  readonly socket: Socket;
  readonly text: () => string;
  readonly error: () => string | undefined;
}

async function open(): Promise<Client> {
  const socket = connect(proxy.port, "127.0.0.1");
  let text = "";
  let code: string | undefined;
  socket.on("error", (error: NodeJS.ErrnoException) => {
    code = error.code;
  });
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  sockets.push(socket);
  await new Promise<void>((resolve) => {
    socket.once("connect", resolve).once("close", () => resolve());
  });
  return { socket, text: () => text, error: () => code };
}

async function says(client: Client, text: string): Promise<void> {
  const before = client.text();
  client.socket.write(text);
  await until(client.text, (all) => all === before + text);
}

it("passes bytes both ways, many of them, in order, and the end of each side", async () => {
  const client = await open();
  const text = Array.from({ length: 400_000 }, (_, at) => `${at},`).join("");
  client.socket.end(text);
  await once(client.socket, "close");
  expect(client.text().length).toBe(text.length);
  expect(client.text() === text).toBe(true);
  expect(client.error()).toBeUndefined();
  await until(
    () => proxy.connections,
    (count) => count === 0,
  );
});

it("cut: resets what is open and what comes, until it is healed", async () => {
  const client = await open();
  await says(client, "hello");
  expect(proxy.connections).toBe(1);
  proxy.cut();
  await until(client.error, (code) => code === "ECONNRESET");
  const late = await open();
  await until(
    () => late.socket.closed,
    (closed) => closed,
  );
  expect(proxy.connections).toBe(0);
  proxy.heal();
  await says(await open(), "again");
});

it("delay: late, and in order", async () => {
  const client = await open();
  proxy.delay(150);
  const beganAtMs = performance.now();
  for (const text of ["a", "b", "c", "d", "e", "f"]) {
    client.socket.write(text);
    await sleep(20);
  }
  await until(client.text, (text) => text === "abcdef");
  // There and back.
  expect(performance.now() - beganAtMs).toBeGreaterThan(300);
  proxy.delay(0);
  await says(client, "g");
});

it("stall: nothing passes, nobody hears of it, and nothing is lost", async () => {
  const client = await open();
  await says(client, "one");
  proxy.stall();
  client.socket.write("two");
  const silent = await open();
  silent.socket.write("three");
  await sleep(200);
  expect([client.text(), silent.text()]).toEqual(["one", ""]);
  expect([client.error(), silent.error()]).toEqual([undefined, undefined]);
  expect(proxy.connections).toBe(2);
  proxy.heal();
  await until(client.text, (text) => text === "onetwo");
  await until(silent.text, (text) => text === "three");
});

it("dropAfter: tears a reply at that byte, once", async () => {
  const client = await open();
  const other = await open();
  proxy.dropAfter(3);
  client.socket.write("abcdef");
  await until(client.error, (code) => code === "ECONNRESET");
  expect(client.text()).toBe("abc");
  await until(other.error, (code) => code === "ECONNRESET");
  await says(await open(), "abcdef");
});

it("a target that is gone ends the connection; one that comes back is found again", async () => {
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const client = await open();
  await until(
    () => client.socket.closed,
    (closed) => closed,
  );
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  await says(await open(), "back");
});
