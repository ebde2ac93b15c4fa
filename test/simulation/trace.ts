/**
 * What happened, in order, for a person to read after a failure. Kept only in runs that are repeated to be
 * read.
 */

import type { VirtualTime } from "./virtual-time.ts";

export class Trace {
  readonly #time: VirtualTime;
  readonly #on: boolean;
  readonly lines: string[] = [];

  constructor(time: VirtualTime, on: boolean) {
    this.#time = time;
    this.#on = on;
  }

  add(line: () => string): void {
    if (this.#on) this.lines.push(`${this.#time.nowMs()} #${this.#time.turn} ${line()}`);
  }
}
