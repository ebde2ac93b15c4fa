/** How nodes of the model tell each other of changes: tokens, marks, messages and heartbeats. */

import {
  type Changed,
  type ChangedTag,
  type EntryName,
  StoreUnavailable,
  type TagChange,
  type TagState,
} from "../../src/redis/shared-store.ts";
import type { ContactOptions, ModelContact } from "./model-store-contact.ts";
import type { ModelProcess } from "./model-store-server.ts";
import { Later, type ModelSession, type Routed } from "./model-store-session.ts";
import type { ModelState, TagOrder } from "./model-store-state.ts";

export interface ModelStoreOptions extends ContactOptions {
  readonly lookupTimeoutMs: number;
  readonly invalidateTimeoutMs: number;
  /** How long ago a replica may have acknowledged for the last time, where there was one. Default: any time. */
  readonly vouchWithinMs?: number;
  /** Mutants: the order in which a change is told, and what a mark does. */
  readonly faults?: StoreFaults;
  /** Who reads the log after this number has applied everything up to it. */
  /** How much later than asked the log answers. */
  readonly logDelayMs?: () => number;
  readonly onApplied?: (after: number, log: ModelProcess | undefined) => void;
}

export interface StoreFaults {
  /** The message is sent, and only then the tokens. */
  readonly messageFirst?: boolean;
  /** A mark leaves the token as it is. */
  readonly markKeepsToken?: boolean;
  /** A tag keeps the last writer's mark only. */
  readonly oneOwner?: boolean;
  /** Heartbeats count as acknowledged, and marks as placed, without a replica. */
  readonly noAcknowledgement?: boolean;
  /** The same for heartbeats only. */
  readonly beatsAlone?: boolean;
}

interface TagResult {
  readonly changed: ChangedTag;
  readonly confirmed: boolean;
}

/** What a command of a change answers: of a tag, or the message's number. */
type Told = TagResult | number;

/** The server's patience with its replicas, as a share of ours. */
const patience = 0.8;

const noFaults: StoreFaults = {};

export class ModelChanges {
  /** Changes that were not acknowledged. */
  failed = 0;
  readonly #options: ModelStoreOptions;
  readonly #contact: ModelContact;
  readonly #faults: StoreFaults;

  constructor(options: ModelStoreOptions, contact: ModelContact) {
    this.#options = options;
    this.#contact = contact;
    this.#faults = options.faults ?? noFaults;
  }

  async change(change: TagChange): Promise<Changed> {
    try {
      return await this.#tell(change);
    } catch (error) {
      this.failed += 1;
      throw error;
    }
  }

