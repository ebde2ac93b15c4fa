/** The fast lane's replies as text: the head that Node's HTTP server would send, put together once. */

import { STATUS_CODES } from "node:http";
import { crc32 } from "node:zlib";
import type { Reply } from "./call.ts";
import { cacheHeader } from "./reply.ts";

/** What may stand in a header's value (as Node checks it); of ours only what upstream sent needs the check. */
const notInValue = /[^\t\x20-\x7e\x80-\xff]/;

/** Makes heads for one server: its keep-alive time is part of them, and the date once a second. */
export class ReplyHeads {
  readonly #requestId: () => string;
  readonly #keepAlive: string;
  #second = 0;
  #openEnd = "";
  #closingEnd = "";
  readonly #statusLines = new Map<number, string>();
  /** The beginning of the last head, and of what it was made: nearly all replies have the same. */
  #start = "";
  #startStatus = 0;
  #startType = "";

  constructor(options: { readonly requestId: () => string; readonly keepAliveMs: number }) {
    this.#requestId = options.requestId;
    this.#keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(options.keepAliveMs / 1000)}`;
  }

  /**
   * The head of a reply, its empty line included.
   * @param type the media type of a reply that names none itself
   * @throws Error if something in it can be no header, as Node does
   */
  head(reply: Reply, type: string, isClosing: boolean): string {
    const { body } = reply;
    const crc = reply.crc32 ?? crc32(body);
    const requestId = reply.requestId ?? this.#requestId();
    if (reply.requestId !== undefined) check(reply.requestId);
    if (reply.contentType !== undefined) check(reply.contentType);
    if (typeof crc === "string") check(crc);
    this.#renewDate();
    return (
      `${this.#startOf(reply.status, reply.contentType ?? type)}${body.byteLength}\r\n` +
      `x-amzn-requestid: ${requestId}\r\nx-amz-crc32: ${crc}\r\n` +
      `x-dynatier-cache: ${cacheHeader(reply)}${isClosing ? this.#closingEnd : this.#openEnd}`
    );
  }

  #renewDate(): void {
    const nowMs = Date.now();
    const second = Math.floor(nowMs / 1000);
    if (second === this.#second) return;
    this.#second = second;
    const date = `Date: ${new Date(nowMs).toUTCString()}\r\n`;
    this.#openEnd = `\r\n${date}${this.#keepAlive}\r\n\r\n`;
    this.#closingEnd = `\r\nconnection: close\r\n${date}\r\n`;
  }

  #startOf(status: number, type: string): string {
    if (status === this.#startStatus && type === this.#startType) return this.#start;
    this.#start = `${this.#statusLine(status)}content-type: ${type}\r\ncontent-length: `;
    this.#startStatus = status;
    this.#startType = type;
    return this.#start;
  }

  #statusLine(status: number): string {
    const known = this.#statusLines.get(status);
    if (known !== undefined) return known;
    // Statuses without a body, which DynamoDB never sends: what follows would be read as the next reply.
    if (!Number.isInteger(status) || status < 200 || status > 999 || status === 204 || status === 304)
      throw new RangeError(`${status} is no status of a reply with a body`);
    const line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "unknown"}\r\n`;
    this.#statusLines.set(status, line);
    return line;
  }
}

function check(value: string): void {
  if (notInValue.test(value)) throw new TypeError("upstream sent a header that cannot be passed on");
}
