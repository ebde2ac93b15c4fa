// The upstream "embedded": dynalite in this process, in memory, on a loopback port of its own.

import type { Server } from "node:http";

export interface Embedded {
  /** http://127.0.0.1:port */
  readonly url: string;
  close(): Promise<void>;
}

/** Starts an empty DynamoDB. It knows the data operations and tables; no streams, transactions or PartiQL. */
export async function startEmbedded(): Promise<Embedded> {
  const { default: dynalite } = await import("dynalite");
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
  server.keepAliveTimeout = 65_000; // Longer than our client keeps idle sockets: it is the one to close them.
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the embedded DynamoDB has no port");
  return { url: `http://127.0.0.1:${address.port}`, close: () => closed(server) };
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error ? reject(error) : resolve()));
    server.closeIdleConnections();
  });
}
