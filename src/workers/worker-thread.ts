/** One life of one worker thread, seen from the main thread: start, questions and answers, end. */

import { Worker } from "node:worker_threads";
import type { ThreadFigures } from "../metrics/thread-figures.ts";
import type { Description } from "../upstream/describe-table.ts";
import { errorOf, type FromWorker, type ToWorker, type WorkerBoot } from "./messages.ts";

export interface WorkerThreadOptions {
  /** The module that the thread runs (worker-main.ts). */
  readonly entry: URL;
  readonly boot: WorkerBoot;
  /** Answers what the worker asks about tables. */
  readonly describe: (reference: string) => Promise<Description>;
  readonly refresh: (reference: string) => void;
}

export interface Listening {
  readonly url: string;
  readonly port: number;
}

export class WorkerThread {
  /** Fulfilled when it listens; rejected if it cannot, or ends before. */
  readonly started: Promise<Listening>;
  /** Why it has ended, once it has. */
  readonly ended: Promise<Error>;
  readonly #thread: Worker;
  /** Figures that were asked for and have not come. */
  readonly #awaited = new Map<number, (figures: ThreadFigures) => void>();
  #asked = 0;

  constructor({ entry, boot, describe, refresh }: WorkerThreadOptions) {
    // Without resourceLimits: the engine's own bound of a heap ends a worker, never the process (docs/decisions/0010).
    const name = `dynatier ${boot.worker}`;
    this.#thread = new Worker(entry, { workerData: boot, name });
    const start = Promise.withResolvers<Listening>();
    this.started = start.promise;
    let cause: Error | undefined;
    this.ended = new Promise((resolve) => {
      // Both may come: an uncaught error, and the end that follows.
      this.#thread.on("error", (error) => {
        cause = error instanceof Error ? error : new Error(String(error));
      });
      this.#thread.once("exit", (code) => {
        const reason = cause ?? new Error(`the thread ended with code ${code}`);
        start.reject(reason);
        resolve(reason);
      });
    });
    this.started.catch(() => {}); // Whoever started it waits for it, or has stopped meanwhile.
    this.#thread.on("message", (message: FromWorker) => {
      if (message.kind === "listening") start.resolve(message);
      else if (message.kind === "failed") start.reject(errorOf(message.failure));
      else if (message.kind === "figures") this.#awaited.get(message.id)?.(message.figures);
      else if (message.kind === "refresh") refresh(message.reference);
      else {
        const { id, reference } = message;
        void describe(reference).then((description) => this.post({ kind: "described", id, description }));
      }
    });
  }

  post(message: ToWorker): void {
    this.#thread.postMessage(message);
  }

  /** Its figures; undefined if they do not come in time. */
  async figures(timeoutMs: number): Promise<ThreadFigures | undefined> {
    const id = ++this.#asked;
    let timer: NodeJS.Timeout | undefined;
    const figures = await new Promise<ThreadFigures | undefined>((resolve) => {
      this.#awaited.set(id, resolve);
      timer = setTimeout(resolve, timeoutMs, undefined);
      this.post({ kind: "figures", id });
    });
    clearTimeout(timer);
    this.#awaited.delete(id);
    return figures;
  }

  /** Ends it at once. */
  async terminate(): Promise<void> {
    await this.#thread.terminate();
  }
}
