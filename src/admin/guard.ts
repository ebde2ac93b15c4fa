/** Who may call the admin endpoints: host names, bearer token, and what browsers are told. */
import { hash, timingSafeEqual } from "node:crypto";
import { isLoopbackHost } from "../config/loopback.ts";

/** Sent with every reply. The pages here load nothing and are framed by nobody. */
export const securityHeaders: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/**
 * True if a Host header names this machine itself. A page of a foreign site whose name was made to resolve to
 * 127.0.0.1 (DNS rebinding) sends its own name here.
 */
export function isLoopbackHostHeader(header: string | undefined): boolean {
  const match = /^(\[[0-9a-f:.]+\]|[^:[\]]+)(?::\d{1,5})?$/i.exec(header ?? "");
  return match !== null && isLoopbackHost(match[1]!);
}

/** True if an Authorization header carries the token; takes the same time wherever the two differ. */
export function bearsToken(header: string | undefined, token: string): boolean {
  const match = /^Bearer +(\S+) *$/i.exec(header ?? "");
  const digest = (text: string) => hash("sha256", text, "buffer");
  return match !== null && timingSafeEqual(digest(match[1]!), digest(token));
}

/** True for application/json, with or without parameters: a type that no HTML form can send. */
export function isJsonContentType(header: string | undefined): boolean {
  return /^application\/json\s*(?:;|$)/i.test(header ?? "");
}
