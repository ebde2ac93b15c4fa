/** Failures on the way to an answer, as the errors that clients understand. */

import { TooManyWaiters, WaiterLeft } from "../cache/single-flight.ts";
import { WriteNotGuarded } from "../cache/tier.ts";
import { DynamoDbError } from "../dynamodb/errors.ts";
import { UpstreamFailure } from "../upstream/upstream.ts";

/**
 * The wire error for a call that got no answer. ServiceUnavailable says that it was certainly not carried out;
 * InternalServerError says that it may have been, as DynamoDB's own 500 does. Anything unexpected is thrown on: a bug.
 */
export function wireError(failure: unknown): DynamoDbError {
  if (failure instanceof DynamoDbError) return failure;
  if (failure instanceof TooManyWaiters) {
    return new DynamoDbError(
      "ThrottlingException",
      `${failure.message} Try again shortly (setting waitersMax).`,
    );
  }
  if (failure instanceof WriteNotGuarded) {
    return new DynamoDbError("ThrottlingException", `${failure.message} Try again (setting writeGuard).`);
  }
  if (failure instanceof WaiterLeft) {
    return new DynamoDbError("InternalServerError", "DynamoDB did not answer within requestTimeoutMs.");
  }
  if (failure instanceof UpstreamFailure) return upstreamError(failure);
  throw failure;
}

function upstreamError(failure: UpstreamFailure): DynamoDbError {
  if (failure.kind === "overload") {
    return new DynamoDbError(
      "ThrottlingException",
      `${failure.message} Try again shortly (setting upstreamQueuedMax).`,
    );
  }
  return failure.outcome === "none"
    ? new DynamoDbError("ServiceUnavailable", `DynamoDB could not be reached: ${failure.message}`)
    : new DynamoDbError("InternalServerError", `No answer from DynamoDB: ${failure.message}`);
}
