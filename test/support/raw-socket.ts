// One TCP (or TLS) connection to an HTTP server, byte by byte: what is sent, what came back, whether it was closed.

import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { until } from "./bench.ts";

export class RawSocket {
  readonly socket: Socket;
  received = "";
  isClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      this.received += chunk.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.isClosed = true;
    });
  }

  /** Connects to the address of an http or https URL. */
  static async open(url: string, tls: ConnectionOptions = {}): Promise<RawSocket> {
    const { protocol, hostname, port } = new URL(url);
    const isTls = protocol === "https:";
    const to = { host: hostname, port: Number(port) };
    const socket = isTls ? connectTls({ ...to, ...tls }) : connect(to);
    await new Promise<void>((resolve, reject) => {
      socket.once(isTls ? "secureConnect" : "connect", resolve);
      socket.once("error", reject);
    });
    return new RawSocket(socket);
  }

  send(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  /** Status codes of the replies so far. */
  get statuses(): string[] {
    return Array.from(this.received.matchAll(/HTTP\/1\.1 (\d{3}) /g), (match) => match[1] ?? "");
  }

  /** Waits for so many replies. Their bodies may still be on their way. */
  async replies(count: number): Promise<string[]> {
    await until(
      () => this.statuses.length,
      (seen) => seen >= count || this.isClosed,
    );
    return this.statuses;
  }

  async closed(): Promise<void> {
    await until(
      () => this.isClosed,
      (isClosed) => isClosed,
    );
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** A request as SDKs send it: X-Amz-Target, the host of `url`, a right Content-Length. */
export function rawRequest(
  url: string,
  operation: string,
  input: object | string,
  more: string[] = [],
): string {
  const body = typeof input === "string" ? input : JSON.stringify(input);
  return [
    "POST / HTTP/1.1",
    `Host: ${new URL(url).host}`,
    `X-Amz-Target: DynamoDB_20120810.${operation}`,
    "Content-Type: application/x-amz-json-1.0",
    ...more,
    `Content-Length: ${Buffer.byteLength(body)}`,
    "",
    body,
  ].join("\r\n");
}
