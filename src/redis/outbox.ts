/**
 * What ioredis writes, on its way to the socket: all of one turn of the event loop in one system call. Not at the end of the
 * callback that asks, which is one client's, but when all sockets that were ready have been read.
 */

import type { Writable } from "node:stream";
import type { Redis } from "ioredis";

/** Whatever ioredis takes for the stream of a pipeline. */
type PipelineStream = Extract<Parameters<Redis["sendCommand"]>[1], { isPipeline: true }>;

/** So many characters do not wait for the end of the turn. */
const TEXT_LENGTH_MAX = 16 * 1024;

export class Outbox implements PipelineStream {
  readonly isPipeline = true;
  readonly destination: PipelineStream["destination"];
  /** What goes before #text. */
  #parts: (string | Buffer)[] = [];
  #text = "";
  #isDue = false;

  constructor(redis: Redis) {
    this.destination = { redis };
  }

  write(data: string | Buffer): void {
    if (typeof data === "string") this.#text += data;
    else {
      this.#parts.push(this.#text, data);
      this.#text = "";
    }
    if (this.#text.length > TEXT_LENGTH_MAX) this.#send();
    else if (!this.#isDue) {
      this.#isDue = true;
      setImmediate(() => {
        this.#isDue = false;
        this.#send();
      });
    }
  }

  #send(): void {
    const stream: Writable = this.destination.redis.stream;
    const parts = this.#text === "" ? this.#parts : [...this.#parts, this.#text];
    this.#parts = [];
    this.#text = "";
    if (parts.length > 1) stream.cork();
    for (const part of parts) stream.write(part);
    if (parts.length > 1) stream.uncork();
  }
}
