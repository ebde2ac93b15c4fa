/**
 * Requests byte for byte as the SDKs for JavaScript, Python, Go and Java send them: header lines in each one's order and
 * capitals, the body as each one writes JSON, and a real signature over the headers that each one signs.
 */

import { createHmac, hash } from "node:crypto";
import { sdks } from "../test/support/sdk-requests.ts";

export type SdkName = "javascript" | "python" | "go" | "java";

/** Connections take turns through these. */
export const sdkNames: readonly SdkName[] = ["javascript", "python", "go", "java"];

/** The key that signs; the server with `auth: sigv4` knows it. */
export const benchKey = {
  accessKeyId: "AKIDBENCH",
  secretAccessKey: "a/secret/of/the/benchmark",
  name: "bench",
};
export const region = "us-east-1";

interface Form {
  readonly signed: readonly string[];
  readonly body: (input: object) => string;
}

const forms: Readonly<Record<SdkName, Form>> = {
  javascript: {
    signed: words(
      "amz-sdk-invocation-id amz-sdk-request content-length content-type host x-amz-content-sha256 x-amz-date " +
        "x-amz-target x-amz-user-agent",
    ),
    body: JSON.stringify,
  },
  // json.dumps: spaces after commas and colons, everything beyond ASCII escaped.
  python: { signed: words("content-type host x-amz-date x-amz-target"), body: pythonJson },
  // Members in the order of their names.
  go: {
    signed: words(
      "accept-encoding amz-sdk-invocation-id content-length content-type host x-amz-date x-amz-target",
    ),
    body: (input) => JSON.stringify(Object.fromEntries(Object.entries(input).sort(byName))),
  },
  // Members in the order of the service's model, keys in that of a HashMap.
  java: {
    signed: words(
      "amz-sdk-invocation-id amz-sdk-request content-length content-type host x-amz-date x-amz-target",
    ),
    body: (input) => JSON.stringify(Object.fromEntries(Object.entries(input).sort(byModel)), keysReversed),
  },
};

function words(text: string): readonly string[] {
  return text.split(" ");
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

/** The members that we send, in the order of DynamoDB's API model; no operation has all of them. */
const modelOrder = words(
  "TableName RequestItems Key Item Limit ReturnValues UpdateExpression KeyConditionExpression " +
    "ExpressionAttributeNames ExpressionAttributeValues",
);

function byModel([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return modelOrder.indexOf(a) - modelOrder.indexOf(b);
}

function keysReversed(_name: string, value: unknown): unknown {
  const isKey = typeof value === "object" && value !== null && Object.keys(value).join() === "pk,sk";
  return isKey ? Object.fromEntries(Object.entries(value).reverse()) : value;
}

function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).map(([name, one]) => `${pythonJson(name)}: ${pythonJson(one)}`);
    return `{${members.join(", ")}}`;
  }
  return JSON.stringify(value).replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

export interface Asked {
  readonly operation: string;
  readonly input: object;
  /** Header lines of our own, which no SDK signs. */
  readonly more?: readonly string[];
}

/** Makes the requests to one server. They are signed with the time of its making, so they are good for 15 minutes. */
export class Sender {
  readonly #host: string;
  readonly #date: string;
  readonly #scope: string;
  readonly #signingKey: Buffer;
  #made = 0;

  constructor(url: string, at = new Date()) {
    this.#host = new URL(url).host;
    this.#date = at.toISOString().replace(/[-:]|\.\d+/g, "");
    const parts = [this.#date.slice(0, 8), region, "dynamodb", "aws4_request"];
    this.#scope = parts.join("/");
    let key: Buffer = Buffer.from(`AWS4${benchKey.secretAccessKey}`);
    for (const part of parts) key = createHmac("sha256", key).update(part).digest();
    this.#signingKey = key;
  }

  /** Head and body, ready to be written to a socket. */
  bytes(sdk: SdkName, { operation, input, more = [] }: Asked): Buffer {
    const body = Buffer.from(forms[sdk].body(input));
    const sha256 = hash("sha256", body);
    this.#made += 1;
    const own: Readonly<Record<string, string>> = {
      host: this.#host,
      "content-length": String(body.byteLength),
      "x-amz-target": `DynamoDB_20120810.${operation}`,
      "x-amz-date": this.#date,
      "x-amz-content-sha256": sha256,
      "amz-sdk-invocation-id": `b4a5b6c7-0000-4000-8000-${this.#made.toString(16).padStart(12, "0")}`,
    };
    const fields = sdks[sdk]!.map((line) => {
      const colon = line.indexOf(": ");
      const [name, value] = [line.slice(0, colon), line.slice(colon + 2)];
      return { name, value: own[name.toLowerCase()] ?? value };
    });
    const authorization = this.#authorization(forms[sdk].signed, fields, sha256);
    const lines = fields.map(
      ({ name, value }) => `${name}: ${name.toLowerCase() === "authorization" ? authorization : value}`,
    );
    const head = ["POST / HTTP/1.1", ...lines, ...more].join("\r\n");
    return Buffer.concat([Buffer.from(`${head}\r\n\r\n`, "latin1"), body]);
  }

  /** Signature Version 4 over these headers. */
  #authorization(
    signed: readonly string[],
    fields: readonly { readonly name: string; readonly value: string }[],
    bodySha256: string,
  ): string {
    const values = new Map(fields.map(({ name, value }) => [name.toLowerCase(), value]));
    const headers = signed.map((name) => `${name}:${values.get(name)}\n`).join("");
    const canonical = `POST\n/\n\n${headers}\n${signed.join(";")}\n${bodySha256}`;
    const toSign = `AWS4-HMAC-SHA256\n${this.#date}\n${this.#scope}\n${hash("sha256", canonical)}`;
    const signature = createHmac("sha256", this.#signingKey).update(toSign).digest("hex");
    const credential = `${benchKey.accessKeyId}/${this.#scope}`;
    return (
      `AWS4-HMAC-SHA256 Credential=${credential}, ` +
      `SignedHeaders=${signed.join(";")}, Signature=${signature}`
    );
  }
}
