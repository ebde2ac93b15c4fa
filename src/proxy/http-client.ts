/** The Client behind a response of Node's HTTP server. */

import type { ServerResponse } from "node:http";
import { crc32 } from "node:zlib";
import type { Reply } from "./call.ts";
import type { Client } from "./http-call.ts";
import { cacheHeader } from "./reply.ts";

/** Node joins a text with the head to one write, bytes to two; beyond this size copying costs more than it saves. */
export const oneWriteBytesMax = 4096;

/** What the replies of one server share. */
export interface ReplyContext {
  readonly requestId: () => string;
  /** While it is true, every reply says that its connection closes. */
  readonly isClosing: () => boolean;
}

export class HttpClient implements Client {
  readonly #response: ServerResponse;
  readonly #context: ReplyContext;

  constructor(response: ServerResponse, context: ReplyContext) {
    this.#response = response;
    this.#context = context;
  }

  send(reply: Reply, type: string): void {
    const { body } = reply;
    const headers: Record<string, string | number> = {
      "content-type": reply.contentType ?? type,
      "content-length": body.byteLength,
      "x-amzn-requestid": reply.requestId ?? this.#context.requestId(),
      "x-amz-crc32": reply.crc32 ?? crc32(body),
      "x-dynatier-cache": cacheHeader(reply),
    };
    if (this.#context.isClosing()) headers.connection = "close";
    this.#response.writeHead(reply.status, headers);
    if (body.byteLength <= oneWriteBytesMax) this.#response.end(latin1(body), "latin1");
    else this.#response.end(body);
  }

  /** A reply outside DynamoDB's protocol: no content type, no word of the cache. */
  sendBare(status: number, body: Uint8Array): void {
    const headers = {
      "content-length": body.byteLength,
      "x-amzn-requestid": this.#context.requestId(),
      "x-amz-crc32": crc32(body),
    };
    this.#response.writeHead(status, headers).end(body);
  }

  get hasLeft(): boolean {
    return this.#response.destroyed && !this.#response.writableFinished;
  }

  onLeave(listener: () => void): void {
    this.#response.once("close", () => {
      if (!this.#response.writableFinished) listener();
    });
  }
}

/** The text whose latin1 form is these bytes. */
function latin1(body: Uint8Array): string {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return bytes.toString("latin1");
}
