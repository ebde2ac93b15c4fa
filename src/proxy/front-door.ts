/** What is checked of an HTTP request before it becomes a call, whichever listener it came in by. */

import { isLoopbackHost } from "../config/loopback.ts";
import { DynamoDbError } from "../dynamodb/errors.ts";

/** The region that a SigV4 credential scope names (Authorization header, or X-Amz-Credential of a presigned URL). */
const scope = /Credential=[^/,\s&]+(?:\/|%2F)\d{8}(?:\/|%2F)([a-z0-9-]+)(?:\/|%2F)/i;

/**
 * The proxy calls DynamoDB with its own identity in its own region, so a request signed for another one would be
 * answered with other tables.
 * @throws InvalidSignatureException, as DynamoDB answers a wrong scope
 */
export function checkRegion(authorization: string | undefined, url: string, region: string): void {
  const text =
    authorization ?? (url.includes("X-Amz-Credential") ? url.replace("X-Amz-Credential", "Credential") : "");
  const scoped = scope.exec(text)?.[1];
  if (scoped === undefined || scoped === region) return;
  throw new DynamoDbError(
    "InvalidSignatureException",
    `Credential should be scoped to a valid region, not '${scoped}': this proxy serves ${region}. ` +
      "Set the client's region to it, or the proxy's setting region.",
  );
}

/** A Host header that was right: clients send the same one over and over. */
let loopbackSeen: string | undefined;

/**
 * On loopback no web page may reach the tables through a name that it made point here (DNS rebinding).
 * @throws AccessDeniedException
 */
export function checkHost(host: string | undefined): void {
  if (host !== undefined && host === loopbackSeen) return;
  const name = host?.replace(/:\d+$/, "");
  if (name !== undefined && isLoopbackHost(name)) {
    loopbackSeen = host;
    return;
  }
  throw new DynamoDbError(
    "AccessDeniedException",
    `The Host header must be a loopback name such as localhost or 127.0.0.1, not '${host ?? ""}'.`,
  );
}
