/** What the request path knows of DynamoDB: send one call, get one reply or a failure that says what it may have done. */

export interface UpstreamRequest {
  /** The full X-Amz-Target, for example "DynamoDB_20120810.GetItem". */
  readonly target: string;
  readonly body: Uint8Array;
  /** True if sending it twice does no harm (reads; writes with a ClientRequestToken): then it may be retried. */
  readonly idempotent: boolean;
  /** Moment of the process' monotonic clock (util/clock.ts) after which the caller no longer waits. */
  readonly deadlineAtMs: number;
  /** Aborting it abandons the call. Never passed for writes: their outcome must be learned. */
  readonly signal?: AbortSignal | undefined;
}

export interface UpstreamReply {
  readonly status: number;
  readonly body: Uint8Array;
  /** x-amzn-RequestId as upstream sent it. */
  readonly requestId: string | undefined;
  /** x-amz-crc32 as upstream sent it. */
  readonly crc32: string | undefined;
  readonly contentType: string | undefined;
  /**
   * True if an earlier attempt of this call may have acted, or may still: then an error in this reply says nothing
   * about that attempt. Only for calls that were idempotent.
   */
  readonly earlierUnknown?: true;
}

/**
 * No reply. `outcome` is "none" if DynamoDB cannot have acted on the call (connection refused, never sent) and
 * "unknown" if it may have, or may still (deadline, reset after sending).
 */
export class UpstreamFailure extends Error {
  readonly outcome: "none" | "unknown";
  readonly kind: "timeout" | "reset" | "refused" | "aborted" | "overload";
  constructor(kind: UpstreamFailure["kind"], outcome: "none" | "unknown", message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
    this.outcome = outcome;
  }
}

export interface Upstream {
  send(request: UpstreamRequest): Promise<UpstreamReply>;
  close(): Promise<void>;
}
