/** What the load process of the scale curves is told and what it answers, and the requests that it sends. */

import { sdks } from "../test/support/sdk-requests.ts";
import type { Phase } from "./scale-replay.ts";

export interface ScaleJob {
  readonly url: string;
  readonly table: string;
  readonly connections: number;
  /** Items that are asked for, zipfian; all of them are in the cache. */
  readonly entries: number;
  readonly itemBytes: number;
  /** The share of requests for these; the others ask for items that nobody has asked for before. */
  readonly hitShare: number;
  /** The number of the first such item. */
  readonly firstFresh: number;
  readonly seed: number;
  /** Of one round of warming up: there are more until there were so many replies, ten at most. */
  readonly warmSeconds: number;
  readonly warmReplies: number;
  readonly closedSeconds: number;
  /** At half of the throughput that was just measured; 0 = not at all. */
  readonly rateSeconds: number;
  /** The server's processes, whose CPU time is read. */
  readonly pids: readonly number[];
}

export interface ScaleResult {
  readonly closed: Phase;
  readonly rated: Phase | undefined;
  /** Items that nobody had asked for before. */
  readonly fresh: number;
}

/** Digits of an item's number: every request of a job is equally long. */
const digits = 7;

export function keyOf(kind: "user" | "miss", n: number): string {
  return `${kind}#${String(n).padStart(digits, "0")}`;
}

/** A GetItem as an SDK sends it, around its partition key; connections take turns with SDKs of four languages. */
export function frames({ table, itemBytes }: Pick<ScaleJob, "table" | "itemBytes">): [string, string][] {
  const [before, after] = [
    `{"TableName":"${table}","Key":{"pk":{"S":"`,
    `"},"sk":{"S":"${itemBytes}"}}}`,
  ] as const;
  const length = String(before.length + keyOf("user", 0).length + after.length);
  return Object.values(sdks).map((lines) => {
    const head = lines.map((line) => line.replace("LENGTH", length)).join("\r\n");
    return [`POST / HTTP/1.1\r\n${head}\r\n\r\n${before}`, after];
  });
}
