/** All masters of one contact, from the moment all are connected to the moment one of them is lost. */

import type { RedisCommand } from "./batch.ts";
import { type Keys, SLOTS } from "./keys.ts";
import { Master, type MasterOptions } from "./master.ts";
import type { Reply } from "./replies.ts";
import { StoreUnavailable } from "./shared-store.ts";
import type { MasterPlace } from "./topology.ts";

/** A command, and the slot of the key that it is about. */
export interface Routed {
  readonly slot: number;
  readonly command: RedisCommand;
}

export class Session {
  readonly masters: readonly Master[];
  /** The one that keeps the log. */
  readonly log: Master;
  readonly #bySlot: readonly (Master | undefined)[];
  readonly #over: Promise<void>;
  #ended: string | undefined;
  #isDoubtful = false;
  #newest = 0;

  /** Connects to all of them. Rejects with StoreUnavailable if one cannot be used. */
  static async open(places: readonly MasterPlace[], options: MasterOptions): Promise<Session> {
    const opened = await Promise.allSettled(places.map((place) => Master.open(place, options)));
    const masters = opened.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const failure = opened.find((one) => one.status === "rejected");
    if (failure) {
      for (const { link } of masters) link.end("another master cannot be used");
      throw failure.reason;
    }
    return new Session(masters, options.keys);
  }

  private constructor(masters: readonly Master[], keys: Keys) {
    this.masters = masters;
    const bySlot: (Master | undefined)[] = new Array(SLOTS).fill(undefined);
    for (const master of masters) {
      for (const [first, last] of master.place.ranges) bySlot.fill(master, first, last + 1);
    }
    this.#bySlot = bySlot;
    const log = bySlot[keys.log.slot];
    if (!log) throw new StoreUnavailable("down", "nobody has the log's slot");
    this.log = log;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#over = promise;
    for (const { link } of masters) {
      link.whenEnded((reason) => {
        this.end(reason);
        resolve();
      });
    }
  }

  /** Why it is over; undefined while it is not. */
  get ended(): string | undefined {
    return this.#ended;
  }

  /** Names the servers. Asked by every look-up. */
  get identity(): string {
    const [only] = this.masters;
    if (only && this.masters.length === 1) return only.vitals.runId;
    return this.masters
      .map(({ vitals }) => vitals.runId)
      .sort()
      .join();
  }

  /** Whether something was lost, so that the next contact has to be a renewed one. */
  get isDoubtful(): boolean {
    return this.#isDoubtful;
  }

  /** The number of the newest log message that we know of. */
  get newest(): number {
    return this.#newest;
  }

  /** Fulfilled when it is over. */
  whenOver(): Promise<void> {
    return this.#over;
  }

  end(reason: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    for (const { link } of this.masters) link.end(reason);
  }

  /** Ends it because the server has forgotten something. */
  endInDoubt(reason: string): void {
    this.#isDoubtful = true;
    this.end(reason);
  }

  /** A number that the log has reached. */
  reached(sequence: number): void {
    this.#newest = Math.max(this.#newest, sequence);
  }

  /** Checks a number that must be above what was known when it was asked for: otherwise the log was lost meanwhile. */
  mustExceed(sequence: number, known: number): void {
    if (sequence <= known) {
      this.endInDoubt("the log goes back");
      throw new StoreUnavailable("refused", "the log goes back");
    }
    this.reached(sequence);
  }

  masterOf(slot: number): Master {
    const master = this.#bySlot[slot];
    if (!master) throw new StoreUnavailable("down", "nobody has this slot");
    return master;
  }

  /** Sends commands to the masters that they concern, at the same time; the replies in the order of the commands. */
  send(routed: readonly Routed[], timeoutMs: number): Promise<readonly Reply[]> {
    return this.spread(routed, (master, commands) => master.link.send(commands, timeoutMs));
  }

  /** Like send, by a road of the caller's. */
  async spread(
    routed: readonly Routed[],
    send: (master: Master, commands: readonly RedisCommand[]) => Promise<readonly Reply[]>,
  ): Promise<readonly Reply[]> {
    const [only] = this.masters;
    if (only && this.masters.length === 1) {
      const replies = await send(
        only,
        routed.map(({ command }) => command),
      );
      return this.#still(replies);
    }
    const shares = new Map<Master, number[]>();
    routed.forEach(({ slot }, at) => {
      const master = this.masterOf(slot);
      const share = shares.get(master);
      if (share) share.push(at);
      else shares.set(master, [at]);
    });
    const replies: Reply[] = new Array(routed.length).fill(null);
    const sent = [...shares].map(async ([master, share]) => {
      const commands = share.flatMap((at) => {
        const one = routed[at];
        return one ? [one.command] : [];
      });
      const answers = await send(master, commands);
      share.forEach((at, index) => {
        replies[at] = answers[index] ?? null;
      });
    });
    await Promise.all(sent);
    return this.#still(replies);
  }

  /** Answers of one master do not count if another one was lost meanwhile. */
  #still<T>(replies: T): T {
    if (this.#ended !== undefined) throw new StoreUnavailable("down", this.#ended);
    return replies;
  }
}
