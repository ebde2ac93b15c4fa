/** What a request says of its signature, in the Authorization header or (presigned) in the query; nothing is checked yet. */

import type { Parameter } from "./canonical-query.ts";
import { echo, incomplete } from "./refusals.ts";

export interface Claim {
  readonly algorithm: string;
  /** "keyid/date/region/service/aws4_request". */
  readonly credential: string;
  /** "host;x-amz-date". */
  readonly signedHeaders: string;
  readonly signature: string;
}

const headerParts = ["Credential", "Signature", "SignedHeaders"] as const;

/**
 * Takes the Authorization header apart. The three parts may come in any order.
 * @param hasDate whether the request has an X-Amz-Date or Date header: DynamoDB complains of all in one message
 * @throws IncompleteSignatureException
 */
export function readHeaderClaim(authorization: string, hasDate: boolean): Claim {
  const space = authorization.indexOf(" ");
  const named = space < 0 ? authorization : authorization.slice(0, space);
  const parts = new Map<string, string>();
  // Some old signers separate by spaces alone.
  for (const part of authorization.slice(named.length).split(/[,\s]+/)) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    if (equals < 0) {
      throw incomplete(
        `'${echo(part)}' not a valid key=value pair (missing equal-sign) in Authorization header.`,
      );
    }
    // Which of two would count? Neither.
    if (parts.has(part.slice(0, equals))) throw incomplete("Authorization header names a parameter twice.");
    parts.set(part.slice(0, equals), part.slice(equals + 1));
  }
  const complaints = headerParts
    .filter((name) => !parts.get(name))
    .map((name) => `Authorization header requires '${name}' parameter.`);
  if (!hasDate) {
    complaints.push("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
  }
  if (complaints.length > 0) throw incomplete(complaints.join(" "));
  return claimOf(named, parts.get("Credential"), parts.get("SignedHeaders"), parts.get("Signature"));
}

const queryParts = [
  "X-Amz-Algorithm",
  "X-Amz-Credential",
  "X-Amz-Signature",
  "X-Amz-SignedHeaders",
  "X-Amz-Date",
] as const;

export interface QueryClaim {
  readonly claim: Claim;
  /** When it was signed, as the client wrote it. */
  readonly date: string;
  /** How long after that its signer wanted it to count; undefined = it did not say. */
  readonly expiresSeconds: number | undefined;
}

/**
 * What a presigned request claims.
 * @throws IncompleteSignatureException
 */
export function readQueryClaim(parameters: readonly Parameter[]): QueryClaim {
  const parts = new Map<string, string>();
  for (const [name, value] of parameters) {
    if (!name.startsWith("X-Amz-")) continue;
    if (parts.has(name)) throw incomplete("The query string names a parameter of the signature twice.");
    parts.set(name, value);
  }
  const complaints = queryParts
    .filter((name) => !parts.get(name))
    .map((name) => `AWS query-string parameters must include '${name}'.`);
  if (complaints.length > 0) {
    throw incomplete(`${complaints.join(" ")} Re-examine the query-string parameters.`);
  }
  const claim = claimOf(
    parts.get("X-Amz-Algorithm"),
    parts.get("X-Amz-Credential"),
    parts.get("X-Amz-SignedHeaders"),
    parts.get("X-Amz-Signature"),
  );
  const expires = parts.get("X-Amz-Expires");
  if (expires !== undefined && !/^\d{1,6}$/.test(expires)) {
    throw incomplete("X-Amz-Expires should be a number of seconds.");
  }
  return {
    claim,
    date: parts.get("X-Amz-Date") ?? "",
    expiresSeconds: expires === undefined ? undefined : Number(expires),
  };
}

function claimOf(named = "", credential = "", signedHeaders = "", signature = ""): Claim {
  return { algorithm: named, credential, signedHeaders, signature };
}
