// Requests signed as AWS's SDK for JavaScript signs them, in the form in which a server's parser hands them on.

import { createHash, createHmac, type Hash, type Hmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import type { SignedRequest } from "../../src/auth/authenticator.ts";

export interface SigningOptions {
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly sessionToken?: string;
  readonly region?: string;
  readonly service?: string;
  readonly at?: Date;
  readonly body?: string | Uint8Array;
  /** Besides host, content-type and x-amz-target, or instead of them. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | string[]>>;
  /** Puts the signature into the query instead. */
  readonly presign?: { readonly expiresIn: number };
}

export const testKey = {
  accessKeyId: "AKIDTEST",
  secretAccessKey: "a secret of test".replaceAll(" ", "/"),
  name: "tests",
};

/** SHA-256 and HMAC as the signer asks for them. */
export class NodeSha256 {
  readonly #hash: Hash | Hmac;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash =
      secret === undefined
        ? createHash("sha256")
        : createHmac("sha256", typeof secret === "string" ? secret : Buffer.from(secret as Uint8Array));
  }
  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {}
}

export async function signedRequest(options: SigningOptions = {}): Promise<SignedRequest> {
  const { region = "us-east-1", service = "dynamodb", at = new Date(), body = "{}", query = {} } = options;
  const { accessKeyId = testKey.accessKeyId, secretAccessKey = testKey.secretAccessKey } = options;
  const { sessionToken } = options;
  const signer = new SignatureV4({
    service,
    region,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
    sha256: NodeSha256,
    applyChecksum: false,
  });
  const request = {
    method: "POST",
    protocol: "http:",
    hostname: "localhost",
    path: "/",
    query: { ...query },
    headers: {
      host: "localhost:8100",
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": "DynamoDB_20120810.GetItem",
      ...options.headers,
    },
    body,
  };
  const hoisted = { unhoistableHeaders: new Set(["x-amz-target"]), ...options.presign };
  const signed =
    options.presign === undefined
      ? await signer.sign(request, { signingDate: at })
      : await signer.presign(request, { signingDate: at, ...hoisted });
  return {
    method: "POST",
    url: urlOf(signed.query ?? {}),
    rawHeaders: Object.entries(signed.headers).flat(),
    body: Buffer.from(body as Uint8Array),
  };
}

function urlOf(query: Readonly<Record<string, string | readonly string[] | null>>): string {
  const parts = Object.entries(query).flatMap(([name, value]) =>
    [value ?? ""].flat().map((one) => `${encodeURIComponent(name)}=${encodeURIComponent(one)}`),
  );
  return parts.length === 0 ? "/" : `/?${parts.join("&")}`;
}
