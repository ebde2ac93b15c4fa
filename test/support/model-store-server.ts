/**
 * The servers of the model of Redis: one master or several of a Cluster, each with a clock, a state, and perhaps a
 * replica that lags. Every write is a function of the state alone, so that a replica carries it out by doing the same.
 */

import { type Ids, ModelState } from "./model-store-state.ts";

/** The world's own time. */
export interface WorldTime {
  nowMs(): number;
  at(atMs: number, run: () => void): unknown;
}

export type Operation<T> = (state: ModelState) => T;

interface Queued {
  readonly arrivesAtMs: number;
  readonly operation: Operation<unknown>;
}

/** One process of redis-server that was, is or was not long ago a master. */
export class ModelProcess {
  readonly ids: Ids;
  state: ModelState;
  isAlive = true;
  /** Refuses writes: out of memory, or read-only. */
  refuses = false;
  /** No longer, or not yet again, connected with its replica. */
  replicaIsCut = false;
  /** What a replica has; undefined = there is none. */
  replica: ModelState | undefined;
  /** Whether there ever was one: then an acknowledgement is expected. */
  expectsReplica = false;
  readonly #time: WorldTime;
  readonly #replicaLagMs: () => number;
  #queue: Queued[] = [];
  #arrivesAtMs = 0;
  #waiting: (() => void)[] = [];

  constructor(time: WorldTime, ids: Ids, state: ModelState, replicaLagMs: () => number) {
    this.#time = time;
    this.ids = ids;
    this.state = state;
    this.#replicaLagMs = replicaLagMs;
  }

  attachReplica(): void {
    this.replica = this.state.copy();
    this.#queue = [];
    this.replicaIsCut = false;
    this.expectsReplica = true;
  }

  write<T>(operation: Operation<T>): T {
    const result = operation(this.state);
    if (this.replica !== undefined) {
      this.#arrivesAtMs = Math.max(this.#arrivesAtMs, this.#time.nowMs() + this.#replicaLagMs());
      this.#queue.push({ arrivesAtMs: this.#arrivesAtMs, operation });
    }
    return result;
  }

  /** When a replica has everything written so far; undefined = perhaps never. */
  acknowledgedAtMs(): number | undefined {
    if (!this.expectsReplica) return this.#time.nowMs();
    if (this.replica === undefined || this.replicaIsCut) return undefined;
    return Math.max(this.#time.nowMs(), this.#arrivesAtMs);
  }

  /** What the replica has by now. */
  replicated(): ModelState | undefined {
    const { replica } = this;
    if (replica === undefined) return undefined;
    const nowMs = this.#time.nowMs();
    while (!this.replicaIsCut && this.#queue[0] !== undefined && this.#queue[0].arrivesAtMs <= nowMs) {
      this.#queue.shift()?.operation(replica);
    }
    return replica;
  }

  cutReplica(): void {
    this.replicated();
    this.replicaIsCut = true;
  }

  /** Calls back at every new log message, until `off` says so. */
  onMessage(run: () => void): () => void {
    this.#waiting.push(run);
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== run);
    };
  }

  append(body: Uint8Array, serverMs: number, messagesMax: number): number {
    const firstAfter = Math.floor(serverMs * 1000);
    const sequence = this.write((state) => state.append(body, firstAfter, messagesMax));
    for (const run of this.#waiting) run();
    return sequence;
  }
}

export interface ModelServerOptions {
  readonly time: WorldTime;
  /** How many masters share the slots. */
  readonly masters: number;
  /** Whether each has a replica at start. */
  readonly replicas: boolean;
  /** Whether keys may be removed at any time. */
  readonly evicts: boolean;
  /** How many messages the log keeps. */
  readonly logMessagesMax: number;
  readonly replicaLagMs: () => number;
  /** By how much each master's clock is ahead of the world's; in milliseconds. */
  readonly skewMs: (master: number) => number;
}

/** All that nodes share. */
export class ModelServer {
  readonly evicts: boolean;
  readonly logMessagesMax: number;
  readonly masters: ModelProcess[] = [];
  /** The master that has the log. */
  readonly logMaster = 0;
  readonly #options: ModelServerOptions;
  readonly #skewsMs: number[] = [];
  readonly #snapshots: (ModelState | undefined)[] = [];
  /** Which process a node still takes for the master. */
  readonly #routes = new Map<string, ModelProcess>();
  readonly #watchers = new Set<(process: ModelProcess, node?: string) => void>();
  #serial = 0;

