/**
 * The fast lane's parser: one strict subset of HTTP/1.1, the one that DynamoDB's SDKs send. What it takes, Node's
 * parser takes too and reads the same; at any doubt it says FOREIGN, and Node's parser gets the bytes.
 */

import { maxHeaderSize } from "node:http";
import type { RequestParts } from "./answers.ts";
import { rawHeadersOf } from "./header-lines.ts";

/** parse: the bytes may become a request of the subset, but its end is not there yet. */
export const INCOMPLETE = 0;
/** parse: no request of the subset. */
export const FOREIGN = -1;

/** The head's size that the lane reads; far above what SDKs send, and never above what Node's parser takes. */
export const headBytesMax = Math.min(8192, maxHeaderSize >> 1);
/** Header lines that the lane reads. SDKs send 8 to 15. */
export const headerLinesMax = 64;
/** Eight digits are every length that the lane could read, and far from any overflow. */
const lengthDigitsMax = 8;

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const COLON = 0x3a;
const ZERO = 0x30;
const NINE = 0x39;

const lineEndBytes = 2;
const requestLine = Buffer.from("POST / HTTP/1.1\r\n");

/** Bytes of a header name that the lane takes: fewer than HTTP allows. */
const inName = new Uint8Array(256);
for (const char of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
  inName[char.charCodeAt(0)] = 1;

const names = {
  host: Buffer.from("host"),
  expect: Buffer.from("expect"),
  upgrade: Buffer.from("upgrade"),
  trailer: Buffer.from("trailer"),
  connection: Buffer.from("connection"),
  keepAlive: Buffer.from("keep-alive"),
  type: Buffer.from("content-type"),
  target: Buffer.from("x-amz-target"),
  authorization: Buffer.from("authorization"),
  length: Buffer.from("content-length"),
  proxyConnection: Buffer.from("proxy-connection"),
  transferEncoding: Buffer.from("transfer-encoding"),
  cacheControl: Buffer.from("x-dynatier-cache-control"),
};

/** The media types as SDKs write them. With a parameter or in capitals they are read by Node. */
const types = ["application/x-amz-json-1.0", "application/json"].map((text) => ({
  text,
  bytes: Buffer.from(text),
}));

/** Where a header's value stands; start 0 = the request has no such header. */
class Place {
  start = 0;
  end = 0;

  /** The value; undefined where there is none. */
  text(bytes: Buffer): string | undefined {
    return this.start === 0 ? undefined : bytes.toString("latin1", this.start, this.end);
  }
}

/** The place of a header whose value is mostly the one of the request before: its text is made once. */
class RepeatedPlace extends Place {
  #text = "";

  override text(bytes: Buffer): string | undefined {
    if (this.start === 0) return undefined;
    const text = this.#text;
    const { length } = text;
    let at = this.end - this.start === length ? 0 : -1;
    while (at >= 0 && at < length) at = bytes[this.start + at] === text.charCodeAt(at) ? at + 1 : -1;
    if (at < 0) this.#text = bytes.toString("latin1", this.start, this.end);
    return this.#text;
  }
}

/**
 * The request read last. One object serves all connections: `parse` fills it, and it holds until the next `parse`.
 * It does not keep anything of a request that is not complete.
 */
export class LaneRequest implements RequestParts {
  readonly url = "/";
  /** The media type, as the reply repeats it. */
  type = "";
  /** After INCOMPLETE: how many bytes the whole request has, or 0 while its head is not complete. */
  neededBytes = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #headersStart = 0;
  #bodyStart = 0;
  #bodyEnd = 0;
  #contentLength = -1;
  #connections = 0;
  readonly #target = new RepeatedPlace();
  readonly #host = new RepeatedPlace();
  readonly #authorization = new Place();
  readonly #cacheControl = new Place();
  readonly #bodyBytesMax: number;

  /** @param bodyBytesMax requests with a longer body are FOREIGN */
  constructor(bodyBytesMax: number) {
    this.#bodyBytesMax = bodyBytesMax;
  }

  get target(): string {
    return this.#target.text(this.#bytes) ?? "";
  }

  get host(): string | undefined {
    return this.#host.text(this.#bytes);
  }

  get authorization(): string | undefined {
    return this.#authorization.text(this.#bytes);
  }

  get rawHeaders(): string[] {
    return rawHeadersOf(this.#bytes.toString("latin1", this.#headersStart, this.#bodyStart - lineEndBytes));
  }

  get cacheControl(): string | undefined {
    return this.#cacheControl.text(this.#bytes);
  }

  /** A copy: it may have to wait for upstream, when other requests stand where it was read. */
  get body(): Buffer {
    return Buffer.from(this.#bytes.subarray(this.#bodyStart, this.#bodyEnd));
  }

  /**
   * Reads one request that begins at `from`.
   * @returns its length in bytes if it is complete, else INCOMPLETE or FOREIGN
   */
  parse(bytes: Buffer, from: number): number {
    this.#clear(bytes);
    const lineEnd = from + requestLine.length;
    this.#headersStart = lineEnd;
    const seen = Math.min(bytes.length, lineEnd);
    for (let at = from; at < seen; at += 1) if (bytes[at] !== requestLine[at - from]) return FOREIGN;
    if (bytes.length < lineEnd) return INCOMPLETE;
    const limit = Math.min(bytes.length, from + headBytesMax);
    // More bytes help only where it was the bytes that ended, not the head's size.
    const outOf = limit === bytes.length && limit - from < headBytesMax ? INCOMPLETE : FOREIGN;
    let at = lineEnd;
    for (let line = 0; line <= headerLinesMax; line += 1) {
      const nameStart = at;
      while (at < limit && inName[bytes[at]!] === 1) at += 1;
      const nameEnd = at;
      // A line without a name is the empty one that ends the head.
      const isEnd = nameEnd === nameStart;
      if (at < limit && bytes[at] !== (isEnd ? CR : COLON)) return FOREIGN;
      if (at + 1 >= limit) return this.#mayGoOn(nameStart, nameEnd, limit, limit) ? outOf : FOREIGN;
      if (bytes[at + 1] !== (isEnd ? LF : SPACE)) return FOREIGN;
      at += 2;
      if (isEnd) return this.#complete(from, at);
      const valueStart = at;
      while (at < limit && bytes[at]! >= SPACE && bytes[at]! < 0x7f) at += 1;
      if (at < limit && bytes[at] !== CR) return FOREIGN;
      // Node refuses a wrong length at its first wrong byte, and so does its server then.
      if (at + 1 >= limit) return this.#mayGoOn(nameStart, nameEnd, valueStart, at) ? outOf : FOREIGN;
      if (bytes[at + 1] !== LF) return FOREIGN;
      // Spaces around a value are for Node to trim.
      if (at === valueStart || bytes[valueStart] === SPACE || bytes[at - 1] === SPACE) return FOREIGN;
      if (!this.#take(nameStart, nameEnd, valueStart, at)) return FOREIGN;
      at += 2;
    }
    return FOREIGN;
  }

  #clear(bytes: Buffer): void {
    this.#bytes = bytes;
    this.type = "";
    this.neededBytes = 0;
    this.#contentLength = -1;
    this.#connections = 0;
    this.#target.start = 0;
    this.#host.start = 0;
    this.#authorization.start = 0;
    this.#cacheControl.start = 0;
  }

  #complete(from: number, bodyStart: number): number {
    const { start } = this.#target;
    if (this.#contentLength < 0 || this.#host.start === 0 || start === 0 || this.type === "") return FOREIGN;
    this.#bodyStart = bodyStart;
    this.#bodyEnd = bodyStart + this.#contentLength;
    if (this.#bodyEnd <= this.#bytes.length) return this.#bodyEnd - from;
    this.neededBytes = this.#bodyEnd - from;
    return INCOMPLETE;
  }

  /** Takes one header line; false: it is none for the lane. Only lengths that some name has are looked at. */
  #take(nameStart: number, nameEnd: number, start: number, end: number): boolean {
    switch (nameEnd - nameStart) {
      case 4:
        return !this.#is(names.host, nameStart) || once(this.#host, start, end);
      case 6:
        return !this.#is(names.expect, nameStart);
      case 7:
        return !this.#is(names.upgrade, nameStart) && !this.#is(names.trailer, nameStart);
      case 10:
        return !this.#is(names.connection, nameStart) || this.#takeConnection(start, end);
      case 12:
        if (this.#is(names.target, nameStart)) return once(this.#target, start, end);
        return !this.#is(names.type, nameStart) || this.#takeType(start, end);
      case 13:
        return !this.#is(names.authorization, nameStart) || once(this.#authorization, start, end);
      case 14:
        return !this.#is(names.length, nameStart) || this.#takeLength(start, end);
      case 16:
        return !this.#is(names.proxyConnection, nameStart);
      case 17:
        return !this.#is(names.transferEncoding, nameStart);
      case 24:
        return !this.#is(names.cacheControl, nameStart) || once(this.#cacheControl, start, end);
      default:
        return true;
    }
  }

  /** Whether a header line that has no end yet may become one for the lane, as far as Node refuses some before it. */
  #mayGoOn(nameStart: number, nameEnd: number, start: number, end: number): boolean {
    const size = nameEnd - nameStart;
    if (size === names.transferEncoding.length) return !this.#is(names.transferEncoding, nameStart);
    if (size !== names.length.length || !this.#is(names.length, nameStart)) return true;
    if (this.#contentLength >= 0) return false;
    for (let at = start; at < end; at += 1)
      if (this.#bytes[at]! < ZERO || this.#bytes[at]! > NINE) return false;
    return end - start <= lengthDigitsMax;
  }

  /** Whether this name stands at `start`, in any case. Of the bytes in a name only letters change under 0x20. */
  #is(name: Buffer, start: number): boolean {
    for (let at = 0; at < name.length; at += 1)
      if ((this.#bytes[start + at]! | 0x20) !== name[at]) return false;
    return true;
  }

  #takeConnection(start: number, end: number): boolean {
    this.#connections += 1;
    return (
      this.#connections === 1 &&
      end - start === names.keepAlive.length &&
      this.#isValue(names.keepAlive, start)
    );
  }

  /** As #is, for a value: there 0x20 would also change bytes that stand for something else. */
  #isValue(value: Buffer, start: number): boolean {
    for (let at = 0; at < value.length; at += 1) {
      const byte = this.#bytes[start + at]!;
      const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
      if (lower !== value[at]) return false;
    }
    return true;
  }

  #takeType(start: number, end: number): boolean {
    if (this.type !== "") return false;
    for (const { text, bytes } of types) {
      if (end - start !== bytes.length) continue;
      let at = 0;
      while (at < bytes.length && this.#bytes[start + at] === bytes[at]) at += 1;
      if (at < bytes.length) continue;
      this.type = text;
      return true;
    }
    return false;
  }

  #takeLength(start: number, end: number): boolean {
    if (this.#contentLength >= 0 || end - start > lengthDigitsMax) return false;
    if (this.#bytes[start] === ZERO && end - start > 1) return false;
    let length = 0;
    for (let at = start; at < end; at += 1) {
      const byte = this.#bytes[at]!;
      if (byte < ZERO || byte > NINE) return false;
      length = length * 10 + (byte - ZERO);
    }
    this.#contentLength = length;
    return length <= this.#bodyBytesMax;
  }
}

/** Notes where a header's value stands; false if the request has it twice. */
function once(place: Place, start: number, end: number): boolean {
  if (place.start !== 0) return false;
  place.start = start;
  place.end = end;
  return true;
}
