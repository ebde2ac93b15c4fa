// The headers of one signed call (AWS Signature Version 4), in the one shape that DynamoDB is sent. Without waiting, and
// with everything prepared that calls of one identity and day have in common (docs/decisions/0016).

import { hash } from "node:crypto";
import {
  algorithm,
  canonicalHash,
  canonicalPath,
  canonicalValue,
  stringToSign,
} from "../sigv4/canonical-request.ts";
import { formatTime } from "../sigv4/signing-date.ts";
import { deriveSigningKey, type SigningKey } from "../sigv4/signing-key.ts";
import type { Credentials } from "./credentials.ts";
import type { Endpoint } from "./endpoints.ts";

export interface SignerOptions {
  readonly region: string;
  /** Wall clock in milliseconds since 1970; default the system's. */
  readonly nowMs?: (() => number) | undefined;
}

/** DynamoDB, its streams and its vector search all sign as "dynamodb". */
const service = "dynamodb";
const contentType = "application/x-amz-json-1.0";

/** What calls with the same credentials on the same day have in common. */
interface Identity {
  readonly credentials: Credentials;
  /** YYYYMMDD */
  readonly date: string;
  /** "date/region/service/aws4_request" */
  readonly scope: string;
  readonly key: SigningKey;
  readonly signedHeaders: string;
  /** The token's line among the canonical headers; "" without one. */
  readonly tokenLine: string;
  /** The Authorization header up to the signature. */
  readonly prefix: string;
}

export class Signer {
  readonly #region: string;
  readonly #nowMs: () => number;
  #identity: Identity | undefined;
  #second = Number.NaN;
  #time = "";

  constructor({ region, nowMs = Date.now }: SignerOptions) {
    this.#region = region;
    this.#nowMs = nowMs;
  }

  /** The request's headers as undici takes them: name, value, name, value… Host is left to undici. */
  sign(credentials: Credentials, { host, path }: Endpoint, target: string, body: Uint8Array): string[] {
    const time = this.#timeNow();
    const { key, scope, signedHeaders, tokenLine, prefix } = this.#identityOf(credentials, time.slice(0, 8));
    const canonical = canonicalHash({
      method: "POST",
      path: path === "/" ? path : canonicalPath(path),
      query: "",
      headers:
        `content-type:${contentType}\nhost:${host}\nx-amz-date:${time}\n` +
        `${tokenLine}x-amz-target:${canonicalValue(target)}\n`,
      signedHeaders,
      bodyHash: hash("sha256", body, "hex"),
    });
    const signature = key.sign(stringToSign(time, scope, canonical));
    const headers = ["content-type", contentType, "x-amz-target", target, "x-amz-date", time];
    if (tokenLine !== "") headers.push("x-amz-security-token", credentials.sessionToken ?? "");
    // The last two are not signed: an intermediate may change them. Identity: replies are handed on byte for byte.
    headers.push(
      "authorization",
      prefix + signature,
      "accept-encoding",
      "identity",
      "user-agent",
      "dynatier",
    );
    return headers;
  }

  #timeNow(): string {
    const second = Math.floor(this.#nowMs() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#time = formatTime(second * 1000);
    }
    return this.#time;
  }

  #identityOf(credentials: Credentials, date: string): Identity {
    const known = this.#identity;
    if (known !== undefined && known.date === date && isSame(known.credentials, credentials)) return known;
    const { accessKeyId, secretAccessKey, sessionToken = "" } = credentials;
    const scope = `${date}/${this.#region}/${service}/aws4_request`;
    const token = sessionToken === "" ? "" : "x-amz-security-token;";
    const signedHeaders = `content-type;host;x-amz-date;${token}x-amz-target`;
    this.#identity = {
      // A copy: who gave them may change the object that it gives out.
      credentials: { ...credentials },
      ...{ date, scope, signedHeaders },
      key: deriveSigningKey(secretAccessKey, date, this.#region, service),
      tokenLine: sessionToken === "" ? "" : `x-amz-security-token:${canonicalValue(sessionToken)}\n`,
      prefix: `${algorithm} Credential=${accessKeyId}/${scope}, SignedHeaders=${signedHeaders}, Signature=`,
    };
    return this.#identity;
  }
}

function isSame(a: Credentials, b: Credentials): boolean {
  return (
    a.accessKeyId === b.accessKeyId &&
    a.secretAccessKey === b.secretAccessKey &&
    a.sessionToken === b.sessionToken
  );
}
