/** How nodes take turns: leases, and checkpoints of who had the turn before. */

import type { RedisCommand } from "./batch.ts";
import type { Keys } from "./keys.ts";
import { integerOf, pairsOf, type Reply, textOf } from "./replies.ts";
import { LEASE, RELEASE, SAVE_CHECKPOINT } from "./scripts.ts";
import type { Session } from "./session.ts";

export class Turns {
  readonly #keys: Keys;
  readonly #timeoutMs: number;
  readonly #session: () => Session;

  constructor(keys: Keys, timeoutMs: number, session: () => Session) {
    this.#keys = keys;
    this.#timeoutMs = timeoutMs;
    this.#session = session;
  }

  async lease(name: string, holder: string, forMs: number): Promise<boolean> {
    const taken = await this.#run(LEASE.sha, this.#keys.lease(name), [holder, String(Math.ceil(forMs))]);
    return integerOf(taken) === 1;
  }

  async release(name: string, holder: string): Promise<void> {
    await this.#run(RELEASE.sha, this.#keys.lease(name), [holder]);
  }

  async saveCheckpoint(name: string, fields: ReadonlyMap<string, string>, keepMs: number): Promise<void> {
    const argv = [String(Math.ceil(keepMs)), ...[...fields].flat()];
    await this.#run(SAVE_CHECKPOINT.sha, this.#keys.checkpoint(name), argv);
  }

  async loadCheckpoint(name: string): Promise<ReadonlyMap<string, string>> {
    const { name: key, slot } = this.#keys.checkpoint(name);
    const routed = [{ slot, command: ["HGETALL", key] as const }];
    const [reply] = await this.#session().send(routed, this.#timeoutMs);
    return new Map([...pairsOf(reply)].map(([field, value]) => [field, textOf(value)]));
  }

  async dropCheckpoint(name: string): Promise<void> {
    const { name: key, slot } = this.#keys.checkpoint(name);
    await this.#session().send([{ slot, command: ["DEL", key] }], this.#timeoutMs);
  }

  async #run(sha: string, key: { name: string; slot: number }, argv: readonly string[]): Promise<Reply> {
    const command: RedisCommand = ["EVALSHA", sha, "1", key.name, ...argv];
    const [reply = null] = await this.#session().send([{ slot: key.slot, command }], this.#timeoutMs);
    return reply;
  }
}
