/**
 * What nodes share, in Redis 7.0 or later or Valkey 7.2 or later: one server, the one that Sentinels name, or a Cluster.
 *
 * Each tag and each entry is a key of its own, no command names keys of two slots, and connections are our own to each
 * master (not ioredis' Cluster, which sends commands again by itself): so that an answer always comes from a server that
 * contact was made with, and nothing is ever carried out twice.
 */

import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import { parseRedisUrl, type RedisAddress } from "../util/redis-address.ts";
import type { RedisCommand } from "./batch.ts";
import { Contact } from "./contact.ts";
import { Keys } from "./keys.ts";
import { BODY, LogReader } from "./log-reader.ts";
import { pairsOf, type Reply, refused, sequenceOf } from "./replies.ts";
import { CHANGE } from "./scripts.ts";
import { ServerClock } from "./server-clock.ts";
import type { Session } from "./session.ts";
import type {
  Changed,
  EntryName,
  LogMessage,
  Look,
  OnContact,
  ReferenceClock,
  SharedStore,
  StoreFacts,
  TagChange,
  TagState,
} from "./shared-store.ts";
import { StoreUnavailable } from "./shared-store.ts";
import { alteredOf, changedTag, stateOf, TagCommands } from "./tag-commands.ts";
import { tagOf } from "./tag-state.ts";
import { Turns } from "./turns.ts";
import { sumOf } from "./vitals.ts";

export interface RedisStoreOptions {
  /** See parseRedisUrl; redisProblem tells beforehand whether it is accepted. */
  readonly url: string;
  /** Fleets that share a Redis are kept apart by it. No braces. */
  readonly keyPrefix: string;
  readonly lookupTimeoutMs: number;
  readonly invalidateTimeoutMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** About how many messages the log keeps. */
  readonly logMessagesMax: number;
  /** How long a tag that nobody changes is kept: longer than any entry that depends on it, and than any settle window. */
  readonly tagKeepMs: number;
  /** How long ago a server that had replicas may have been acknowledged by one for the last time, to be believed. */
  readonly vouchWithinMs: number;
  /** Tags that are kept without expiry. */
  readonly isEpoch: (tag: string) => boolean;
  /** How long connecting, greeting and looking after a server may take, each. Default 1,000. */
  readonly contactTimeoutMs?: number;
  /** How often servers are looked at while they are up. Default 1,000. */
  readonly checkEveryMs?: number;
}

const CONTACT_TIMEOUT_MS = 1_000;
const CHECK_EVERY_MS = 1_000;
/** In a row. */
const TIMEOUTS_MAX = 3;

/** Throws an Error if the address or the prefix is not accepted; whatever Redis does later, nothing throws. */
export function createRedisStore(options: RedisStoreOptions): SharedStore {
  return new RedisStore(options);
}

class RedisStore implements SharedStore {
  readonly #options: RedisStoreOptions;
  readonly #address: RedisAddress;
  readonly #keys: Keys;
  readonly #tags: TagCommands;
  readonly #serverClock = new ServerClock();
  readonly #contact: Contact;
  readonly #reader: LogReader;
  readonly #turns: Turns;

