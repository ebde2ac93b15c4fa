/** The main thread, seen from a worker: whom to ask about tables. */

import type { MessagePort } from "node:worker_threads";
import type { Describe, Description } from "../upstream/describe-table.ts";
import type { Clock } from "../util/clock.ts";
import type { FromWorker } from "./messages.ts";

export class MainLink {
  readonly #port: MessagePort;
  readonly #clock: Clock;
  /** Questions under way; the catalog asks one for each of a bounded number of tables at a time. */
  readonly #awaited = new Map<number, (description: Description) => void>();
  #asked = 0;

  constructor(port: MessagePort, clock: Clock) {
    this.#port = port;
    this.#clock = clock;
  }

  post(message: FromWorker): void {
    this.#port.postMessage(message);
  }

  /** What the main thread's catalog knows of a table, "failed" if it does not say in time. */
  readonly describe: Describe = async (reference, deadlineAtMs) => {
    const id = ++this.#asked;
    let timer: NodeJS.Timeout | undefined;
    const description = await new Promise<Description>((resolve) => {
      this.#awaited.set(id, resolve);
      timer = setTimeout(resolve, Math.max(0, deadlineAtMs - this.#clock.nowMs()), { kind: "failed" });
      this.post({ kind: "describe", id, reference });
    });
    clearTimeout(timer);
    this.#awaited.delete(id);
    return description;
  };

  /** The answer to a question of describe. */
  described(id: number, description: Description): void {
    this.#awaited.get(id)?.(description);
  }
}