  constructor(options: ModelServerOptions) {
    this.#options = options;
    this.evicts = options.evicts;
    this.logMessagesMax = options.logMessagesMax;
    for (let at = 0; at < options.masters; at += 1) {
      this.#skewsMs.push(options.skewMs(at));
      this.masters.push(this.#process(new ModelState()));
      if (options.replicas) this.masters[at]?.attachReplica();
    }
  }

  token(): string {
    return `t${String(this.#next()).padStart(15, "0")}`;
  }

  masterOf(tag: string): number {
    let h = 0;
    for (let at = 0; at < tag.length; at += 1) h = (Math.imul(h, 31) + tag.charCodeAt(at)) | 0;
    return (h >>> 0) % this.masters.length;
  }

  clockMs(master: number): number {
    return this.#options.time.nowMs() + (this.#skewsMs[master] ?? 0);
  }

  /** The process that this node reaches as this master. */
  route(node: string, master: number): ModelProcess {
    const stale = this.#routes.get(`${master} ${node}`);
    if (stale?.isAlive) return stale;
    const process = this.masters[master];
    if (process === undefined) throw new RangeError(`no master ${master}`);
    return process;
  }

  /** Told when connections to a process break: all, or one node's. */
  watch(watcher: (process: ModelProcess, node?: string) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Breaks connections. */
  cut(process: ModelProcess, node?: string): void {
    for (const watcher of [...this.#watchers]) watcher(process, node);
  }

  // ---- what goes wrong ----

  evictTag(master: number, tag: string): void {
    this.masters[master]?.write((state) => state.tags.delete(tag));
  }

  evictEntry(master: number, entry: string): void {
    this.masters[master]?.write((state) => state.entries.delete(entry));
  }

  evictLog(): void {
    this.masters[this.logMaster]?.write((state) => {
      state.log = undefined;
    });
  }

  trimLog(keep: number): void {
    this.masters[this.logMaster]?.write((state) => state.trim(keep));
  }

  /** FLUSHALL: the connections stand. */
  flush(master: number): void {
    this.masters[master]?.write((state) => state.clear());
  }

  /** Saves what a restart may come back with. */
  snapshot(master: number): void {
    this.#snapshots[master] = this.masters[master]?.state.copy();
  }

  /** Another run of the same server, empty or with what was saved last. */
  restart(master: number, how: "empty" | "snapshot"): void {
    const old = this.masters[master];
    if (old === undefined) return;
    const state = how === "empty" ? undefined : this.#snapshots[master]?.copy();
    const next = this.#process(state ?? new ModelState());
    this.masters[master] = next;
    if (old.replica !== undefined) next.attachReplica();
    this.#end(old);
  }

  /**
   * The replica becomes the master with what it has. Nodes for which `stays` holds do not notice yet and go on with the
   * old one, which has no replica any more; endDemoted() ends that.
   * @returns the demoted process; undefined if there was no replica
   */
  failover(
    master: number,
    stays: (node: string) => boolean,
    nodes: readonly string[],
  ): ModelProcess | undefined {
    const old = this.masters[master];
    const state = old?.replicated();
    if (old === undefined || state === undefined) return undefined;
    old.cutReplica();
    const next = this.#process(state.copy());
    this.masters[master] = next;
    old.replica = undefined;
    for (const node of nodes) {
      if (stays(node)) this.#routes.set(`${master} ${node}`, old);
      else this.cut(old, node);
    }
    return old;
  }

  endDemoted(process: ModelProcess): void {
    this.#end(process);
  }

  /** The server's clock is set: forwards or back. */
  setClock(master: number, byMs: number): void {
    this.#skewsMs[master] = (this.#skewsMs[master] ?? 0) + byMs;
  }

  #end(process: ModelProcess): void {
    process.isAlive = false;
    this.cut(process);
  }

  #process(state: ModelState): ModelProcess {
    const ids = { run: `run${this.#next()}`, replication: `replication${this.#next()}` };
    return new ModelProcess(this.#options.time, ids, state, this.#options.replicaLagMs);
  }

  #next(): number {
    this.#serial += 1;
    return this.#serial;
  }
}
