// A server with a fast lane whose requests the test answers itself; what is none of the lane's is answered by Node with
// "node METHOD".

import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { afterEach } from "vitest";
import { FastLane, type LaneOptions } from "../../src/proxy/fast-lane.ts";
import type { Client } from "../../src/proxy/http-call.ts";
import { ours } from "../../src/proxy/reply.ts";
import { until } from "./bench.ts";
import { RawSocket, rawRequest } from "./raw-socket.ts";

interface Heard {
  readonly body: string;
  /** The very bytes that the lane gave. */
  readonly kept: Buffer;
  readonly client: Client;
}

/** A server with a lane whose requests are answered by the test, and by Node for what is none of the lane's. */
export class LanedServer {
  readonly heard: Heard[] = [];
  readonly sockets: Socket[] = [];
  readonly lane: FastLane;
  readonly #server: Server;
  /** Answers at once, instead of leaving it to the test: this, or what the request's body is answered with. */
  atOnce: Uint8Array | ((body: string) => Uint8Array) | undefined;

  constructor(options: Partial<LaneOptions>) {
    this.#server = createServer((request, response) => {
      request.resume().on("end", () => response.end(`node ${request.method}`));
    });
    this.lane = new FastLane({
      answer: (request, type, client) => {
        const kept = request.body;
        const body = kept.toString();
        this.heard.push({ body, kept, client });
        const { atOnce } = this;
        if (atOnce === undefined) return;
        client.send(ours(typeof atOnce === "function" ? atOnce(body) : atOnce, "hit"), type);
      },
      requestId: () => "ID",
      bodyBytesMax: 1 << 20,
      keepAliveMs: 60_000,
      ...options,
    });
    this.lane.install(this.#server);
    this.#server.on("connection", (socket) => this.sockets.push(socket));
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async request(count: number): Promise<Heard> {
    await until(
      () => this.heard.length,
      (seen) => seen >= count,
    );
    return this.heard[count - 1]!;
  }

  /** Takes sockets that clients want to upgrade. */
  onUpgrade(take: (socket: Duplex) => void): void {
    this.#server.on("upgrade", (_request, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
      take(socket);
    });
  }

  stop(): void {
    this.lane.closeAll();
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

const running: LanedServer[] = [];
afterEach(() => {
  for (const lane of running.splice(0)) lane.stop();
});

/** A server until the end of the test, a way to connect to it, and a request for it. */
export async function startLane(options: Partial<LaneOptions> = {}) {
  const lane = new LanedServer(options);
  running.push(lane);
  const url = await lane.start();
  return {
    lane,
    url,
    open: () => RawSocket.open(url),
    post: (body: string) => rawRequest(url, "GetItem", body),
  };
}
