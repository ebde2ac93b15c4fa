/** One call on its way through the proxy, whichever front end it came in by, and the reply to it. */

import type { Input } from "../dynamodb/model.ts";
import type { CacheOutcome, Reason } from "../metrics/outcome.ts";

/** What the request header x-dynatier-cache-control asked for. */
export interface CacheControl {
  /** Go up; the answer may be stored. */
  readonly noCache: boolean;
  /** Store nothing for this call; what is cached may answer it. */
  readonly noStore: boolean;
  /** A miss is an error. */
  readonly onlyIfCached: boolean;
  /** Only entries younger than this may answer; undefined = no wish. */
  readonly ageMsMax: number | undefined;
}

export const noWishes: CacheControl = {
  noCache: false,
  noStore: false,
  onlyIfCached: false,
  ageMsMax: undefined,
};

export interface Call {
  /** The full X-Amz-Target. */
  readonly target: string;
  /** Its operation, for example "GetItem". */
  readonly operation: string;
  readonly body: Uint8Array;
  /** The body parsed, where it is a JSON object and the operation is one we look into. */
  readonly input: Input | undefined;
  /** Moment of the clock at which the client is answered with an error at the latest. */
  readonly deadlineAtMs: number;
  /** Aborts when the client has left. */
  readonly signal: AbortSignal | undefined;
  readonly control: CacheControl;
}

export interface Reply {
  readonly status: number;
  readonly body: Uint8Array;
  /** CRC-32 of the body: ours as a number, upstream's as it was sent, undefined = to be computed. */
  readonly crc32: number | string | undefined;
  /** Upstream's x-amzn-RequestId; undefined = the front end makes one. */
  readonly requestId: string | undefined;
  readonly contentType: string | undefined;
  readonly outcome: CacheOutcome;
  readonly tier: "memory" | "redis" | undefined;
  readonly reason: Reason | undefined;
  /** For batches: how many of how many items came from the cache. */
  readonly items: { readonly hits: number; readonly of: number } | undefined;
  /** TableName for the metrics; "" where the call names none or several. */
  readonly table: string;
  /** The error's bare name, if it is one, and whether this proxy wrote it. */
  readonly error: { readonly name: string; readonly origin: "proxy" | "upstream" } | undefined;
}

export type MaybePromise<T> = T | Promise<T>;

/** All of the values: at once where none of them has to be waited for. */
export function together<T>(values: readonly MaybePromise<T>[]): MaybePromise<readonly T[]> {
  return areHere(values) ? values : Promise.all(values);
}

function areHere<T>(values: readonly MaybePromise<T>[]): values is readonly T[] {
  return !values.some((value) => value instanceof Promise);
}
