/**
 * Writes that count only once a replica has them. WAIT holds up everything behind it on its connection, so these writes
 * have one of their own, and those that come while it waits go together in the next round.
 */

import type { RedisCommand } from "./batch.ts";
import type { Link } from "./link.ts";
import { integerOf, type Reply } from "./replies.ts";
import { StoreUnavailable } from "./shared-store.ts";

export interface Acknowledged {
  readonly replies: readonly Reply[];
  /** Whether a replica has these writes. */
  readonly isAcknowledged: boolean;
}

interface Round {
  readonly commands: readonly RedisCommand[];
  resolve(answer: Acknowledged): void;
  reject(error: unknown): void;
}

/** Writes that may wait for the next round. */
const WAITING_MAX = 10_000;
/** The server's patience with its replicas, as a share of ours: its answer should be here before we give up. */
const PATIENCE = 0.8;

export class AcknowledgedWrites {
  readonly #link: Link;
  readonly #timeoutMs: number;
  #next: Round[] = [];
  #isBusy = false;

  constructor(link: Link, timeoutMs: number) {
    this.#link = link;
    this.#timeoutMs = timeoutMs;
  }

  /** Rejects with StoreUnavailable, at the latest after the time-out. */
  write(commands: readonly RedisCommand[]): Promise<Acknowledged> {
    if (this.#next.length >= WAITING_MAX) {
      return Promise.reject(new StoreUnavailable("timeout", "too many writes wait for replicas"));
    }
    return new Promise((resolve, reject) => {
      const late = new StoreUnavailable("timeout", "no replica answered in time");
      const timer = setTimeout(() => reject(late), this.#timeoutMs);
      const done =
        <T>(settle: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer);
          settle(value);
        };
      this.#next.push({ commands, resolve: done(resolve), reject: done(reject) });
      if (!this.#isBusy) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isBusy = true;
    while (this.#next.length > 0) {
      const round = this.#next;
      this.#next = [];
      await this.#carryOut(round);
    }
    this.#isBusy = false;
  }

  async #carryOut(round: readonly Round[]): Promise<void> {
    const wait: RedisCommand = ["WAIT", "1", String(Math.max(1, Math.floor(this.#timeoutMs * PATIENCE)))];
    // Each one's commands are sent for themselves: an error of one is not one of the others.
    const sent = round.map(({ commands }) => this.#link.send(commands, this.#timeoutMs));
    const waited = this.#link.send([wait], this.#timeoutMs);
    const [acknowledged, ...written] = await Promise.allSettled([waited, ...sent]);
    written.forEach((outcome, at) => {
      if (outcome.status === "rejected") round[at]?.reject(outcome.reason);
      else if (acknowledged.status === "rejected") round[at]?.reject(acknowledged.reason);
      else round[at]?.resolve({ replies: outcome.value, isAcknowledged: isOne(acknowledged.value[0]) });
    });
  }
}

function isOne(reply: Reply | undefined): boolean {
  try {
    return integerOf(reply) >= 1;
  } catch {
    return false;
  }
}
