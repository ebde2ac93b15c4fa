/**
 * What ioredis writes, on its way to the socket. Who is alone is not kept waiting; while answers are due, all of one turn of
 * the event loop goes in one system call: not at the end of the callback that asks, which is one client's, but when all
 * sockets that were ready have been read.
 */

import type { Writable } from "node:stream";
import type { Redis } from "ioredis";

/** Whatever ioredis takes for the stream of a pipeline. */
type PipelineStream = Extract<Parameters<Redis["sendCommand"]>[1], { isPipeline: true }>;

/** So many characters and bytes do not wait for the end of the turn. */
const LENGTH_MAX = 16 * 1024;

export class Outbox implements PipelineStream {
  readonly isPipeline = true;
  readonly destination: PipelineStream["destination"];
  /** What goes before #text. */
  #parts: (string | Buffer)[] = [];
  #text = "";
  /** Of both. */
  #length = 0;
  #isDue = false;

  constructor(redis: Redis) {
    this.destination = { redis };
  }

  /** ioredis calls it; nothing is sent before flush or flushSoon is called. */
  write(data: string | Buffer): void {
    this.#length += data.length;
    if (typeof data === "string") this.#text += data;
    else {
      this.#parts.push(this.#text, data);
      this.#text = "";
    }
  }

  flushSoon(): void {
    if (this.#length > LENGTH_MAX) this.flush();
    if (this.#length === 0 || this.#isDue) return;
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
    this.#length = 0;
    if (parts.length > 1) stream.cork();
    for (const part of parts) stream.write(part);
    if (parts.length > 1) stream.uncork();
  }
}
