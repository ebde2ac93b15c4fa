/** The texts that a signature is computed over (IAM user guide, "Create a signed AWS API request"). */

import { hash } from "node:crypto";
import { algorithm } from "./claim.ts";

/** Node takes 16 KiB of headers by default, so that nearly every canonical request fits. */
const scratch = Buffer.alloc(32 * 1024);

export interface CanonicalRequest {
  readonly method: string;
  /** In canonical form; here always "/". */
  readonly path: string;
  /** In canonical form. */
  readonly query: string;
  /** "name:value\n" for each signed header. */
  readonly headers: string;
  readonly signedHeaders: string;
  /** Lower-case hex SHA-256. */
  readonly bodyHash: string;
}

/** Lower-case hex SHA-256 of the canonical request. Header values are bytes, one character each, as Node gives them. */
export function canonicalHash(request: CanonicalRequest): string {
  const { method, path, query, headers, signedHeaders, bodyHash } = request;
  const text = `${method}\n${path}\n${query}\n${headers}\n${signedHeaders}\n${bodyHash}`;
  if (text.length > scratch.byteLength) return hash("sha256", Buffer.from(text, "latin1"), "hex");
  return hash("sha256", scratch.subarray(0, scratch.write(text, "latin1")), "hex");
}

/**
 * @param time "20260101T120000Z"
 * @param scope "20260101/us-east-1/dynamodb/aws4_request"
 */
export function stringToSign(time: string, scope: string, canonical: string): string {
  return `${algorithm}\n${time}\n${scope}\n${canonical}`;
}
