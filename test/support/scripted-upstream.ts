// A fake DynamoDB whose answers are functions, for what DynamoDB Local cannot do: table ARNs, multi-attribute
// GSI keys, odd errors, replies that are not JSON.

import { randomUUID } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { crc32 } from "node:zlib";

export interface ScriptedRequest {
  readonly operation: string;
  readonly target: string;
  readonly input: Record<string, unknown>;
  readonly bytes: Buffer;
  readonly headers: IncomingHttpHeaders;
}

/** A plain object is answered with status 200; use scriptedReply for anything else. */
export type ScriptedAnswer = object | ScriptedReply;
export type Script = (request: ScriptedRequest) => ScriptedAnswer | Promise<ScriptedAnswer>;

/** An answer with a status, headers, and a body that may be no JSON at all. */
export class ScriptedReply {
  readonly status: number;
  readonly body: object | string | Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  constructor(
    status: number,
    body: object | string | Uint8Array,
    headers: Readonly<Record<string, string>> = {},
  ) {
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

/** DynamoDB's error of that name, with status 400 unless told otherwise. */
export function scriptedError(name: string, message = name, status = 400): ScriptedReply {
  return new ScriptedReply(status, { __type: `com.amazonaws.dynamodb.v20120810#${name}`, message });
}

export interface ScriptedUpstream {
  readonly url: string;
  /** Everything that came, in order. */
  readonly requests: ScriptedRequest[];
  /** How often an operation (or anything) was asked. */
  count(operation?: string): number;
  /** Sets or replaces the script of one operation. */
  on(operation: string, script: Script): void;
  close(): Promise<void>;
}

/**
 * Starts it on a free loopback port. An operation without a script is answered with
 * UnknownOperationException; a script that throws, with InternalServerError and its message.
 */
export async function startScriptedUpstream(
  scripts: Readonly<Record<string, Script>> = {},
): Promise<ScriptedUpstream> {
  const table = new Map(Object.entries(scripts));
  const requests: ScriptedRequest[] = [];
  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    const target = String(incoming.headers["x-amz-target"] ?? "");
    const operation = target.slice(target.lastIndexOf(".") + 1);
    const request = { operation, target, input: parse(bytes), bytes, headers: incoming.headers };
    requests.push(request);
    const reply = await answer(table.get(operation), request);
    const verbatim = typeof reply.body === "string" || reply.body instanceof Uint8Array;
    const body = Buffer.from((verbatim ? reply.body : JSON.stringify(reply.body)) as string);
    outgoing.writeHead(reply.status, {
      "content-type": "application/x-amz-json-1.0",
      "x-amzn-requestid": randomUUID().replaceAll("-", "").toUpperCase(),
      "x-amz-crc32": String(crc32(body)),
      "content-length": body.byteLength,
      ...reply.headers,
    });
    outgoing.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    count: (operation) =>
      operation === undefined ? requests.length : requests.filter((r) => r.operation === operation).length,
    on: (operation, script) => void table.set(operation, script),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(script: Script | undefined, request: ScriptedRequest): Promise<ScriptedReply> {
  if (script === undefined) return scriptedError("UnknownOperationException", "");
  try {
    const result = await script(request);
    return result instanceof ScriptedReply ? result : new ScriptedReply(200, result);
  } catch (error) {
    return scriptedError("InternalServerError", String(error), 500);
  }
}

function parse(bytes: Buffer): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(bytes.toString("utf8"));
    return typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
