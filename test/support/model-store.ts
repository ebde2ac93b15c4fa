/**
 * A SharedStore for many nodes in one process and on any clock: what Redis does for us as src/redis/shared-store.ts
 * states it, and whatever can go wrong with it (model-store-server.ts). For simulations and contract tests.
 */

import {
  type Changed,
  type EntryName,
  type LogMessage,
  type Look,
  type OnContact,
  type ReferenceClock,
  type SharedStore,
  type StoreFacts,
  StoreUnavailable,
  type TagChange,
  type TagState,
} from "../../src/redis/shared-store.ts";
import { entryKey, ModelChanges, type ModelStoreOptions, writable } from "./model-store-changes.ts";
import { ModelContact } from "./model-store-contact.ts";
import type { ModelProcess } from "./model-store-server.ts";
import { Later, type Routed } from "./model-store-session.ts";

export class ModelStore implements SharedStore {
  readonly contact: ModelContact;
  readonly changes: ModelChanges;
  readonly #options: ModelStoreOptions;
  #isReading = false;

  constructor(options: ModelStoreOptions) {
    this.#options = options;
    this.contact = new ModelContact(options);
    this.changes = new ModelChanges(options, this.contact);
  }

  get clock(): ReferenceClock {
    return this.contact.clock;
  }

  get isUp(): boolean {
    return this.contact.isUp;
  }

  get identity(): string {
    return this.contact.identity;
  }

  get mayEvict(): boolean {
    return !this.contact.wasUp || this.#options.server.evicts;
  }

  start(onContact: OnContact): void {
    this.contact.start(onContact);
  }

  async close(): Promise<void> {
    this.contact.close();
  }

  facts(): StoreFacts {
    const { server } = this.#options;
    return {
      ...{ isUp: this.isUp, mode: server.masters.length > 1 ? "cluster" : "single", server: "model 1" },
      ...{ replicas: undefined, evictionPolicy: server.evicts ? "allkeys-random" : "noeviction" },
      ...{ memoryBytesMax: 0, memoryBytes: undefined, evictedKeys: undefined },
      lastError: this.contact.lastError,
    };
  }

  async look(name: EntryName, tags: readonly string[]): Promise<Look> {
    const { server, lookupTimeoutMs } = this.#options;
    const entry: Routed<Uint8Array | undefined> = {
      master: server.masterOf(name.tag),
      run: ({ state }, master) => state.entry(entryKey(name), server.clockMs(master)),
    };
    const routed: Routed<Uint8Array | TagState | undefined>[] = [
      entry,
      ...tags.map((tag) => this.changes.read(tag)),
    ];
    const sinceMs = this.#options.local.nowMs() - (this.#options.vouchWithinMs ?? Number.POSITIVE_INFINITY);
    const { vouchedAtMs } = this.contact.session();
    if (routed.some(({ master }) => (vouchedAtMs[master] ?? sinceMs) <= sinceMs))
      throw new StoreUnavailable("refused", "no replica acknowledges");
    const [value, ...states] = await this.#send(routed, lookupTimeoutMs);
    // The codec edge: each reply is what its command gives.
    return { entry: value as Uint8Array | undefined, tags: states as (TagState | undefined)[] };
  }

  async ensure(tags: readonly string[], bornAtMs: number): Promise<readonly TagState[]> {
    const { server, lookupTimeoutMs } = this.#options;
    const routed = tags.map((tag): Routed<TagState> => {
      const token = server.token();
      const nowMs = this.#earliestMs();
      const run = (process: ModelProcess): TagState => {
        const found = process.state.read(tag, nowMs);
        if (found !== undefined) return found;
        writable(process).write((state) => state.ensure(tag, token, bornAtMs));
        return { token, changedAtMs: bornAtMs, bornAtMs, marks: new Map() };
      };
      return { master: server.masterOf(tag), run };
    });
    return this.#send(routed, lookupTimeoutMs);
  }

  async put(name: EntryName, value: Uint8Array, expireMs: number): Promise<void> {
    const { server, invalidateTimeoutMs } = this.#options;
    const bytes = Uint8Array.from(value);
    const run = (process: ModelProcess, master: number): void => {
      const untilMs = server.clockMs(master) + expireMs;
      writable(process).write((state) => state.put(entryKey(name), bytes, untilMs));
    };
    await this.#send([{ master: server.masterOf(name.tag), run }], invalidateTimeoutMs);
  }

  async change(change: TagChange): Promise<Changed> {
    return this.changes.change(change);
  }

  async mark(
    tags: readonly string[],
    writer: string,
    untilMs: number,
    also: readonly string[],
    bornAtMs: number,
  ): Promise<{ readonly marked: readonly TagState[]; readonly also: readonly (TagState | undefined)[] }> {
    return this.changes.mark(tags, writer, untilMs, also, bornAtMs);
  }

