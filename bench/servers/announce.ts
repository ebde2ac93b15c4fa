/** What the benchmark's own servers share: the reply's headers, saying where they listen, ending with their parent. */

import type { AddressInfo, Server } from "node:net";
import { crc32 } from "node:zlib";
import type { WorkloadName } from "../workloads.ts";

/** As long as the request id of DynamoDB and of the proxy. */
const requestId = "BENCH".padEnd(52, "0");

/** The headers that the proxy sends with a hit. */
export function replyHeaders(
  operation: WorkloadName,
  bodyBytes: number,
  crc: number,
): Record<string, string | number> {
  return {
    "content-type": "application/x-amz-json-1.0",
    "content-length": bodyBytes,
    "x-amzn-requestid": requestId,
    "x-amz-crc32": crc,
    "x-dynatier-cache": operation === "BatchGetItem" ? "hit; tier=memory; items=25/25" : "hit; tier=memory",
  };
}

export interface Stored {
  readonly body: Buffer;
  readonly crc: number;
}

/** A reply's bytes, ready to send. */
export function stored(reply: object): Stored {
  const body = Buffer.from(JSON.stringify(reply));
  return { body, crc: crc32(body) };
}

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
