/** Whether several threads can listen at one address here, and whether an address is ours alone. */

import { createServer, type ListenOptions, type Server } from "node:net";

/** What listening says where the system or Node cannot share a port. */
const cannotShare: ReadonlySet<unknown> = new Set([
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOPROTOOPT",
  "EINVAL",
  "EADDRINUSE",
]);

/**
 * Tries it: two servers on one free port of this host.
 * @returns why it cannot be done; undefined if it can
 * @throws what listening says of the host itself
 */
export async function portSharingProblem(host: string): Promise<string | undefined> {
  const servers: Server[] = [];
  try {
    let port = 0;
    for (let i = 0; i < 2; i += 1) {
      const server = createServer();
      servers.push(server);
      port = await listen(server, { host, port, reusePort: true });
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || !cannotShare.has(error.code)) throw error;
    return error.message;
  } finally {
    await Promise.all(servers.map(close));
  }
}

/**
 * Fails with EADDRINUSE if another program listens there, also if that one shares its port: the system would spread our
 * clients over both, and each would answer from a cache that does not hear of the other's writes.
 */
export async function expectFree(host: string, port: number): Promise<void> {
  if (port === 0) return;
  const server = createServer();
  try {
    await listen(server, { host, port });
  } finally {
    await close(server);
  }
}

function listen(server: Server, options: ListenOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options, () => {
      const address = server.address();
      resolve(address === null || typeof address === "string" ? 0 : address.port);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    if (server.listening) server.close(() => resolve());
    else resolve();
  });
}
