/**
 * Looking at the servers before they are used, and again about once a second: are they the ones that were used last, do
 * they remember what they were told, does their clock go on, is the log there.
 */

import type { Clock } from "../util/clock.ts";
import type { Keys } from "./keys.ts";
import type { Master } from "./master.ts";
import { integerOf, listOf, pairsOf, sequenceOf } from "./replies.ts";
import { OPEN_LOG } from "./scripts.ts";
import type { ServerClock } from "./server-clock.ts";
import type { Session } from "./session.ts";
import { StoreUnavailable } from "./shared-store.ts";

export interface HelloOptions {
  readonly keys: Keys;
  readonly clock: Clock;
  readonly serverClock: ServerClock;
  readonly contactTimeoutMs: number;
}

export class Hello {
  readonly #options: HelloOptions;
  /** Replication ids by run id, as they were at this process' last contact; undefined = it never had one. */
  #lastUsed: ReadonlyMap<string, string> | undefined;
  #clockOf: string | undefined;

  constructor(options: HelloOptions) {
    this.#options = options;
  }

  /**
   * True if the servers may have forgotten something since this process or anybody last used them. The ids stored in Redis
   * are not enough: 1 a failover · 2 another node finds the difference and stores the new ids · 3 we come from the old
   * master and find them already stored.
   */
  async greet(session: Session): Promise<boolean> {
    const isClockSame = await this.#readClock(session.log);
    const nowMs = this.#options.clock.nowMs();
    const remembered = await Promise.all(session.masters.map((master) => master.remembersItself(nowMs)));
    const wasLogGone = await this.#openLog(session.log);
    session.reached(await this.#tail(session.log));
    const used = this.#lastUsed;
    const isUsed = session.masters.every(
      ({ vitals }) => used === undefined || used.get(vitals.runId) === vitals.replicationId,
    );
    return !isClockSame || wasLogGone || !isUsed || remembered.includes(false);
  }

  /** What greet found counts as known from now on. */
  async seal(session: Session): Promise<void> {
    await Promise.all(session.masters.map((master) => master.keepIds()));
    const nowMs = this.#options.clock.nowMs();
    // One that no replica acknowledges is not read from, but it is there.
    await Promise.allSettled(session.masters.map((master) => master.vouch(nowMs)));
    this.#lastUsed = new Map(session.masters.map(({ vitals }) => [vitals.runId, vitals.replicationId]));
  }

  /** Looks after a contact that stands; ends it where something is no longer as it was. Never rejects. */
  async check(session: Session): Promise<void> {
    const checks = [
      this.#checkClock(session),
      this.#checkLog(session),
      ...session.masters.map((m) => this.#checkMaster(session, m)),
    ];
    for (const outcome of await Promise.allSettled(checks)) {
      if (outcome.status === "fulfilled") continue;
      const { reason } = outcome;
      // Slowness alone is counted by the link. Anything else is an answer that we cannot go on with.
      if (!(reason instanceof StoreUnavailable && reason.reason === "timeout"))
        session.end(messageOf(reason));
    }
  }

  async #checkClock(session: Session): Promise<void> {
    if (!(await this.#readClock(session.log)))
      session.endInDoubt("the server's clock was set, or ours stood still");
  }

  async #checkMaster(session: Session, master: Master): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    if (await master.remembersItself(nowMs)) return master.vouch(nowMs);
    session.endInDoubt("the server has forgotten its ids, or got new ones");
  }

  async #checkLog(session: Session): Promise<void> {
    const known = session.newest;
    const tail = await this.#tail(session.log).catch((error: unknown) => {
      if (error instanceof StoreUnavailable && error.reason === "refused")
        session.endInDoubt("the log is gone");
      throw error;
    });
    if (tail < known) session.endInDoubt("the log goes back");
    session.reached(tail);
  }

  /** False if the server's clock is not where it should be. Another server's clock cannot contradict this one's. */
  async #readClock(log: Master): Promise<boolean> {
    const { clock, serverClock, contactTimeoutMs } = this.#options;
    const isOther = this.#clockOf !== log.vitals.runId;
    const askedAtMs = clock.nowMs();
    const [time] = await log.link.send([["TIME"]], contactTimeoutMs);
    const heardAtMs = clock.nowMs();
    const [seconds, micros] = listOf(time);
    if (isOther) serverClock.forget();
    this.#clockOf = log.vitals.runId;
    return serverClock.sample(integerOf(seconds) * 1000 + integerOf(micros) / 1000, askedAtMs, heardAtMs);
  }

  async #openLog(log: Master): Promise<boolean> {
    const command = ["EVALSHA", OPEN_LOG.sha, "1", this.#options.keys.log.name] as const;
    const [opened] = await log.link.send([command], this.#options.contactTimeoutMs);
    return integerOf(opened) === 1;
  }

  async #tail(log: Master): Promise<number> {
    const command = ["XINFO", "STREAM", this.#options.keys.log.name] as const;
    const [reply] = await log.link.send([command], this.#options.contactTimeoutMs);
    return sequenceOf(pairsOf(reply).get("last-generated-id"));
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
