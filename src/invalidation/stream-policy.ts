/** Whether a table's stream is to be followed, and if not, why and what would change that. Pure. */

import type { TableSchema } from "../dynamodb/model.ts";

export type StreamsMode = "auto" | "on" | "require" | "off";

export interface StreamPolicy {
  readonly mode: StreamsMode;
  /** True where following crowds out nobody: an emulator, or nodes of which one reads for all. */
  readonly alone: "harmless" | "may-crowd-out";
}

export type StreamVerdict =
  | { readonly kind: "follow"; readonly streamArn: string }
  /** Not followed: writes around dynatier are seen when the TTL ends. */
  | { readonly kind: "ttl"; readonly why: string; readonly hint: string }
  | { readonly kind: "off"; readonly why: string };

/** A shard of a DynamoDB stream serves two readers, one where the table is a global table; Lambda triggers count. */
const crowding =
  "a shard has two readers at most (one on global tables), Lambda triggers included, and this node would be one";

export function streamVerdict(schema: TableSchema, cached: boolean, policy: StreamPolicy): StreamVerdict {
  if (policy.mode === "off") return { kind: "off", why: "streams: off" };
  if (!cached) return { kind: "off", why: "the table is not cached" };
  const { TableName, streamArn } = schema;
  if (streamArn === undefined) {
    return { kind: "ttl", why: "the table has no stream", hint: enableCommand(TableName) };
  }
  if (policy.mode === "auto" && policy.alone === "may-crowd-out") {
    return {
      kind: "ttl",
      why: `the table has a stream, but ${crowding}`,
      hint: "set streams: on to follow it all the same",
    };
  }
  return { kind: "follow", streamArn };
}

/** The AWS CLI line that gives a table a stream with both images, which keeps most of what is cached. */
export function enableCommand(TableName: string): string {
  const specification = "StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES";
  return `aws dynamodb update-table --table-name ${TableName} --stream-specification ${specification}`;
}

const monthMs = 30 * 24 * 3600 * 1000;
/** DynamoDB on-demand list price in us-east-1: stream read requests, after the free 2.5 million a month. */
const usdPerCall = 0.02 / 100_000;

/** GetRecords calls a month for one shard, and their list price: idle to busy. */
export function streamCost(pollMs: number, idlePollMs: number): string {
  const text = (ms: number) => `${Math.round(monthMs / ms / 100_000) / 10} million`;
  const usd = (ms: number) => `US$ ${((monthMs / ms) * usdPerCall).toFixed(2)}`;
  return `${text(idlePollMs)} to ${text(pollMs)} GetRecords calls a month for each shard (${usd(idlePollMs)} to ${usd(pollMs)})`;
}
