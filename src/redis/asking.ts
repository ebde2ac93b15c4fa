/**
 * How batches go through ioredis: as one Command that is sent again and again, and that hands each reply to whose turn it
 * is. ioredis makes a promise, closures and copies for every Command; they would cost more than all else that a look-up does.
 */

import { Command } from "ioredis";
import type { Batch, RedisCommand } from "./batch.ts";
import type { Reply } from "./replies.ts";
import { respOf } from "./resp.ts";

export interface AskingOwner {
  /** One more of its commands was answered. */
  answered(batch: Batch): void;
  /** One of them was answered with an error, or never will be answered. */
  failed(batch: Batch, error: Error): void;
}

export class Asking extends Command {
  /**
   * Those that wait for answers, and those that no longer do but are owed them, in the order of ioredis' queue: as many as
   * there are requests, until time-outs end the connection.
   */
  readonly #asked: Batch[] = [];
  #next: RedisCommand = ["PING"];

  constructor(owner: AskingOwner) {
    // Not the name of a command: ioredis would look into its arguments and replies.
    super("batch");
    // Its own promise is never settled: nobody is to wait for it.
    this.isTraced = true;
    this.resolve = (reply: Reply) => {
      const batch = this.#taken(reply);
      if (batch) owner.answered(batch);
    };
    this.reject = (error) => {
      const batch = this.#taken(undefined);
      if (batch) owner.failed(batch, error);
    };
  }

  /** @param send sends this command to ioredis, once for each of the batch's */
  ask(commands: readonly RedisCommand[], batch: Batch, send: (command: Command) => void): void {
    this.#asked.push(batch);
    for (const command of commands) {
      this.#next = command;
      send(this);
    }
  }

  override toWritable(): string | Buffer {
    return respOf(this.#next);
  }

  #taken(reply: Reply | undefined): Batch | undefined {
    const [batch] = this.#asked;
    batch?.take(reply);
    if (batch?.isAnswered) this.#asked.shift();
    return batch;
  }
}
