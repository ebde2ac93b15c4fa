// The three calls of DynamoDB Streams that following a stream needs, typed, with errors sorted by what they
// mean to a reader.

import { errorNameOf } from "../dynamodb/errors.ts";
import { parseObject, toBytes } from "../dynamodb/json-codec.ts";
import { type Input, isObject } from "../dynamodb/model.ts";
import { type Upstream, UpstreamFailure } from "../upstream/upstream.ts";
import type { Clock } from "../util/clock.ts";
import type { RecordList } from "./placed-records.ts";
import { readRecordPage } from "./record-page.ts";

export interface Shard {
  readonly shardId: string;
  /** Undefined for a shard that names none; it may name one that is no longer listed. */
  readonly parentShardId: string | undefined;
  /** False once it has an EndingSequenceNumber: nothing will be added to it. */
  readonly open: boolean;
}

export interface ShardPage {
  readonly status: string;
  readonly shards: readonly Shard[];
  /** Where the next page starts; undefined on the last one. */
  readonly lastShardId: string | undefined;
}

export interface DescribeOptions {
  readonly after?: string | undefined;
  /** Asks for the children of this shard only. A service may ignore it (DynamoDB Local does). */
  readonly childrenOf?: string | undefined;
}

/** Where reading starts. */
export type Position =
  | { readonly type: "LATEST" | "TRIM_HORIZON" }
  | { readonly type: "AFTER_SEQUENCE_NUMBER"; readonly sequenceNumber: string };

export interface RecordPage {
  readonly records: RecordList;
  /** Undefined at the end of a closed shard. */
  readonly next: string | undefined;
  /** No more fitted into this page, or may not have: there may be more at once. */
  readonly full: boolean;
}

/**
 * "expired": the iterator is too old · "trimmed": records before the position are gone · "gone": no such
 * stream or shard · "refused": the request itself · "throttled" · "unavailable": anything else that may pass
 * · "aborted": by our own signal.
 */
export type StreamErrorKind =
  | "expired"
  | "trimmed"
  | "gone"
  | "refused"
  | "throttled"
  | "unavailable"
  | "aborted";

export class StreamError extends Error {
  readonly kind: StreamErrorKind;
  constructor(kind: StreamErrorKind, name: string, cause?: unknown) {
    super(name, { cause });
    this.name = name;
    this.kind = kind;
  }
}

/**
 * API_streams_GetRecords and its neighbours, "Errors"; and CommonErrors. Others may pass (expired
 * credentials).
 */
const kinds: ReadonlyMap<string | undefined, StreamErrorKind> = new Map<string, StreamErrorKind>([
  ["ExpiredIteratorException", "expired"],
  ["TrimmedDataAccessException", "trimmed"],
  ["ResourceNotFoundException", "gone"],
  ["ValidationException", "refused"],
  ["LimitExceededException", "throttled"],
  ["ThrottlingException", "throttled"],
  ["ProvisionedThroughputExceededException", "throttled"],
  ["RequestLimitExceeded", "throttled"],
]);

/** What one GetRecords gives at most, and what one DescribeStream lists (API reference). */
const pageRecordsMax = 1_000;
const pageShardsMax = 100;
/**
 * A page ends before 1 MB. One record has at most two images of 400 KB, so one that ended for its size has
 * more bytes than this.
 */
const fullPageBytes = 128 * 1_024;

export interface StreamApiOptions {
  readonly upstream: Upstream;
  readonly clock: Clock;
  readonly streamArn: string;
  readonly requestTimeoutMs: number;
}

export class StreamApi {
  readonly #options: StreamApiOptions;

  constructor(options: StreamApiOptions) {
    this.#options = options;
  }

  /** One page of the stream's shards. All three calls reject with a StreamError and nothing else. */
  async describe(options: DescribeOptions, signal: AbortSignal): Promise<ShardPage> {
    const { after, childrenOf } = options;
    const input = {
      StreamArn: this.#options.streamArn,
      Limit: pageShardsMax,
      ...(after !== undefined && { ExclusiveStartShardId: after }),
      ...(childrenOf !== undefined && { ShardFilter: { Type: "CHILD_SHARDS", ShardId: childrenOf } }),
    };
    const reply = await this.#call("DescribeStream", signal, input, objectOf);
    const description = reply.StreamDescription;
    if (!isObject(description) || typeof description.StreamStatus !== "string") throw unreadable();
    return {
      status: description.StreamStatus,
      shards: Array.isArray(description.Shards) ? description.Shards.map(shardOf) : [],
      lastShardId: optionalText(description.LastEvaluatedShardId),
    };
  }

  async iterator(shardId: string, position: Position, signal: AbortSignal): Promise<string> {
    const { type } = position;
    const input = {
      StreamArn: this.#options.streamArn,
      ShardId: shardId,
      ShardIteratorType: type,
      ...(type === "AFTER_SEQUENCE_NUMBER" && { SequenceNumber: position.sequenceNumber }),
    };
    const reply = await this.#call("GetShardIterator", signal, input, objectOf);
    const iterator = optionalText(reply.ShardIterator);
    if (iterator === undefined) throw unreadable();
    return iterator;
  }

  async records(iterator: string, signal: AbortSignal): Promise<RecordPage> {
    const input = { ShardIterator: iterator, Limit: pageRecordsMax };
    return this.#call("GetRecords", signal, input, (body) => {
      const page = readRecordPage(body);
      if (page === undefined) throw unreadable();
      const { records, next } = page;
      const full = records.length >= pageRecordsMax || body.byteLength >= fullPageBytes;
      return { records, next: optionalText(next), full };
    });
  }

  async #call<Answer>(
    operation: string,
    signal: AbortSignal,
    input: Input,
    read: (body: Uint8Array) => Answer,
  ): Promise<Answer> {
    const { upstream, clock, requestTimeoutMs } = this.#options;
    const target = `DynamoDBStreams_20120810.${operation}`;
    const deadlineAtMs = clock.nowMs() + requestTimeoutMs;
    try {
      const reply = await upstream.send({
        target,
        body: toBytes(input),
        idempotent: true,
        deadlineAtMs,
        signal,
      });
      if (reply.status !== 200) throw refusal(reply.status, errorNameOf(reply.body));
      return read(reply.body);
    } catch (error) {
      if (signal.aborted) throw new StreamError("aborted", "Aborted", error);
      if (error instanceof StreamError) throw error;
      if (error instanceof UpstreamFailure) throw new StreamError("unavailable", error.kind, error);
      throw new StreamError("unavailable", error instanceof Error ? error.message : String(error), error);
    }
  }
}

function refusal(status: number, name: string | undefined): StreamError {
  const kind = status >= 500 ? "unavailable" : (kinds.get(name) ?? "unavailable");
  return new StreamError(kind, name ?? `status ${status}`);
}

function objectOf(body: Uint8Array): Input {
  const object = parseObject(body);
  if (object === undefined) throw unreadable();
  return object;
}

function unreadable(): StreamError {
  return new StreamError("unavailable", "unreadable reply");
}

function shardOf(value: unknown): Shard {
  if (!isObject(value) || typeof value.ShardId !== "string") throw unreadable();
  const range = value.SequenceNumberRange;
  return {
    shardId: value.ShardId,
    parentShardId: optionalText(value.ParentShardId),
    open: !isObject(range) || optionalText(range.EndingSequenceNumber) === undefined,
  };
}

function optionalText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