  async unmark(tags: readonly string[], writer: string): Promise<void> {
    const { server, invalidateTimeoutMs } = this.#options;
    const nowMs = this.#earliestMs();
    const routed = tags.map((tag) => ({
      master: server.masterOf(tag),
      run: (process: ModelProcess) => process.write((state) => state.unmark(tag, nowMs, writer)),
    }));
    await this.#send(routed, invalidateTimeoutMs);
  }

  async beat(body: Uint8Array): Promise<{ readonly sequence: number; readonly acknowledged: boolean }> {
    return this.changes.beat(body);
  }

  async readLog(after: number, countMax: number, waitMs: number): Promise<readonly LogMessage[]> {
    const { server, contactTimeoutMs: logTimeoutMs } = this.#options;
    const session = this.contact.session();
    this.#options.onApplied?.(after, session.processes[server.logMaster]);
    const run = (process: ModelProcess) => this.#messages(process, after, countMax, waitMs);
    const routed = { master: server.logMaster, run: run as unknown as Routed<readonly LogMessage[]>["run"] };
    if (this.#isReading) throw new StoreUnavailable("refused", "the log is already being read");
    this.#isReading = true;
    const reading = this.#send([routed], waitMs + logTimeoutMs);
    const [messages] = await reading.finally(() => {
      this.#isReading = false;
    });
    session.newest = Math.max(session.newest, messages?.at(-1)?.sequence ?? 0);
    return messages ?? [];
  }

  async logTail(): Promise<number> {
    const { server, lookupTimeoutMs } = this.#options;
    const run = ({ state }: ModelProcess) => state.log?.last ?? 0;
    const [tail] = await this.#send([{ master: server.logMaster, run }], lookupTimeoutMs);
    return tail ?? 0;
  }

  async lease(name: string, holder: string, forMs: number): Promise<boolean> {
    const run = (process: ModelProcess, serverMs: number) =>
      writable(process).write((state) => state.lease(name, holder, serverMs, forMs));
    return this.#onLogMaster(run);
  }

  async release(name: string, holder: string): Promise<void> {
    await this.#onLogMaster((process) => process.write((state) => state.release(name, holder)));
  }

  async saveCheckpoint(name: string, fields: ReadonlyMap<string, string>, keepMs: number): Promise<void> {
    const copy = new Map(fields);
    await this.#onLogMaster((process, serverMs) =>
      writable(process).write((state) => state.saveCheckpoint(name, copy, serverMs, keepMs)),
    );
  }

  async loadCheckpoint(name: string): Promise<ReadonlyMap<string, string>> {
    return this.#onLogMaster(({ state }, serverMs) => state.checkpoint(name, serverMs));
  }

  async dropCheckpoint(name: string): Promise<void> {
    await this.#onLogMaster((process) => process.write((state) => state.checkpoints.delete(name)));
  }

  async #onLogMaster<T>(run: (process: ModelProcess, serverMs: number) => T): Promise<T> {
    const { server, invalidateTimeoutMs } = this.#options;
    const routed: Routed<T> = {
      master: server.logMaster,
      run: (process, master) => run(process, server.clockMs(master)),
    };
    const [result] = await this.#send([routed], invalidateTimeoutMs);
    // The codec edge: one command, one reply.
    return result as T;
  }

  async #send<T>(routed: readonly Routed<T>[], timeoutMs: number): Promise<readonly T[]> {
    return this.contact.session().send(routed, timeoutMs);
  }

  /** What there is; else what comes within the time. */
  #messages(
    process: ModelProcess,
    after: number,
    countMax: number,
    waitMs: number,
  ): readonly LogMessage[] | Later<readonly LogMessage[]> {
    const now = () =>
      (process.state.log?.messages ?? []).filter(({ sequence }) => sequence > after).slice(0, countMax);
    const { world, logDelayMs } = this.#options;
    const later = (reply: (messages: readonly LogMessage[]) => void): void => {
      const messages = now();
      world.at(world.nowMs() + (logDelayMs?.() ?? 0), () => reply(messages));
    };
    if (now().length > 0) return new Later(later);
    return new Later((reply) => {
      let isDone = false;
      const end = (): void => {
        if (isDone) return;
        isDone = true;
        off();
        later(reply);
      };
      const off = process.onMessage(end);
      world.at(world.nowMs() + waitMs, end);
    });
  }

  /** A moment that is surely past for marks that ended before it. */
  #earliestMs(): number {
    return this.contact.clock.earliestMs(this.#options.local.nowMs());
  }
}
