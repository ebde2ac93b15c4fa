/**
 * Keeps in touch with Redis for ever: connect, look, let the caller make up for what may have been lost, be up, look again
 * and again, be down, begin anew. Whoever wants to use Redis asks for the session of the moment.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { fullJitterMs } from "../util/backoff.ts";
import type { Logger } from "../util/log.ts";
import type { RedisAddress } from "../util/redis-address.ts";
import { Hello, type HelloOptions, messageOf } from "./hello.ts";
import type { MasterOptions } from "./master.ts";
import { Session } from "./session.ts";
import { type OnContact, StoreUnavailable } from "./shared-store.ts";
import { Topology } from "./topology.ts";

export interface ContactOptions extends HelloOptions {
  readonly address: RedisAddress;
  readonly master: MasterOptions;
  readonly log: Logger;
  readonly checkEveryMs: number;
}

const RETRY = { baseMs: 50, capMs: 1_000 };
/** A close does not wait longer for a callee that does not return. */
const CLOSE_MS_MAX = 1_000;

export class Contact {
  readonly #options: ContactOptions;
  readonly #topology: Topology;
  readonly #hello: Hello;
  /**
   * Who runs inside `onContact`, and everything that is begun there, may use the session that is not up yet: the callee is
   * given no handle of its own, so the asynchronous context is one.
   */
  readonly #scope = new AsyncLocalStorage<Session>();
  readonly #closing = new AbortController();
  #session: Session | undefined;
  #isReady = false;
  #isRenewalOwed = false;
  #lastError: string | undefined;
  #loop: Promise<void> | undefined;

  constructor(options: ContactOptions) {
    this.#options = options;
    this.#topology = new Topology(options.address, options.master.link, options.contactTimeoutMs);
    this.#hello = new Hello(options);
  }

  start(onContact: OnContact): void {
    this.#loop ??= this.#run(onContact);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#session?.end("the store was closed");
    if (this.#loop) await Promise.race([this.#loop, sleep(CLOSE_MS_MAX, undefined, { ref: false })]);
  }

  get isUp(): boolean {
    return this.#isReady && this.#session !== undefined && this.#session.ended === undefined;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** The last session there was, for facts; it may be over. */
  get latest(): Session | undefined {
    return this.#session;
  }

  /** What this caller may use now. Throws StoreUnavailable if there is nothing. */
  session(): Session {
    const session = this.#session;
    if (session && session.ended === undefined && (this.#isReady || this.#scope.getStore() === session)) {
      return session;
    }
    throw new StoreUnavailable(
      "down",
      session?.ended ?? this.#lastError ?? "there is no contact with Redis yet",
    );
  }

  async #run(onContact: OnContact): Promise<void> {
    const { signal } = this.#closing;
    let failures = 0;
    while (!signal.aborted) {
      let session: Session | undefined;
      try {
        session = await this.#connect();
        await this.#greet(session, onContact);
        failures = 0;
        await this.#watch(session);
        this.#note(session.ended ?? "the connection was lost");
      } catch (error) {
        this.#note(session?.ended ?? messageOf(error));
      }
      this.#isReady = false;
      session?.end("contact is begun anew");
      if (session?.isDoubtful) this.#isRenewalOwed = true;
      this.#topology.doubt();
      failures += 1;
      await sleep(RETRY.baseMs + fullJitterMs(failures, RETRY), undefined, { signal }).catch(() => {});
    }
  }

  async #connect(): Promise<Session> {
    const session = await Session.open(await this.#topology.masters(), this.#options.master);
    if (this.#closing.signal.aborted) session.end("the store was closed");
    this.#session = session;
    return session;
  }

  async #greet(session: Session, onContact: OnContact): Promise<void> {
    // Owed until it is paid: the second attempt must not find everything in order because of the first one.
    if (await this.#hello.greet(session)) this.#isRenewalOwed = true;
    const renewed = this.#isRenewalOwed;
    await this.#scope.run(session, () => onContact(renewed));
    await this.#hello.seal(session);
    if (session.ended !== undefined) throw new StoreUnavailable("down", session.ended);
    this.#isRenewalOwed = false;
    this.#isReady = true;
    this.#lastError = undefined;
    const [master] = session.masters;
    this.#options.log.info(
      { server: master?.vitals.server, masters: session.masters.length, renewed },
      "Redis is up",
    );
  }

  async #watch(session: Session): Promise<void> {
    const over = session.whenOver();
    while (session.ended === undefined) {
      await Promise.race([over, sleep(this.#options.checkEveryMs, undefined, { ref: false })]);
      const checks = Promise.all([this.#hello.check(session), this.#followMaster(session)]);
      await Promise.race([over, checks]);
    }
  }

  /** Sentinels may have made another server the master while this one goes on alone, cut off from them. */
  async #followMaster(session: Session): Promise<void> {
    const place = await this.#topology.movedTo();
    const { at } = session.log.place;
    if (place && (place.host !== at.host || place.port !== at.port))
      session.end("the Sentinels chose another master");
  }

  #note(reason: string): void {
    if (this.#closing.signal.aborted) return;
    const isNews = this.#isReady || reason !== this.#lastError;
    this.#lastError = reason;
    if (isNews) this.#options.log.warn({ reason }, "Redis is down");
  }
}
