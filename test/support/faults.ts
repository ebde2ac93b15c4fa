// What the counting upstream records of a request, and what it can do to one.

import type { IncomingHttpHeaders } from "node:http";

export interface RecordedRequest {
  /** The operation's name: what stands behind the dot of X-Amz-Target; "" without one. */
  readonly operation: string;
  /** The full X-Amz-Target. */
  readonly target: string;
  /** The parsed body; an empty object where it is not a JSON object. */
  readonly input: Record<string, unknown>;
  readonly bytes: Buffer;
  readonly headers: IncomingHttpHeaders;
  /** When the whole request was here: performance.now(). */
  readonly atMs: number;
  /** Which socket it came on: numbered from 1 in the order of their opening. */
  readonly socket: number;
}

export interface ReplacedReply {
  readonly status: number;
  /** Sent as JSON; a string or bytes verbatim. */
  readonly body: object | string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * What to do with the requests a rule takes. Steps may be combined: they happen in the order of the drawing
 * above.
 */
export interface Fault {
  readonly delayBeforeMs?: number;
  readonly delayAfterMs?: number;
  /**
   * "before": the socket is reset and upstream never hears of it. "after": upstream acted, the reply is lost.
   */
  readonly drop?: "before" | "after";
  /**
   * Answered instead of upstream's reply. The request is not forwarded unless forward is true (acted, but
   * says so).
   */
  readonly reply?: ReplacedReply;
  readonly forward?: boolean;
  /** How often the rule applies before it is spent; default without end. */
  readonly times?: number;
}

/** An operation's name, or any test of a recorded request. */
export type Match = string | ((request: RecordedRequest) => boolean);

export interface Hold {
  /** Fulfilled with the first request that came to the hold. */
  readonly arrived: Promise<RecordedRequest>;
  /** Requests waiting now. */
  waiting(): number;
  /** Lets everybody go, and whoever comes later. */
  release(): void;
}

/** A throttling answer as DynamoDB gives it. */
export const THROTTLED: ReplacedReply = {
  status: 400,
  body: {
    __type: "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
    message: "The level of configured provisioned throughput for the table was exceeded.",
  },
};

/** DynamoDB's own failure: it may or may not have acted. */
export const INTERNAL_ERROR: ReplacedReply = {
  status: 500,
  body: {
    __type: "com.amazon.coral.service#InternalServerError",
    message: "The request processing has failed",
  },
};
