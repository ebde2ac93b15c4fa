// Several nodes as real processes, each with a fault proxy of its own in front of the Redis they share.

import type { CallFailure, Target } from "./audit-target.ts";
import type { SettingValues } from "./proxy.ts";
import { type Served, startServed } from "./served.ts";
import { startFaultProxy, type TcpFaultProxy } from "./tcp-fault-proxy.ts";

export interface FleetOptions {
  readonly nodes: number;
  readonly workers: number;
  /** Undefined = the nodes have nothing in common. */
  readonly redisPort: number | undefined;
  readonly settings: SettingValues;
}

/** The times of this process between which a node could not answer. */
interface Pause {
  readonly fromMs: number;
  toMs: number;
}

/** One life of a process. */
interface Life {
  readonly served: Served;
  readonly target: Target;
  readonly pauses: Pause[];
  killedAtMs: number;
}

export class FleetNode {
  readonly name: string;
  /** Between it and Redis. */
  readonly link: TcpFaultProxy | undefined;
  readonly #settings: SettingValues;
  #life: Life | undefined;
  readonly #lives = new Map<string, Life>();

  constructor(name: string, link: TcpFaultProxy | undefined, settings: SettingValues) {
    this.name = name;
    this.link = link;
    this.#settings = settings;
  }

  /** Where to reach it; undefined while it is dead. A paused one takes calls. Its name is new after each start. */
  get target(): Target | undefined {
    return this.#life?.target;
  }

  get served(): Served {
    if (this.#life === undefined) throw new Error(`${this.name} is dead`);
    return this.#life.served;
  }

  async start(): Promise<void> {
    const redis = this.link && { redis: `redis://127.0.0.1:${this.link.port}` };
    const served = await startServed({ ...this.#settings, ...redis });
    const target = { url: served.url, node: `${this.name}.${this.#lives.size + 1}` };
    this.#life = { served, target, pauses: [], killedAtMs: Number.POSITIVE_INFINITY };
    this.#lives.set(target.node, this.#life);
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    const life = this.#life;
    if (life === undefined) return;
    this.#life = undefined;
    life.killedAtMs = performance.now();
    process.kill(life.served.pid, "SIGKILL");
    await life.served.stop();
  }

  /** SIGSTOP, all threads. Gives what wakes it. */
  pause(): () => void {
    const life = this.#life;
    if (life === undefined) return () => {};
    const pause: Pause = { fromMs: performance.now(), toMs: Number.POSITIVE_INFINITY };
    life.pauses.push(pause);
    process.kill(life.served.pid, "SIGSTOP");
    return () => {
      if (life.killedAtMs === Number.POSITIVE_INFINITY) process.kill(life.served.pid, "SIGCONT");
      pause.toMs = performance.now();
    };
  }

  /** Whatever state it is in. */
  async stop(): Promise<void> {
    const life = this.#life;
    this.#life = undefined;
    // What sleeps does not hear that it is to end.
    if (life?.pauses.some(({ toMs }) => toMs === Number.POSITIVE_INFINITY))
      process.kill(life.served.pid, "SIGCONT");
    await life?.served.stop();
    await this.link?.stop();
  }

  /** Whether this life of the node was killed, so that what it had been asked had no answer. */
  wasKilled(node: string): boolean {
    return this.#lives.get(node)?.killedAtMs !== Number.POSITIVE_INFINITY;
  }

  /** Whether this life of the node was paused for so long while it had been asked. */
  wasPaused({ target, startedAtMs }: CallFailure, forMs: number): boolean {
    const pauses = this.#lives.get(target.node)?.pauses ?? [];
    return pauses.some(({ fromMs, toMs }) => toMs > startedAtMs && toMs - fromMs >= forMs);
  }
}

export class Fleet {
  readonly nodes: readonly FleetNode[];

  constructor(nodes: readonly FleetNode[]) {
    this.nodes = nodes;
  }

  /** Calls of one client: to its own node, to any other while that one is dead, and waiting while all are. */
  async target(index: number, pauseMs: () => Promise<void>): Promise<Target> {
    for (;;) {
      await pauseMs();
      const own = this.nodes[index % this.nodes.length]?.target;
      const target = own ?? this.nodes.find((node) => node.target !== undefined)?.target;
      if (target !== undefined) return target;
    }
  }

  /** The node of which this is one life. */
  node({ node }: Target): FleetNode | undefined {
    return this.nodes.find(({ name }) => node.startsWith(`${name}.`));
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }
}

/** Starts the nodes, one after the other so that each is quick. */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const { nodes, workers, redisPort, settings } = options;
  const all = { logLevel: process.env.CHAOS_LOG ?? "silent", ...(workers > 1 && { workers }), ...settings };
  const started: FleetNode[] = [];
  try {
    for (let at = 0; at < nodes; at += 1) {
      const link = redisPort === undefined ? undefined : await startFaultProxy(redisPort);
      const node = new FleetNode("ABCDEFGH"[at] ?? `N${at}`, link, all);
      started.push(node);
      await node.start();
    }
    return new Fleet(started);
  } catch (error) {
    await new Fleet(started).stop();
    throw error;
  }
}
