/**
 * How one node of the model keeps in touch with the servers: connect, compare ids, clock and log, let the callee make up
 * for what may have been lost, be up, look again and again, be down, begin anew. As src/redis/contact.ts and hello.ts do.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { ServerClock } from "../../src/redis/server-clock.ts";
import { type OnContact, StoreUnavailable } from "../../src/redis/shared-store.ts";
import type { ModelProcess } from "./model-store-server.ts";
import { ModelSession, type Routed, type SessionOptions } from "./model-store-session.ts";
import type { Ids } from "./model-store-state.ts";

export interface ContactOptions extends SessionOptions {
  readonly contactTimeoutMs: number;
  readonly checkEveryMs: number;
  readonly reconnectMs: number;
  /** Parts of the hello that are left out. */
  readonly hello: HelloFaults;
  /** Told of every contact, before its callee is. */
  readonly onContact?: (renewed: boolean) => void;
}

/** What mutants of the hello leave out. */
export interface HelloFaults {
  /** Nothing ever counts as renewed. */
  readonly none?: boolean;
  /** Only the ids that are stored on the server are compared. */
  readonly noOwnIds?: boolean;
  /** Only one master is looked at. */
  readonly oneMaster?: boolean;
  /** The log's numbers and presence are not looked at. */
  readonly noLog?: boolean;
}

interface Facts {
  readonly ids: Ids;
  readonly stored: Ids | undefined;
  readonly serverMs: number;
  readonly opened: boolean;
  readonly tail: number;
  readonly isVouched: boolean;
}

export class ModelContact {
  readonly clock = new ServerClock();
  readonly #options: ContactOptions;
  readonly #scope = new AsyncLocalStorage<ModelSession>();
  readonly #unwatch: () => void;
  #onContact: OnContact | undefined;
  #session: ModelSession | undefined;
  #isReady = false;
  #isRenewalOwed = false;
  #isClosed = false;
  #lastUsed: readonly Ids[] | undefined;
  #clockOf: string | undefined;
  #timer: { cancel(): void } | undefined;
  lastError: string | undefined;
  contacts = 0;
  renewals = 0;

