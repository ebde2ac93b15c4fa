/**
 * The replies of one turn of the event loop, written together when all sockets that were ready have been read: who waits for
 * several of them is woken once, and each goes out of one buffer instead of a text of its own.
 */

import type { Writable } from "node:stream";
import { oneWriteBytesMax } from "./http-client.ts";
import type { ReplyHead } from "./lane-reply.ts";

/** Replies that are written before their turn ends, so that the first of many does not wait for all. */
export const outputBytesMax = 16_384;

/** Who a reply is for. */
export interface Receiver {
  readonly socket: Writable;
  /** What was gathered for it has been written; false: the socket takes nothing more for now. */
  written(takesMore: boolean): void;
}

/** Two chunks where the body was not copied. */
interface Gathered {
  readonly receiver: Receiver;
  readonly bytes: Buffer;
  readonly body: Uint8Array | undefined;
}

export class LaneOutput {
  #buffer = Buffer.allocUnsafeSlow(outputBytesMax);
  /** Of the buffer; and the bodies that stand elsewhere. */
  #usedBytes = 0;
  #elsewhereBytes = 0;
  #gathered: Gathered[] = [];
  #isDue = false;

  /**
   * Takes a reply, to be written in the order of these calls before the next timers.
   * @param isAlone it is written at once: there is nobody whose reply could go with it
   */
  add(receiver: Receiver, head: ReplyHead, body: Uint8Array, isAlone: boolean): void {
    const isCopied = body.byteLength <= oneWriteBytesMax;
    const bytesMax = head.bytesMax + (isCopied ? body.byteLength : 0);
    if (bytesMax > outputBytesMax - this.#usedBytes) this.flush();
    // Our own replies are never that long; what upstream sent may make a head so.
    const isLong = bytesMax > outputBytesMax;
    const buffer = isLong ? Buffer.allocUnsafeSlow(bytesMax) : this.#buffer;
    const start = isLong ? 0 : this.#usedBytes;
    let end = head.writeTo(buffer, start);
    if (isCopied) {
      buffer.set(body, end);
      end += body.byteLength;
    }
    const bytes = buffer.subarray(start, end);
    this.#gathered.push({ receiver, bytes, body: isCopied ? undefined : body });
    if (!isLong) this.#usedBytes = end;
    if (!isCopied) this.#elsewhereBytes += body.byteLength;
    if (isAlone || isLong || this.#elsewhereBytes > outputBytesMax) this.flush();
    else if (!this.#isDue) {
      this.#isDue = true;
      setImmediate(this.#turnEnds);
    }
  }

  /** Writes what was gathered so far. Whoever ends a socket, or writes to it otherwise, calls this first. */
  flush(): void {
    if (this.#gathered.length === 0) return;
    const gathered = this.#gathered;
    this.#gathered = [];
    let isKept = false;
    for (const { receiver, bytes, body } of gathered) {
      const { socket } = receiver;
      let takesMore: boolean;
      if (body === undefined) takesMore = socket.write(bytes);
      else {
        socket.cork();
        socket.write(bytes);
        takesMore = socket.write(body);
        socket.uncork();
      }
      // What the system has not taken yet stays in the buffer until then, which is that socket's from now on.
      if (socket.writableLength > 0) isKept = true;
      receiver.written(takesMore);
    }
    if (isKept) this.#buffer = Buffer.allocUnsafeSlow(outputBytesMax);
    this.#usedBytes = 0;
    this.#elsewhereBytes = 0;
  }

  readonly #turnEnds = (): void => {
    this.#isDue = false;
    this.flush();
  };
}
