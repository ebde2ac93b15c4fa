// The fast lane behind TLS and mutual TLS: the same way as over TCP, after the handshake and only after it.

import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { FastLane } from "../../src/proxy/fast-lane.ts";
import { ours } from "../../src/proxy/reply.ts";
import { until } from "../support/bench.ts";
import { Certificates } from "../support/certificates.ts";
import { RawSocket, rawRequest } from "../support/raw-socket.ts";

const certificates = new Certificates();
beforeAll(() => certificates.makeAll());
afterAll(() => certificates.remove());

let server: Server;
let lane: FastLane;
let heard: string[];

async function start(isMutual: boolean): Promise<string> {
  heard = [];
  server = createServer(
    {
      cert: certificates.pem("server.pem"),
      key: certificates.pem("server.key"),
      ...(isMutual && { ca: certificates.pem("ca.pem"), requestCert: true }),
    },
    (request, response) => {
      heard.push(`node ${request.method}`);
      request.resume().on("end", () => response.end("node"));
    },
  );
  lane = new FastLane({
    answer: (request, type, client) => {
      heard.push(`lane ${request.target} ${request.body}`);
      client.send(ours(Buffer.alloc(request.body.length * 1000, "x"), "hit"), type);
    },
    requestId: () => "ID",
    bodyBytesMax: 1 << 20,
    keepAliveMs: 60_000,
  });
  lane.install(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

afterEach(() => {
  lane.closeAll();
  server.closeAllConnections();
  server.close();
});

const trusting = () => ({ ca: certificates.pem("ca.pem"), ALPNProtocols: ["http/1.1"] });

it("answers over TLS, small and large, and gives the rest to Node on the same socket", async () => {
  const url = await start(false);
  const raw = await RawSocket.open(url, trusting());
  for (const body of ["", "1", "22"]) {
    const already = raw.statuses.length;
    raw.send(rawRequest(url, "GetItem", body));
    await raw.replies(already + 1);
  }
  await until(
    () => raw.received,
    (received) => received.endsWith("x".repeat(2000)),
  );
  expect(lane.open).toBe(1);
  const request = rawRequest(url, "GetItem", "split");
  raw.send(request.slice(0, 100));
  await new Promise((resolve) => setTimeout(resolve, 20));
  raw.send(`${request.slice(100)}GET / HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  expect(await raw.replies(5)).toEqual(["200", "200", "200", "200", "200"]);
  expect(lane.open).toBe(0);
  const target = "lane DynamoDB_20120810.GetItem";
  expect(heard).toEqual([`${target} `, `${target} 1`, `${target} 22`, `${target} split`, "node GET"]);
  raw.send(rawRequest(url, "GetItem", "later"));
  await raw.replies(6);
  expect(heard.at(-1)).toBe("node POST");
  raw.destroy();
});

it("a client without the right certificate never reaches the lane", async () => {
  const url = await start(true);
  const own = (name: string) => ({
    cert: certificates.pem(`${name}.pem`),
    key: certificates.pem(`${name}.key`),
  });
  for (const options of [trusting(), { ...trusting(), ...own("intruder") }]) {
    // With TLS 1.3 the client's handshake is done before the server has looked at its certificate.
    const raw = await RawSocket.open(url, options).catch(() => undefined);
    raw?.send(rawRequest(url, "GetItem", "1"));
    await raw?.closed();
    expect(raw?.received ?? "").toBe("");
  }
  expect([heard, lane.open]).toEqual([[], 0]);
  const raw = await RawSocket.open(url, { ...trusting(), ...own("client") });
  raw.send(rawRequest(url, "GetItem", "1"));
  expect(await raw.replies(1)).toEqual(["200"]);
  expect([heard.length, lane.open]).toEqual([1, 1]);
  raw.destroy();
});
