/** The texts that a signature is computed over (IAM user guide, "Create a signed AWS API request"). */

import { hash } from "node:crypto";

export const algorithm = "AWS4-HMAC-SHA256";

/** Node takes 16 KiB of headers by default, so that nearly every canonical request fits. */
const scratch = Buffer.alloc(32 * 1024);

export interface CanonicalRequest {
  readonly method: string;
  /** In canonical form. */
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

/** A header's value without space around it, and with one space for each run of them inside (quoted or not). */
export function canonicalValue(value: string): string {
  const plain =
    !value.includes("  ") && !value.includes("\t") && !value.startsWith(" ") && !value.endsWith(" ");
  return plain ? value : value.replaceAll(/[ \t]+/g, " ").replaceAll(/^ | $/g, "");
}

/**
 * A path without empty segments, each segment escaped once more (every service but S3 wants it so).
 * @param path begins with "/"; escaped, and free of "." and "..", as URL gives it
 */
export function canonicalPath(path: string): string {
  const segments = path.split("/").filter((segment) => segment !== "");
  if (segments.length === 0) return "/";
  return `/${segments.map(escapeUri).join("/")}${path.endsWith("/") ? "/" : ""}`;
}

/** Everything but RFC 3986's unreserved characters; encodeURIComponent leaves five more. */
export function escapeUri(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
