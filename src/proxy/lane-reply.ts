/** The fast lane's replies as bytes: the head that Node's HTTP server would send, nearly all of it put together once. */

import { STATUS_CODES } from "node:http";
import { crc32 } from "node:zlib";
import type { CacheOutcome } from "../metrics/outcome.ts";
import type { Reply } from "./call.ts";
import { cacheHeader } from "./reply.ts";

/** What may stand in a header's value (as Node checks it); of ours only what upstream sent needs the check. */
const notInValue = /[^\t\x20-\x7e\x80-\xff]/;

const idName = Buffer.from("\r\nx-amzn-requestid: ");
const crcName = Buffer.from("\r\nx-amz-crc32: ");
const headEnd = Buffer.from("\r\n\r\n");
/** Of a body's length or its CRC-32. */
const digitsMax = 10;

/** The head of one reply, to be written where it goes. Good until the next one is asked for. */
export class ReplyHead {
  start: Uint8Array = headEnd;
  bodyBytes = 0;
  requestId = "";
  crc: number | string = 0;

  /** As many bytes as it may take, at the most. */
  get bytesMax(): number {
    const crcMax = typeof this.crc === "string" ? this.crc.length : digitsMax;
    const names = idName.length + crcName.length + headEnd.length;
    return this.start.length + digitsMax + this.requestId.length + crcMax + names;
  }

  /** @returns where it ends */
  writeTo(out: Buffer, from: number): number {
    const { start, requestId, crc } = this;
    out.set(start, from);
    let at = writeNumber(this.bodyBytes, out, from + start.length);
    out.set(idName, at);
    at += idName.length;
    at += out.write(requestId, at, "latin1");
    out.set(crcName, at);
    at += crcName.length;
    at = typeof crc === "number" ? writeNumber(crc, out, at) : at + out.write(crc, at, "latin1");
    out.set(headEnd, at);
    return at + headEnd.length;
  }
}

/** What the heads of one outcome begin with, and of what it was made: mostly the next one's is the same. */
interface Start {
  readonly bytes: Uint8Array;
  readonly status: number;
  readonly type: string;
  readonly tier: Reply["tier"];
  readonly reason: Reply["reason"];
  /** The date, and whether the connection stays open. */
  readonly general: string;
}

/** Makes heads for one server: its keep-alive time is part of them, and the date once a second. */
export class ReplyHeads {
  readonly #requestId: () => string;
  readonly #keepAlive: string;
  readonly #head = new ReplyHead();
  readonly #starts = new Map<CacheOutcome, Start>();
  readonly #statusLines = new Map<number, string>();
  #second = 0;
  #open = "";
  #closing = "";

  constructor(options: { readonly requestId: () => string; readonly keepAliveMs: number }) {
    this.#requestId = options.requestId;
    this.#keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(options.keepAliveMs / 1000)}\r\n`;
  }

  /**
   * The head of a reply, its empty line included; the same object each time.
   * @param type the media type of a reply that names none itself
   * @throws Error if something in it can be no header, as Node does
   */
  head(reply: Reply, type: string, isClosing: boolean): ReplyHead {
    const { body } = reply;
    const head = this.#head;
    if (reply.requestId !== undefined) check(reply.requestId);
    if (reply.contentType !== undefined) check(reply.contentType);
    head.crc = reply.crc32 ?? crc32(body);
    if (typeof head.crc === "string") check(head.crc);
    head.requestId = reply.requestId ?? this.#requestId();
    head.bodyBytes = body.byteLength;
    this.#renewDate();
    head.start = this.#startOf(reply, reply.contentType ?? type, isClosing ? this.#closing : this.#open);
    return head;
  }

  #renewDate(): void {
    const nowMs = Date.now();
    const second = Math.floor(nowMs / 1000);
    if (second === this.#second) return;
    this.#second = second;
    const date = `Date: ${new Date(nowMs).toUTCString()}\r\n`;
    this.#open = date + this.#keepAlive;
    this.#closing = `connection: close\r\n${date}`;
  }

  #startOf(reply: Reply, type: string, general: string): Uint8Array {
    const { status, outcome, tier, reason, items } = reply;
    const known = this.#starts.get(outcome);
    const isKnown = known?.general === general && known.status === status && known.type === type;
    if (isKnown && known.tier === tier && known.reason === reason && items === undefined) return known.bytes;
    const bytes = Buffer.from(
      `${this.#statusLine(status)}content-type: ${type}\r\n` +
        `x-dynatier-cache: ${cacheHeader(reply)}\r\n${general}content-length: `,
      "latin1",
    );
    if (items === undefined) this.#starts.set(outcome, { bytes, status, type, tier, reason, general });
    return bytes;
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

/** A whole number of at most ten digits in decimal. Returns where it ends. */
function writeNumber(value: number, out: Buffer, from: number): number {
  let end = from + 1;
  for (let power = 10; power <= value; power *= 10) end += 1;
  let left = value;
  for (let at = end - 1; at >= from; at -= 1) {
    const tenth = Math.floor(left / 10);
    out[at] = 0x30 + left - 10 * tenth;
    left = tenth;
  }
  return end;
}

function check(value: string): void {
  if (notInValue.test(value)) throw new TypeError("upstream sent a header that cannot be passed on");
}
