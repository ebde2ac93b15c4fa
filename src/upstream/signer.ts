// The headers of one signed call (AWS Signature Version 4), about 15 µs each with the library's own key
// cache.

import { createHash, createHmac, type Hash, type Hmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import type { CredentialSource } from "./credentials.ts";
import type { Endpoint } from "./endpoints.ts";

export interface SignerOptions {
  readonly credentials: CredentialSource;
  readonly region: string;
  /** Wall clock; default the system's. */
  readonly now?: () => Date;
}

/** Returns the request's headers as undici takes them: name, value, name, value… Host is left to undici. */
export type Signer = (endpoint: Endpoint, target: string, body: Uint8Array) => Promise<string[]>;

/** DynamoDB, its streams and its vector search all sign as "dynamodb". */
const service = "dynamodb";

/** Makes the signer. Its promise rejects with the credential source's error if there are no credentials. */
export function createSigner(options: SignerOptions): Signer {
  const now = options.now ?? (() => new Date());
  const signature = new SignatureV4({
    service,
    region: options.region,
    credentials: async () => toIdentity(await options.credentials.current()),
    sha256: NodeSha256,
    applyChecksum: false, // x-amz-content-sha256 is S3's; DynamoDB hashes the body itself.
  });
  return async (endpoint, target, body) => {
    const signed = await signature.sign(
      {
        method: "POST",
        protocol: "",
        hostname: endpoint.host,
        path: endpoint.path,
        query: {},
        headers: {
          host: endpoint.host,
          "content-type": "application/x-amz-json-1.0",
          "x-amz-target": target,
        },
        body,
      },
      { signingDate: now() },
    );
    const headers: string[] = [];
    for (const [name, value] of Object.entries(signed.headers))
      if (name !== "host") headers.push(name, value);
    // Not signed: an intermediate may change them. Identity: replies are handed on byte for byte.
    headers.push("accept-encoding", "identity", "user-agent", "dynatier");
    return headers;
  };
}

function toIdentity(credentials: Awaited<ReturnType<CredentialSource["current"]>>): {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
} {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) };
}

/** What the library asks of a hash, over node:crypto. */
class NodeSha256 {
  readonly #secret: string | ArrayBuffer | Uint8Array | undefined;
  #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#secret = ArrayBuffer.isView(secret)
      ? new Uint8Array(secret.buffer, secret.byteOffset, secret.byteLength)
      : secret;
    this.#hash = this.#begin();
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    this.#hash = this.#begin();
  }

  #begin(): Hash | Hmac {
    if (this.#secret === undefined) return createHash("sha256");
    return createHmac(
      "sha256",
      this.#secret instanceof ArrayBuffer ? new Uint8Array(this.#secret) : this.#secret,
    );
  }
}
