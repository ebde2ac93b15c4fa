// Connections that stay with one worker: bare HTTP/1.1 over sockets, one call at a time on each, as fast as can be.

import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface PinnedReply {
  readonly status: number;
  /** The x-dynatier-cache header. */
  readonly cache: string;
  readonly body: string;
}

export class Connection {
  readonly #socket: Socket;
  readonly #host: string;
  #received = "";
  #waiting: { resolve: (reply: PinnedReply) => void; reject: (error: Error) => void } | undefined;

  private constructor(socket: Socket, host: string) {
    this.#socket = socket;
    this.#host = host;
    socket.setNoDelay(true).setEncoding("latin1");
    socket.on("data", (text: string) => this.#take(text));
    const fail = () => this.#waiting?.reject(new Error("the connection was closed"));
    socket.on("error", fail).on("close", fail);
  }

  static async open(url: string): Promise<Connection> {
    const { hostname, port, host } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, "connect");
    return new Connection(socket, host);
  }

  /** One call; the next only after its reply. */
  call(operation: string, input: object): Promise<PinnedReply> {
    const body = JSON.stringify(input);
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(new Error("the connection is closed"));
      this.#waiting = { resolve, reject };
      this.#socket.write(
        `POST / HTTP/1.1\r\nhost: ${this.#host}\r\ncontent-type: application/x-amz-json-1.0\r\n` +
          `x-amz-target: DynamoDB_20120810.${operation}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(text: string): void {
    this.#received += text;
    const end = this.#received.indexOf("\r\n\r\n");
    if (end < 0) return;
    const head = this.#received.slice(0, end);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1]);
    if (this.#received.length < end + 4 + length) return;
    const body = this.#received.slice(end + 4, end + 4 + length);
    this.#received = this.#received.slice(end + 4 + length);
    const cache = /x-dynatier-cache: ([^\r]*)/i.exec(head)?.[1] ?? "";
    this.#waiting?.resolve({ status: Number(head.slice(9, 12)), cache, body });
  }
}

export interface ThreadStatus {
  readonly worker: number;
  readonly state: string;
  readonly restarts: number;
  readonly connections: number;
  readonly memory?: { readonly bytesMax: number; readonly entries: number };
}

/** What GET /api/status says of each worker. */
export async function threadsOf(adminUrl: string): Promise<readonly ThreadStatus[]> {
  const status = (await (await fetch(`${adminUrl}/api/status`)).json()) as { threads: ThreadStatus[] };
  return status.threads;
}

/**
 * Opens connections until each worker has `each` of them; the surplus is closed. Nobody else may connect meanwhile.
 * @returns for each worker its connections, in the order of the workers
 */
export async function pin(
  url: string,
  adminUrl: string,
  { workers, each }: { readonly workers: number; readonly each: number },
): Promise<Connection[][]> {
  const pinned = Array.from({ length: workers }, (): Connection[] => []);
  let before = await threadsOf(adminUrl);
  for (let tries = 0; tries < 200 && pinned.some((one) => one.length < each); tries += 1) {
    const connection = await Connection.open(url);
    await connection.call("NoOperation", {}); // Refused by the worker itself.
    const after = await threadsOf(adminUrl);
    const at = after.findIndex((one, i) => one.connections > (before[i]?.connections ?? 0));
    before = after;
    const mine = pinned[at];
    if (mine === undefined) throw new Error(`no worker has the connection: ${JSON.stringify(after)}`);
    mine.push(connection);
  }
  for (const mine of pinned) for (const surplus of mine.splice(each)) surplus.close();
  return pinned;
}