  constructor(options: RedisStoreOptions) {
    const { log, clock, invalidateTimeoutMs, contactTimeoutMs = CONTACT_TIMEOUT_MS } = options;
    this.#options = options;
    this.#address = parseRedisUrl(options.url);
    this.#keys = new Keys(options.keyPrefix);
    this.#tags = new TagCommands({ ...options, keys: this.#keys });
    this.#reader = new LogReader(this.#keys.log.name, contactTimeoutMs);
    this.#turns = new Turns(this.#keys, invalidateTimeoutMs, () => this.#session());
    const { mode, isTls, user, password, db } = this.#address;
    const link = { isTls, user, password, db, timeoutsMax: TIMEOUTS_MAX };
    this.#contact = new Contact({
      address: this.#address,
      keys: this.#keys,
      clock,
      serverClock: this.#serverClock,
      log,
      contactTimeoutMs,
      checkEveryMs: options.checkEveryMs ?? CHECK_EVERY_MS,
      master: { mode, link, keys: this.#keys, contactTimeoutMs, invalidateTimeoutMs },
    });
  }

  get clock(): ReferenceClock {
    return this.#serverClock;
  }

  get isUp(): boolean {
    return this.#contact.isUp;
  }

  get identity(): string {
    return this.#contact.latest?.identity ?? "";
  }

  get mayEvict(): boolean {
    return this.#contact.latest?.masters.some((master) => master.mayEvict) ?? true;
  }

  start(onContact: OnContact): void {
    this.#contact.start(onContact);
  }

  async close(): Promise<void> {
    this.#reader.close();
    await this.#contact.close();
  }

  facts(): StoreFacts {
    const vitals = this.#contact.latest?.masters.map((master) => master.vitals) ?? [];
    return {
      isUp: this.isUp,
      mode: this.#address.mode,
      ...sumOf(vitals),
      lastError: this.#contact.lastError,
    };
  }

  async look(name: EntryName, tags: readonly string[]): Promise<Look> {
    const { name: key, slot } = this.#keys.entry(name);
    const get = { slot, command: ["GET", key] } as const;
    const routed = [get, ...tags.map((tag) => this.#tags.read(tag))];
    const { clock, vouchWithinMs, lookupTimeoutMs } = this.#options;
    const session = this.#session();
    const sinceMs = clock.nowMs() - vouchWithinMs;
    const isVouched = routed.every(({ slot: one }) => session.masterOf(one).isVouchedSince(sinceMs));
    if (!isVouched) throw refused("a server has no replica that acknowledges: it may have been replaced");
    const replies = await session.send(routed, lookupTimeoutMs);
    const entry = replies[0] ?? undefined;
    if (entry !== undefined && !Buffer.isBuffer(entry)) throw refused("Redis gave an entry that is none");
    return { entry, tags: this.#statesOf(replies.slice(1)) };
  }

  async ensure(tags: readonly string[], bornAtMs: number): Promise<readonly TagState[]> {
    const routed = tags.map((tag) => this.#tags.ensure(tag, bornAtMs));
    const replies = await this.#session().send(routed, this.#options.lookupTimeoutMs);
    return this.#statesOf(replies).map((state) => {
      if (!state) throw refused("Redis gave no tag where it made one");
      return state;
    });
  }

  async put(name: EntryName, value: Uint8Array, expireMs: number): Promise<void> {
    const { name: key, slot } = this.#keys.entry(name);
    const expire = String(Math.max(1, Math.floor(expireMs)));
    const command: RedisCommand = ["SET", key, bytesOf(value), "PX", expire];
    await this.#session().send([{ slot, command }], this.#options.invalidateTimeoutMs);
  }

  async change(change: TagChange): Promise<Changed> {
    const { invalidateTimeoutMs, clock } = this.#options;
    const session = this.#session();
    const nowMs = this.#earliestNowMs();
    const routed = change.tags.map((tag, at) => {
      const confirm = at === 0 ? change.confirm : undefined;
      return this.#tags.change(tag, { ...change, confirm }, nowMs);
    });
    const known = session.newest;
    const message = { slot: this.#keys.log.slot, command: this.#append(change.message) };
    let replies: readonly Reply[];
    if (session.masters.length === 1) {
      // One connection keeps the order: tokens first, then the message.
      replies = await session.send([...routed, message], invalidateTimeoutMs);
    } else {
      const giveUpAtMs = clock.nowMs() + invalidateTimeoutMs;
      const tokens = await session.send(routed, invalidateTimeoutMs);
      const [appended = null] = await session.send([message], Math.max(1, giveUpAtMs - clock.nowMs()));
      replies = [...tokens, appended];
    }
    session.mustExceed(this.#appendedAt(session, replies.at(-1)), known);
    const altered = routed.map(({ token }, at) => alteredOf(token, replies[at]));
    return {
      tags: altered.map((one) => changedTag(one, change.writer)),
      confirmed: altered[0]?.isConfirmed ?? false,
    };
  }

  async mark(
    tags: readonly string[],
    writer: string,
    untilMs: number,
    also: readonly string[],
    bornAtMs: number,
  ): Promise<{ readonly marked: readonly TagState[]; readonly also: readonly (TagState | undefined)[] }> {
    const { invalidateTimeoutMs } = this.#options;
    const session = this.#session();
    const nowMs = this.#earliestNowMs();
    const alteration = { changedAtMs: 0, writer, pendingUntilMs: untilMs, bornAtMs };
    const marks = tags.map((tag) => this.#tags.change(tag, alteration, nowMs));
    const routed = [...marks, ...also.map((tag) => this.#tags.read(tag))];
    const replies = await session.spread(routed, async (master, commands) => {
      const isMarking = commands.some(([, sha]) => sha === CHANGE.sha);
      if (!isMarking || !master.expectsReplicas) return master.link.send(commands, invalidateTimeoutMs);
      const written = await (await master.guarded()).write(commands);
      if (!written.isAcknowledged) throw new StoreUnavailable("timeout", "no replica has the mark");
      return written.replies;
    });
    const marked = marks.map(({ token }, at) => stateOf(alteredOf(token, replies[at]), nowMs));
    return { marked, also: this.#statesOf(replies.slice(marks.length)) };
  }

  async unmark(tags: readonly string[], writer: string): Promise<void> {
    const nowMs = this.#earliestNowMs();
    const routed = tags.map((tag) => this.#tags.unmark(tag, writer, nowMs));
    await this.#session().send(routed, this.#options.invalidateTimeoutMs);
  }

  async beat(body: Uint8Array): Promise<{ readonly sequence: number; readonly acknowledged: boolean }> {
    const session = this.#session();
    const { log, newest } = session;
    const command = this.#append(body);
    const guarded = log.expectsReplicas ? await log.guarded() : undefined;
    const { replies, isAcknowledged } = guarded
      ? await guarded.write([command])
      : { replies: await log.link.send([command], this.#options.invalidateTimeoutMs), isAcknowledged: true };
    const sequence = this.#appendedAt(session, replies[0]);
    session.mustExceed(sequence, newest);
    return { sequence, acknowledged: isAcknowledged };
  }

  async readLog(after: number, countMax: number, waitMs: number): Promise<readonly LogMessage[]> {
    return this.#reader.read(this.#session(), after, countMax, waitMs);
  }

  async logTail(): Promise<number> {
    const { log, slot } = { log: this.#keys.log.name, slot: this.#keys.log.slot };
    const command: RedisCommand = ["XINFO", "STREAM", log];
    const [reply] = await this.#session().send([{ slot, command }], this.#options.invalidateTimeoutMs);
    return sequenceOf(pairsOf(reply).get("last-generated-id"));
  }

  lease(name: string, holder: string, forMs: number): Promise<boolean> {
    return this.#turns.lease(name, holder, forMs);
  }

  release(name: string, holder: string): Promise<void> {
    return this.#turns.release(name, holder);
  }

  saveCheckpoint(name: string, fields: ReadonlyMap<string, string>, keepMs: number): Promise<void> {
    return this.#turns.saveCheckpoint(name, fields, keepMs);
  }

  loadCheckpoint(name: string): Promise<ReadonlyMap<string, string>> {
    return this.#turns.loadCheckpoint(name);
  }

  dropCheckpoint(name: string): Promise<void> {
    return this.#turns.dropCheckpoint(name);
  }

  #session(): Session {
    return this.#contact.session();
  }

  #earliestNowMs = (): number => this.#serverClock.earliestMs(this.#options.clock.nowMs());

  #statesOf(replies: readonly Reply[]): (TagState | undefined)[] {
    const nowMs = this.#earliestNowMs();
    return replies.map((reply) => tagOf(reply, nowMs));
  }

  /** Dense numbers; and never a new log in the place of one that is gone, which would begin them anew. */
  #append(body: Uint8Array): RedisCommand {
    const cap = String(this.#options.logMessagesMax);
    return ["XADD", this.#keys.log.name, "NOMKSTREAM", "MAXLEN", "~", cap, "0-*", BODY, bytesOf(body)];
  }

  #appendedAt(session: Session, reply: Reply | undefined): number {
    if (reply === null) {
      session.endInDoubt("the log is gone");
      throw refused("the log is gone");
    }
    return sequenceOf(reply);
  }
}

function bytesOf(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