  async mark(
    tags: readonly string[],
    writer: string,
    untilMs: number,
    also: readonly string[],
    bornAtMs: number,
  ): Promise<{ readonly marked: readonly TagState[]; readonly also: readonly (TagState | undefined)[] }> {
    const { server, invalidateTimeoutMs } = this.#options;
    const marks = tags.map((tag): Routed<TagState | undefined> => {
      const order = this.#order(tag, { writer, changedAtMs: 0, pendingUntilMs: untilMs, bornAtMs });
      const run = (process: ModelProcess) =>
        this.#acknowledged(process, () => {
          const known = this.#faults.markKeepsToken ? process.state.tags.get(tag)?.token : undefined;
          process.write((state) =>
            this.#change(state, known === undefined ? order : { ...order, token: known }),
          );
          return process.state.read(tag, order.nowMs);
        });
      return { master: server.masterOf(tag), run: run as Routed<TagState | undefined>["run"] };
    });
    const states = await this.#contact
      .session()
      .send([...marks, ...also.map((tag) => this.read(tag))], invalidateTimeoutMs);
    const marked = states.slice(0, tags.length).flatMap((state) => state ?? []);
    return { marked, also: states.slice(tags.length) };
  }

  async beat(body: Uint8Array): Promise<{ readonly sequence: number; readonly acknowledged: boolean }> {
    const sequence = await this.#append(body);
    const { server, invalidateTimeoutMs } = this.#options;
    if (this.#faults.noAcknowledgement || this.#faults.beatsAlone) return { sequence, acknowledged: true };
    const run = (process: ModelProcess) => this.#acknowledged(process, () => true);
    const routed = { master: server.logMaster, run: run as Routed<boolean>["run"] };
    const [acknowledged] = await this.#contact
      .session()
      .send([routed], invalidateTimeoutMs)
      .catch(() => [false]);
    return { sequence, acknowledged: acknowledged === true };
  }

  /** Reads a tag. */
  read(tag: string): Routed<TagState | undefined> {
    const nowMs = this.#earliestMs();
    return { master: this.#options.server.masterOf(tag), run: ({ state }) => state.read(tag, nowMs) };
  }

  /** To one master all in one piece, the message last; to several the message when all have answered. */
  async #tell(change: TagChange): Promise<Changed> {
    const { server, invalidateTimeoutMs } = this.#options;
    const session = this.#contact.session();
    const known = session.newest;
    const message = { master: server.logMaster, run: this.#appending(change.message) };
    const inOnePiece = server.masters.length === 1;
    if (this.#faults.messageFirst)
      this.#appended(session, known, await session.send([message], invalidateTimeoutMs));
    const routed: Routed<Told>[] = [...this.#changes(change)];
    if (inOnePiece && !this.#faults.messageFirst) routed.push(message);
    const told = await session.send(routed, invalidateTimeoutMs);
    if (inOnePiece && !this.#faults.messageFirst) this.#appended(session, known, told.slice(-1));
    else if (!this.#faults.messageFirst)
      this.#appended(session, known, await session.send([message], invalidateTimeoutMs));
    const results = told.flatMap((one) => (typeof one === "number" ? [] : [one]));
    return { tags: results.map(({ changed }) => changed), confirmed: results[0]?.confirmed ?? false };
  }

  #changes(change: TagChange): Routed<TagResult>[] {
    const { server } = this.#options;
    return change.tags.map((tag, at) => {
      const confirm = at === 0 ? change.confirm : undefined;
      const order = this.#order(tag, change, confirm);
      const run = (process: ModelProcess) => writable(process).write((state) => this.#change(state, order));
      return { master: server.masterOf(tag), run };
    });
  }

  #order(
    tag: string,
    { writer, changedAtMs, pendingUntilMs, bornAtMs }: Omit<TagChange, "tags" | "message" | "confirm">,
    confirm?: TagChange["confirm"],
  ): TagOrder {
    return {
      ...{ tag, writer, changedAtMs, pendingUntilMs, bornAtMs, nowMs: this.#earliestMs() },
      token: this.#options.server.token(),
      confirm: confirm && { entry: entryKey(confirm.name), imageHash: confirm.imageHash },
    };
  }

  #change(state: ModelState, order: TagOrder): TagResult {
    const marks = state.tags.get(order.tag)?.marks;
    if (this.#faults.oneOwner && order.pendingUntilMs > 0) marks?.clear();
    return state.change(order);
  }

  async #append(message: Uint8Array): Promise<number> {
    const { server, invalidateTimeoutMs } = this.#options;
    const session = this.#contact.session();
    const known = session.newest;
    const routed = { master: server.logMaster, run: this.#appending(message) };
    return this.#appended(session, known, await session.send([routed], invalidateTimeoutMs));
  }

  /** Answers the message's number; −1 where the log is gone, which nobody but a hello opens anew. */
  #appending(message: Uint8Array): Routed<number>["run"] {
    const { server, hello } = this.#options;
    return (process, master) =>
      process.state.log === undefined && hello.noLog !== true
        ? -1
        : writable(process).append(message, server.clockMs(master), server.logMessagesMax);
  }

  /** The log is gone, or goes back: then nothing that was concluded from it holds. */
  #appended(session: ModelSession, known: number, [sequence]: readonly Told[]): number {
    if (typeof sequence !== "number") throw new StoreUnavailable("refused", "no number of a message");
    if (this.#options.hello.noLog !== true && sequence <= known) {
      session.endInDoubt("the log goes back");
      throw new StoreUnavailable("refused", "the log goes back");
    }
    session.newest = Math.max(session.newest, sequence);
    return sequence;
  }

  /** Answers when a replica has what was written; with StoreUnavailable where none will. */
  #acknowledged<T>(process: ModelProcess, write: () => T): T | Later<T | StoreUnavailable> {
    const value = ((): T => {
      writable(process);
      return write();
    })();
    if (this.#faults.noAcknowledgement) return value;
    const { world, invalidateTimeoutMs } = this.#options;
    return new Later((reply) => {
      const refused = new StoreUnavailable("timeout", "no replica has it");
      const atMs = process.acknowledgedAtMs();
      if (atMs === undefined) {
        world.at(world.nowMs() + patience * invalidateTimeoutMs, () => reply(refused));
        return;
      }
      world.at(atMs, () => reply(process.acknowledgedAtMs() === undefined ? refused : value));
    });
  }

  /** A moment that is surely past for marks that ended before it. */
  #earliestMs(): number {
    return this.#contact.clock.earliestMs(this.#options.local.nowMs());
  }
}

export function entryKey({ key, tag }: EntryName): string {
  return `${tag}\n${key}`;
}

export function writable(process: ModelProcess): ModelProcess {
  if (process.refuses) throw new StoreUnavailable("refused", "OOM command not allowed");
  return process;
}
