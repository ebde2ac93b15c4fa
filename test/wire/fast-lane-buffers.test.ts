// The fast lane reads all sockets into one buffer and writes their replies out of one: nobody gets, or keeps, another's bytes.

import { request as httpRequest } from "node:http";
import { describe, expect, it } from "vitest";
import { streamInput } from "../../src/proxy/lane-input.ts";
import { outputBytesMax } from "../../src/proxy/lane-output.ts";
import { ours } from "../../src/proxy/reply.ts";
import { until } from "../support/bench.ts";
import { startLane } from "../support/laned-server.ts";

const type = "application/x-amz-json-1.0";
const text = (content: string) => ours(Buffer.from(content), "hit");

/** What came back behind the heads. */
const bodiesOf = (received: string) => received.split(/HTTP\/1\.1 200 OK.*?\r\n\r\n/s).slice(1);

describe.each([
  { how: "one buffer for all sockets", options: {} },
  { how: "as a Node that cannot do that", options: { input: streamInput } },
])("$how", ({ how, options }) => {
  const isShared = how.startsWith("one");

  it("is how sockets are read", async () => {
    const { lane, open } = await startLane(options);
    await open();
    await until(
      () => lane.sockets.length,
      (count) => count === 1,
    );
    expect(lane.sockets[0]!.listenerCount("data")).toBe(isShared ? 0 : 1);
  });

  it("what waits for its answer keeps its own bytes", async () => {
    const { lane, open, post } = await startLane(options);
    const [one, other] = [await open(), await open()];
    one.send(post("a".repeat(500)));
    const { kept } = await lane.request(1);
    other.send(post("b".repeat(500)) + post("c".repeat(500)).slice(0, -100));
    await lane.request(2);
    one.send(post("d".repeat(500)).slice(0, 100));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(kept.toString()).toBe("a".repeat(500));
    // Beginnings of requests are kept too.
    lane.heard[0]!.client.send(text("1"), type);
    lane.heard[1]!.client.send(text("2"), type);
    other.send(post("c".repeat(500)).slice(-100));
    one.send(post("d".repeat(500)).slice(100));
    await lane.request(4);
    expect(lane.heard.map(({ body }) => body[0]).sort()).toEqual(["a", "b", "c", "d"]);
    expect(lane.heard.every(({ body }) => body === body[0]!.repeat(500))).toBe(true);
  });

  it("many clients at once, small and large replies: each gets its own, in order", async () => {
    const { lane, open, post } = await startLane(options);
    const sizes = [10, 3000, 100, 5000, 4096, 4097, 20_000, 1];
    const reply = (client: number, at: number) =>
      `${client}:${at};`.padEnd(sizes[(client + at) % sizes.length]!, ".");
    const clients = await Promise.all(Array.from({ length: 12 }, () => open()));
    const count = 24;
    for (let at = 0; at < count; at += 1)
      clients.forEach((raw, client) => void raw.send(post(`${client}:${at}`)));
    for (let n = 0; n < count * clients.length; n += 1) {
      const { body, client } = await lane.request(n + 1);
      const [from, at] = body.split(":").map(Number);
      client.send(text(reply(from!, at!)), type);
    }
    for (const [client, raw] of clients.entries()) {
      const all = Array.from({ length: count }, (_, at) => reply(client, at));
      await until(
        () => bodiesOf(raw.received).join("").length,
        (length) => length === all.join("").length,
      );
      expect(bodiesOf(raw.received)).toEqual(all);
    }
  });

  it("a socket that became Node's is read on, also when Node gives it to somebody else", async () => {
    const { lane, url, open, post } = await startLane(options);
    lane.atOnce = Buffer.from("{}");
    lane.onUpgrade((socket) => socket.pipe(socket));
    const raw = await open();
    raw.send(post("{}"));
    await raw.replies(1);
    const long = "x".repeat(3_000_000);
    raw.send(`PUT / HTTP/1.1\r\nHost: ${new URL(url).host}\r\nContent-Length: ${long.length}\r\n\r\n`);
    raw.send(long);
    raw.send(post("{}"));
    await raw.replies(3);
    expect(raw.received).toContain("node PUT");
    const echoed = await new Promise<string>((resolve, reject) => {
      const headers = { connection: "Upgrade", upgrade: "echo" };
      httpRequest(url, { headers })
        .on("upgrade", (_response, socket) => {
          let heard = "";
          socket.setEncoding("latin1").on("data", (chunk: string) => {
            heard += chunk;
            if (heard.length === long.length) resolve(heard);
          });
          socket.write(long);
        })
        .on("error", reject)
        .end();
    });
    expect(echoed === long).toBe(true);
  });
});

it("what a slow reader has not been sent yet is not overwritten by the replies to others", async () => {
  const { lane, open, post } = await startLane();
  const [slow, quick] = [await open(), await open()];
  const reply = (body: string) => body.padEnd(4000, body[0]);
  lane.atOnce = (body) => Buffer.from(reply(body));
  slow.socket.pause();
  // More than the system takes.
  const count = 5000;
  const asked = Array.from({ length: count }, (_, at) => `s${at};`);
  slow.send(asked.map(post).join(""));
  await until(
    () => lane.sockets[0]?.isPaused(),
    (isPaused) => isPaused === true,
  );
  expect(lane.sockets[0]!.writableLength).toBeGreaterThan(0);
  expect(lane.heard.length).toBeLessThan(count);
  const others = Array.from({ length: Math.ceil((3 * outputBytesMax) / 4000) }, (_, at) => `q${at};`);
  quick.send(others.map(post).join(""));
  await quick.replies(others.length);
  slow.socket.resume();
  await until(
    () => slow.received.length,
    (length) => length > count * 4000 && bodiesOf(slow.received).length === count,
  );
  expect(bodiesOf(slow.received)).toEqual(asked.map(reply));
  expect(bodiesOf(quick.received)).toEqual(others.map(reply));
});
