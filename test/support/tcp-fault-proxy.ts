/**
 * A TCP proxy that breaks: it stands between a node and its Redis, and cuts, delays, stalls or tears what passes. It knows
 * nothing of what the bytes mean.
 */

import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface TcpFaultProxy {
  /** Where it listens on loopback; the same for as long as it lives, whatever happens to it. */
  readonly port: number;
  /** Connections open now. */
  readonly connections: number;
  /** Resets all connections, and each new one at once, until heal(). */
  cut(): void;
  /** Every byte is late by so much, in both directions, in order; 0 = no more. */
  delay(ms: number): void;
  /** Connections stay open and new ones are taken, but nothing passes, until heal(). What waits passes then. */
  stall(): void;
  /** After so many more bytes of replies, all connections are reset: most likely within a reply. Once. */
  dropAfter(bytes: number): void;
  /** Ends whatever cut, delay, stall and dropAfter began. */
  heal(): void;
  stop(): Promise<void>;
}

/** What waits for one direction of one connection before its sender has to wait, too. */
const queueBytesMax = 1_048_576;

/** Listens on a free loopback port in front of a loopback port, where somebody may or may not be listening. */
export async function startFaultProxy(targetPort: number): Promise<TcpFaultProxy> {
  const proxy = new FaultProxy(targetPort);
  await proxy.listen();
  return proxy;
}

class FaultProxy implements TcpFaultProxy {
  readonly #targetPort: number;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #port = 0;
  #isCut = false;
  /** Fulfilled while bytes may pass. */
  #gate = Promise.withResolvers<void>();
  delayMs = 0;
  #replyBytesLeft = Number.POSITIVE_INFINITY;

  constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#gate.resolve();
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  get port(): number {
    return this.#port;
  }

  get connections(): number {
    return this.#links.size;
  }

  get open(): Promise<void> {
    return this.#gate.promise;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject).listen(0, "127.0.0.1", resolve);
    });
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the fault proxy has no port");
    this.#port = address.port;
  }

  cut(): void {
    this.#isCut = true;
    this.#resetAll();
  }

  delay(ms: number): void {
    this.delayMs = ms;
  }

  stall(): void {
    this.#gate.resolve();
    this.#gate = Promise.withResolvers<void>();
  }

  dropAfter(bytes: number): void {
    this.#replyBytesLeft = bytes;
  }

  heal(): void {
    this.#isCut = false;
    this.delayMs = 0;
    this.#replyBytesLeft = Number.POSITIVE_INFINITY;
    this.#gate.resolve();
  }

  async stop(): Promise<void> {
    this.heal();
    this.#resetAll();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** How many bytes of a reply may still pass. All connections are reset after fewer than it has. */
  take(bytes: number): number {
    const taken = Math.min(bytes, this.#replyBytesLeft);
    this.#replyBytesLeft -= taken;
    return taken;
  }

  /** The bytes that dropAfter allowed are spent. */
  spent(): void {
    this.#replyBytesLeft = Number.POSITIVE_INFINITY;
    this.#resetAll();
  }

  #accept(client: Socket): void {
    if (this.#isCut) {
      client.on("error", () => {});
      client.resetAndDestroy();
      return;
    }
    const target = connect({ port: this.#targetPort, host: "127.0.0.1", allowHalfOpen: true });
    const link = new Link(this, client, target);
    this.#links.add(link);
    for (const socket of [client, target]) {
      socket.setNoDelay(true);
      // One side's end by force is the other side's, too.
      socket.on("error", () => link.reset());
      socket.once("close", () => {
        link.reset();
        this.#links.delete(link);
      });
    }
  }

  #resetAll(): void {
    for (const link of this.#links) link.reset();
  }
}

/** One connection: two sockets and what is on its way between them. */
class Link {
  readonly #client: Socket;
  readonly #target: Socket;
  #isEnded = false;

  constructor(proxy: FaultProxy, client: Socket, target: Socket) {
    this.#client = client;
    this.#target = target;
    pump(client, target, proxy, (chunk) => target.write(chunk));
    pump(target, client, proxy, (chunk) => {
      const allowed = proxy.take(chunk.length);
      if (allowed === chunk.length) return client.write(chunk);
      client.write(chunk.subarray(0, allowed), () => proxy.spent());
      return true;
    });
  }

  reset(): void {
    // Both directions may have come to their ends by themselves, with nothing left to break.
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const socket of [this.#client, this.#target]) {
      if (socket.writableFinished && socket.readableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  }
}

/** Passes what comes from one socket on to the other, in order, each chunk when it is due. Ends with its sender. */
function pump(from: Socket, to: Socket, proxy: FaultProxy, write: (chunk: Buffer) => boolean): void {
  const queue: { readonly chunk: Buffer; readonly arrivedAtMs: number }[] = [];
  let bytes = 0;
  let isBusy = false;
  let hasEnded = false;
  const run = async (): Promise<void> => {
    if (isBusy) return;
    isBusy = true;
    for (let next = queue[0]; next !== undefined && !to.destroyed; next = queue[0]) {
      await proxy.open;
      const waitMs = next.arrivedAtMs + proxy.delayMs - performance.now();
      if (waitMs > 0) {
        await sleep(waitMs, undefined, { ref: false });
        continue;
      }
      queue.shift();
      bytes -= next.chunk.length;
      if (!write(next.chunk)) await drained(to);
      if (bytes < queueBytesMax) from.resume();
    }
    isBusy = false;
    if (hasEnded && queue.length === 0) to.end();
  };
  from.on("data", (chunk: Buffer) => {
    queue.push({ chunk, arrivedAtMs: performance.now() });
    bytes += chunk.length;
    if (bytes >= queueBytesMax) from.pause();
    void run();
  });
  from.once("end", () => {
    hasEnded = true;
    void run();
  });
}

async function drained(socket: Socket): Promise<void> {
  if (socket.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      socket.off("drain", done).off("close", done);
      resolve();
    };
    socket.once("drain", done).once("close", done);
  });
}