  constructor(options: ContactOptions) {
    this.#options = options;
    const { server, node, local } = options;
    this.#unwatch = server.watch((process, only) => {
      if (only !== undefined && only !== node) return;
      const session = this.#session;
      if (session?.processes.includes(process)) local.deliver(() => session.end("the connection was lost"));
    });
  }

  start(onContact: OnContact): void {
    if (this.#onContact !== undefined) return;
    this.#onContact = onContact;
    this.#again(0);
  }

  close(): void {
    this.#isClosed = true;
    this.#unwatch();
    this.#timer?.cancel();
    this.#session?.end("the store was closed");
  }

  /** The node is gone: it hears nothing any more. */
  abandon(): void {
    this.#unwatch();
  }

  /** The processes that this node takes for the masters. */
  get processes(): readonly ModelProcess[] {
    return this.#session?.processes ?? [];
  }

  get wasUp(): boolean {
    return this.contacts > 0;
  }

  get isUp(): boolean {
    return this.#isReady && this.#session !== undefined && this.#session.ended === undefined;
  }

  /** Names the servers of the last contact. */
  get identity(): string {
    return this.#session?.processes.map(({ ids }) => ids.run).join() ?? "";
  }

  /** What this caller may use now. */
  session(): ModelSession {
    const session = this.#session;
    const isMine = this.#isReady || (session !== undefined && this.#scope.getStore() === session);
    if (session !== undefined && session.ended === undefined && isMine) return session;
    throw new StoreUnavailable("down", this.lastError ?? "there is no contact yet");
  }

  #again(delayMs: number): void {
    if (this.#isClosed) return;
    this.#timer?.cancel();
    this.#timer = this.#options.local.after(delayMs, () => void this.#meet());
  }

  async #meet(): Promise<void> {
    this.#isReady = false;
    const session = new ModelSession(this.#options, () => {
      if (session.isDoubtful) this.#isRenewalOwed = true;
      this.#again(this.#options.reconnectMs);
    });
    this.#session = session;
    try {
      const facts = await this.#look(session);
      if (this.#mustRenew(facts)) this.#isRenewalOwed = true;
      const renewed = this.#isRenewalOwed && this.#options.hello.none !== true;
      this.#options.onContact?.(renewed);
      await this.#scope.run(session, () => this.#onContact?.(renewed));
      await this.#seal(session, facts);
      if (session.ended !== undefined) return;
      this.#isRenewalOwed = false;
      this.#isReady = true;
      this.lastError = undefined;
      this.contacts += 1;
      if (renewed) this.renewals += 1;
      this.#checkLater(session);
    } catch (error) {
      this.lastError = error instanceof Error ? error.message : String(error);
      session.end(this.lastError);
    }
  }

  /** Asks every master who it is and what is stored there, and the log's master for its time and its newest message. */
  async #look(session: ModelSession, opens = true): Promise<readonly Facts[]> {
    const { server, local, contactTimeoutMs } = this.#options;
    const askedAtMs = local.nowMs();
    const known = session.newest;
    const routed = session.processes.map(
      (_, master): Routed<Facts> => ({
        master,
        run: (process) => {
          const keepsLog = master === server.logMaster;
          const opened = keepsLog && opens && process.state.log === undefined;
          const serverMs = server.clockMs(master);
          if (opened) {
            const last = Math.floor(serverMs * 1000);
            process.write((state) => {
              state.log = { last, messages: [] };
            });
          }
          const tail = keepsLog ? (process.state.log?.last ?? -1) : 0;
          const isVouched = process.acknowledgedAtMs() !== undefined;
          return { ids: process.ids, stored: process.state.ids, serverMs, opened, tail, isVouched };
        },
      }),
    );
    const facts = await session.send(routed, contactTimeoutMs);
    facts.forEach(({ isVouched }, master) => {
      if (isVouched) session.vouchedAtMs[master] = askedAtMs;
    });
    const log = facts[server.logMaster];
    if (log === undefined) throw new StoreUnavailable("down", "nobody has the log");
    if (this.#clockOf !== log.ids.run) this.clock.forget();
    this.#clockOf = log.ids.run;
    if (!this.clock.sample(log.serverMs, askedAtMs, local.nowMs())) session.isDoubtful = true;
    if (log.tail < known) session.isDoubtful = true;
    session.newest = Math.max(session.newest, log.tail);
    return facts;
  }

  #mustRenew(facts: readonly Facts[]): boolean {
    const { hello } = this.#options;
    const looked = hello.oneMaster ? facts.slice(0, 1) : facts;
    const used = this.#lastUsed;
    const isKnown = looked.every(
      ({ ids }, at) => used === undefined || hello.noOwnIds === true || isSame(used[at], ids),
    );
    const isStored = looked.every(({ ids, stored }) => isSame(stored, ids));
    const wasLogGone = hello.noLog !== true && facts.some(({ opened }) => opened);
    return !isKnown || !isStored || wasLogGone || this.#session?.isDoubtful === true;
  }

  async #seal(session: ModelSession, facts: readonly Facts[]): Promise<void> {
    const routed = session.processes.map(
      (_, master): Routed<void> => ({
        master,
        run: (process) => {
          const { ids } = process;
          process.write((state) => {
            state.ids = ids;
          });
        },
      }),
    );
    await session.send(routed, this.#options.contactTimeoutMs);
    this.#lastUsed = facts.map(({ ids }) => ids);
  }

  #checkLater(session: ModelSession): void {
    this.#timer = this.#options.local.after(this.#options.checkEveryMs, () => {
      if (session.ended === undefined) void this.#check(session);
    });
  }

  async #check(session: ModelSession): Promise<void> {
    try {
      const facts = await this.#look(session, false);
      const { hello } = this.#options;
      const isLost = hello.none !== true && facts.some(({ ids, stored }) => !isSame(stored, ids));
      const isLogGone = hello.noLog !== true && facts.some(({ tail }) => tail < 0);
      if (session.isDoubtful || isLost || isLogGone) session.endInDoubt("the server has forgotten something");
    } catch (error) {
      if (!(error instanceof StoreUnavailable && error.reason === "timeout")) session.end(String(error));
    }
    if (session.ended === undefined) this.#checkLater(session);
  }
}

function isSame(a: Ids | undefined, b: Ids | undefined): boolean {
  return a !== undefined && a.run === b?.run && a.replication === b.replication;
}
