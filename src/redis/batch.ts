/** Commands that are sent in one piece, and what came of them so far. */

import type { Reply } from "./replies.ts";
import type { StoreUnavailable } from "./shared-store.ts";

export type RedisCommand = readonly [name: string, ...args: (string | Buffer)[]];

export class Batch {
  /** When it is too late for an answer, by performance.now(). */
  readonly endsAtMs: number;
  /** Rejects with StoreUnavailable. */
  readonly outcome: Promise<readonly Reply[]>;
  readonly #replies: Reply[] = [];
  #unanswered: number;
  #resolve!: (replies: readonly Reply[]) => void;
  #reject!: (error: StoreUnavailable) => void;

  constructor(commands: number, endsAtMs: number) {
    this.#unanswered = commands;
    this.endsAtMs = endsAtMs;
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Whether each of its commands has a reply, or an error in its place. */
  get isAnswered(): boolean {
    return this.#unanswered === 0;
  }

  /** The next command's reply; undefined = an error in its place. */
  take(reply: Reply | undefined): void {
    this.#unanswered -= 1;
    if (reply !== undefined) this.#replies.push(reply);
  }

  succeed(): void {
    this.#resolve(this.#replies);
  }

  fail(error: StoreUnavailable): void {
    this.#reject(error);
  }
}
