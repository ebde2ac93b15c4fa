/** What the benchmark's own servers share: saying where they listen, ending with their parent. */

import type { AddressInfo, Server } from "node:net";

/** The table's size, which the benchmark passes as the first argument. */
export function partitionsArgument(): number {
  const partitions = Number(process.argv[2]);
  if (!Number.isSafeInteger(partitions) || partitions < 1) throw new Error("usage: <partitions>");
  return partitions;
}

/** One line on standard output: where to call. */
export function announce(url: string): void {
  process.stdout.write(`url ${url}\n`);
  // The benchmark holds our standard input open as long as it lives.
  process.stdin.resume().once("end", () => process.exit());
}

export function urlOf(server: Server): string {
  const { port } = server.address() as AddressInfo;
  return `http://127.0.0.1:${port}`;
}
