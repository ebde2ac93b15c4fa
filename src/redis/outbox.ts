/**
 * What ioredis writes, on its way to the socket. Who is alone is not kept waiting; while answers are due, all of one turn of
 * the event loop goes in one system call: not at the end of the callback that asks, which is one client's, but when all
 * sockets that were ready have been read.
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

  /** ioredis calls it; nothing is sent before flush or flushSoon is called. */
  write(data: string | Buffer): void {
    if (typeof data === "string") this.#text += data;
    else {
      this.#parts.push(this.#text, data);
      this.#text = "";
    }
  }

  flushSoon(): void {
    if (this.#text.length > TEXT_LENGTH_MAX) this.flush();
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.flush();
    });
  }

  flush(): void {
    const stream: Writable = this.destination.redis.stream;
    const parts = this.#text === "" ? this.#parts : [...this.#parts, this.#text];
    this.#parts = [];
    this.#text = "";
    if (parts.length > 1) stream.cork();
    for (const part of parts) stream.write(part);
    if (parts.length > 1) stream.uncork();
  }
}
