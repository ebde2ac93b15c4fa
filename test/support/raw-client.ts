// A DynamoDB client as bare as can be: one POST a call over kept-alive sockets, a signature-shaped header, no
// retries.

import { Agent, type IncomingHttpHeaders, request } from "node:http";

/** Kept-alive sockets shared by all calls that bring no agent of their own. */
const sharedAgent = new Agent({ keepAlive: true, maxSockets: 256 });

const AUTHORIZATION =
  "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, " +
  "SignedHeaders=content-type;host;x-amz-date;x-amz-target, " +
  `Signature=${"0".repeat(64)}`;

export interface CallOptions {
  /**
   * Sent besides the usual headers, or instead of them where the name is the same (lower case); undefined
   * omits one.
   */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Before the operation in X-Amz-Target; default "DynamoDB_20120810". See also STREAMS. */
  readonly targetPrefix?: string;
  readonly agent?: Agent;
  readonly signal?: AbortSignal;
  readonly method?: string;
  readonly path?: string;
}

export interface CallReply<Body = Record<string, unknown>> {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The parsed JSON body; an empty object where the body is not JSON (see bytes). */
  readonly body: Body;
  /** The body as it came over the wire. */
  readonly bytes: Buffer;
}

/** The target prefix of the four operations of DynamoDB Streams. */
export const STREAMS = "DynamoDBStreams_20120810";

/**
 * Calls one operation, for example call(url, "GetItem", {...}). Input is sent as JSON; a string or bytes
 * verbatim. Rejects only if there is no reply at all; an error reply of DynamoDB is a reply.
 */
export function call<Body = Record<string, unknown>>(
  url: string,
  operation: string,
  input: object | string | Uint8Array,
  options: CallOptions = {},
): Promise<CallReply<Body>> {
  const sent = typeof input === "string" || input instanceof Uint8Array ? input : JSON.stringify(input);
  const payload = Buffer.from(sent as Uint8Array);
  const headers: Record<string, string> = {};
  const all = {
    "content-type": "application/x-amz-json-1.0",
    "x-amz-target": `${options.targetPrefix ?? "DynamoDB_20120810"}.${operation}`,
    "x-amz-date": "20260101T000000Z",
    authorization: AUTHORIZATION,
    "content-length": String(payload.byteLength),
    ...options.headers,
  };
  for (const [name, value] of Object.entries(all)) if (value !== undefined) headers[name] = value;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      new URL(options.path ?? "/", url),
      {
        method: options.method ?? "POST",
        headers,
        agent: options.agent ?? sharedAgent,
        ...(options.signal && { signal: options.signal }),
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.once("error", reject);
        incoming.once("end", () => {
          const bytes = Buffer.concat(chunks);
          const body = parse(bytes) as Body;
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body, bytes });
        });
      },
    );
    outgoing.once("error", reject);
    outgoing.end(payload);
  });
}

/** Like call, and throws if the status is not 200; returns the body. For set-up steps that must succeed. */
export async function mustCall<Body = Record<string, unknown>>(
  url: string,
  operation: string,
  input: object,
  options: CallOptions = {},
): Promise<Body> {
  const reply = await call<Body>(url, operation, input, options);
  if (reply.status !== 200) throw new Error(`${operation}: ${reply.status} ${reply.bytes.toString("utf8")}`);
  return reply.body;
}

/** The name of an error reply: what stands behind '#' in __type; undefined where there is none. */
export function errorName(reply: CallReply<unknown>): string | undefined {
  const body = reply.body;
  if (typeof body !== "object" || body === null || !("__type" in body)) return undefined;
  return typeof body.__type === "string" ? body.__type.split("#").at(-1) : undefined;
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return {};
  }
}
