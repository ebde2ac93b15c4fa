/**
 * The refusals of an authenticator in DynamoDB's words. None of them holds a secret, a signature that would
 * have been right, or what it is computed from.
 *
 * Sources: IAM user guide "Troubleshoot Signature Version 4"; what DynamoDB answered in public issues
 * (aws-sdk-js #254, PynamoDB #603); the ladder of checks that dynalite found by asking DynamoDB.
 */

import { DynamoDbError } from "../dynamodb/errors.ts";

/** How much of a client's own text is said back to it. */
const echoMax = 64;

/** A client's own text, cut short. */
export function echo(text: string): string {
  return text.length > echoMax ? `${text.slice(0, echoMax)}…` : text;
}

export function missing(): DynamoDbError {
  return new DynamoDbError("MissingAuthenticationTokenException", "Request is missing Authentication Token");
}

export function incomplete(message: string): DynamoDbError {
  return new DynamoDbError("IncompleteSignatureException", message);
}

/** An unknown access key, or a session token: a keys file holds none. */
export function unrecognized(): DynamoDbError {
  return new DynamoDbError(
    "UnrecognizedClientException",
    "The security token included in the request is invalid.",
  );
}

export function invalid(message: string): DynamoDbError {
  return new DynamoDbError("InvalidSignatureException", message);
}

export function notSigned(header: string): DynamoDbError {
  return invalid(`'${echo(header)}' must be a 'SignedHeader' in the AWS Authorization.`);
}

export function mismatch(): DynamoDbError {
  return invalid(
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret " +
      "Access Key and signing method. Consult the service documentation for details.",
  );
}
