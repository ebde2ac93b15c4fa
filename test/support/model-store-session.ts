/** One node's connections to all masters, from the moment they stand to the moment one of them is lost. */

import { StoreUnavailable } from "../../src/redis/shared-store.ts";
import type { ModelProcess, ModelServer, WorldTime } from "./model-store-server.ts";

/** A node's own time: it stands still while the node is paused, and nothing happens any more when it has crashed. */
export interface NodeTime {
  /** The node's monotonic clock. */
  nowMs(): number;
  /** A timer of the node; `cancel` takes it back. */
  after(delayMs: number, run: () => void): { cancel(): void };
  /** Something reaches the node from outside. */
  deliver(run: () => void): void;
}

/** How the network treats this node. */
export interface Network {
  /** One way, in milliseconds. */
  delayMs(): number;
  /** Whether nothing gets through now. */
  isCut(): boolean;
  /** Whether the commands of one request arrive one by one, with time in between. */
  splits(): boolean;
}

export interface SessionOptions {
  readonly node: string;
  readonly server: ModelServer;
  readonly world: WorldTime;
  readonly local: NodeTime;
  readonly network: Network;
  /** So many time-outs without an answer in between end it. */
  readonly timeoutsMax: number;
}

/** What a command does on its master; a StoreUnavailable that it throws is the answer. */
export type Command<T> = (process: ModelProcess, master: number) => T;

export interface Routed<T> {
  readonly master: number;
  readonly run: Command<T>;
}

interface Waiting {
  reject(error: StoreUnavailable): void;
}

interface Batch<T> {
  readonly master: number;
  readonly commands: readonly { readonly at: number; readonly run: Command<T> }[];
}

export class ModelSession {
  readonly processes: readonly ModelProcess[];
  ended: string | undefined;
  isDoubtful = false;
  /** The number of the newest log message that it knows of. */
  newest = 0;
  /** When each master was last seen with a replica that acknowledges, or without need of one. */
  readonly vouchedAtMs: number[] = [];
  readonly #options: SessionOptions;
  readonly #waiting = new Set<Waiting>();
  readonly #onEnd: () => void;
  readonly #arrivedAtMs: number[] = [];
  readonly #repliedAtMs: number[] = [];
  #timeouts = 0;

  constructor(options: SessionOptions, onEnd: () => void) {
    const { server, node } = options;
    this.#options = options;
    this.#onEnd = onEnd;
    this.processes = server.masters.map((_, master) => server.route(node, master));
  }

  end(reason: string): void {
    if (this.ended !== undefined) return;
    this.ended = reason;
    for (const one of this.#waiting) one.reject(new StoreUnavailable("down", reason));
    this.#waiting.clear();
    this.#onEnd();
  }

  endInDoubt(reason: string): void {
    this.isDoubtful = true;
    this.end(reason);
  }

  /** Sends commands to their masters; the replies in the order of the commands. They may be carried out even if it rejects. */
  send<T>(routed: readonly Routed<T>[], timeoutMs: number): Promise<readonly T[]> {
    if (this.ended !== undefined) return Promise.reject(new StoreUnavailable("down", this.ended));
    if (routed.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      const replies: T[] = [];
      let left = routed.length;
      const settle = (): boolean => {
        timer.cancel();
        return this.#waiting.delete(waiting);
      };
      const waiting: Waiting = {
        reject: (error) => {
          if (settle()) reject(error);
        },
      };
      const timer = this.#options.local.after(timeoutMs, () => this.#timeout(waiting));
      this.#waiting.add(waiting);
      const heard = (at: number, answer: T | StoreUnavailable): void => {
        if (this.ended !== undefined) return;
        this.#timeouts = 0;
        if (answer instanceof StoreUnavailable) {
          waiting.reject(answer);
          return;
        }
        replies[at] = answer;
        left -= 1;
        if (left === 0 && settle()) resolve(replies);
      };
      for (const batch of batches(routed)) this.#travel(batch, heard);
    });
  }

  #timeout(waiting: Waiting): void {
    if (!this.#waiting.has(waiting)) return;
    waiting.reject(new StoreUnavailable("timeout", "no answer in time"));
    this.#timeouts += 1;
    if (this.#timeouts >= this.#options.timeoutsMax) this.end(`${this.#timeouts} time-outs in a row`);
  }

  /** There, and back with each answer; requests and answers of one connection do not overtake each other. */
  #travel<T>(
    { master, commands }: Batch<T>,
    heard: (at: number, answer: T | StoreUnavailable) => void,
  ): void {
    const { world, network } = this.#options;
    const process = this.processes[master];
    if (process === undefined) return;
    const splits = network.splits();
    let arrivesAtMs = this.#later(this.#arrivedAtMs, master, network.delayMs());
    let group: (typeof commands)[number][] = [];
    const go = (): void => {
      const these = group;
      group = [];
      world.at(arrivesAtMs, () => {
        for (const { at, run } of these) this.#carryOut(process, master, run, (answer) => heard(at, answer));
      });
    };
    for (const command of commands) {
      group.push(command);
      if (!splits) continue;
      go();
      arrivesAtMs = this.#later(this.#arrivedAtMs, master, network.delayMs());
    }
    if (group.length > 0) go();
  }

  #carryOut<T>(
    process: ModelProcess,
    master: number,
    run: Command<T>,
    heard: (answer: T | StoreUnavailable) => void,
  ): void {
    const { world, network, local } = this.#options;
    if (!process.isAlive || network.isCut()) return;
    let answer: T | StoreUnavailable;
    try {
      answer = run(process, master);
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      answer = error;
    }
    const reply = (value: T | StoreUnavailable): void => {
      world.at(this.#later(this.#repliedAtMs, master, network.delayMs()), () => {
        if (process.isAlive && !network.isCut()) local.deliver(() => heard(value));
      });
    };
    if (answer instanceof Later) answer.begin(reply);
    else reply(answer);
  }

  #later(last: number[], master: number, delayMs: number): number {
    const atMs = Math.max(last[master] ?? 0, this.#options.world.nowMs() + delayMs);
    last[master] = atMs;
    return atMs;
  }
}

/** An answer that the server gives later: `begin` is told how. */
export class Later<T> {
  readonly begin: (reply: (value: T) => void) => void;
  constructor(begin: (reply: (value: T) => void) => void) {
    this.begin = begin;
  }
}

function batches<T>(routed: readonly Routed<T>[]): Batch<T>[] {
  const shares = new Map<number, { at: number; run: Command<T> }[]>();
  for (const [at, { master, run }] of routed.entries()) {
    const share = shares.get(master);
    if (share === undefined) shares.set(master, [{ at, run }]);
    else share.push({ at, run });
  }
  return [...shares].map(([master, commands]) => ({ master, commands }));
}
