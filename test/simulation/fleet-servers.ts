/** What nodes share in one run, what goes wrong with it, and with each node's way there. */

import { type ModelProcess, ModelServer } from "../support/model-store-server.ts";
import type { Network } from "../support/model-store-session.ts";
import type { FleetCircumstances } from "./fleet-circumstances.ts";
import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface FleetServersOptions {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly fleet: FleetCircumstances;
  readonly trace: Trace;
  /** What the nodes' threads are known by now. */
  readonly names: () => readonly string[];
}

/** So much of a node's way to the servers. */
interface Way {
  cutUntilMs: number;
  laggingUntilMs: number;
}

export class FleetServers {
  readonly server: ModelServer;
  readonly #options: FleetServersOptions;
  readonly #ways = new Map<number, Way>();
  readonly #demoted = new Set<ModelProcess>();

  constructor(options: FleetServersOptions) {
    const { time, random, fleet } = options;
    this.#options = options;
    this.server = new ModelServer({
      ...{ time, masters: fleet.masters, replicas: fleet.replicas, evicts: fleet.evicts },
      logMessagesMax: fleet.logMessagesMax,
      replicaLagMs: () => random.between(0, fleet.replicaLagMs),
      // Whole milliseconds from 1970 on, as clocks are.
      skewMs: () => 1_000_000 + random.between(-fleet.skewMs, fleet.skewMs),
    });
  }

  /** The way of this node. */
  network(node: number): Network {
    const { time, random, fleet } = this.#options;
    const way = this.#way(node);
    return {
      delayMs: () => {
        const lagging = time.nowMs() < way.laggingUntilMs;
        if (lagging || random.chance(fleet.storeSlow)) return random.between(0, fleet.storeSlowMs);
        return random.between(0, fleet.storeDelayMs);
      },
      isCut: () => time.nowMs() < way.cutUntilMs,
      splits: () => random.chance(fleet.splits),
    };
  }

  /** Nothing gets through; the connections may break at once or only be silent. */
  cut(node: number, forMs: number): void {
    const { time, random } = this.#options;
    this.#way(node).cutUntilMs = time.nowMs() + forMs;
    if (random.chance(0.5)) this.breakConnections(node);
  }

  breakConnections(node: number): void {
    for (const name of this.#options.names().filter((one) => one.startsWith(`${node}.`))) {
      for (const process of [...this.server.masters, ...this.#demoted]) this.server.cut(process, name);
    }
  }

  lag(node: number, forMs: number): void {
    this.#way(node).laggingUntilMs = this.#options.time.nowMs() + forMs;
  }

  failover(): void {
    const { random, time, fleet, names } = this.#options;
    const master = this.anyMaster();
    // Some clients are on the old master's side of a partition.
    const drawn = random.pick([0, 0, 0.5, 0.5, 1]);
    const side = fleet.shardsApart || master === this.server.logMaster ? drawn : 0;
    if (random.chance(0.3)) this.server.masters[master]?.cutReplica();
    const staying = new Map<string, boolean>();
    const stays = (name: string) => {
      const node = fleet.threadsApart ? name : name.split(".")[0]!;
      const stay = staying.get(node) ?? random.chance(side);
      staying.set(node, stay);
      return stay;
    };
    const old = this.server.failover(master, stays, names());
    if (old === undefined) return;
    this.#demoted.add(old);
    time.after(random.between(1, fleet.cutMsMax), () => this.server.endDemoted(old));
    time.after(random.between(0, 100), () => this.server.masters[master]?.attachReplica());
  }

  flush(): void {
    for (const [master] of this.server.masters.entries()) this.server.flush(master);
  }

  /** Any keys, but only where the servers say that they may. */
  evict(): void {
    const { random, fleet } = this.#options;
    if (!fleet.evicts) return;
    for (const [master, { state }] of this.server.masters.entries()) {
      for (const tag of [...state.tags.keys()]) if (random.chance(0.5)) this.server.evictTag(master, tag);
      for (const entry of [...state.entries.keys()])
        if (random.chance(0.2)) this.server.evictEntry(master, entry);
    }
  }

  fill(forMs: number): void {
    const master = this.server.masters[this.anyMaster()];
    if (master === undefined) return;
    master.refuses = true;
    this.#options.time.after(forMs, () => {
      master.refuses = false;
    });
  }

  cutReplica(forMs: number): void {
    const master = this.server.masters[this.anyMaster()];
    if (master?.replica === undefined) return;
    master.cutReplica();
    this.#options.time.after(forMs, () => {
      if (master.isAlive && master.replica !== undefined) master.attachReplica();
    });
  }

  setClock(): void {
    this.server.setClock(this.server.logMaster, this.#options.random.pick([-1_000, -50, -5, 5, 50, 1_000]));
  }

  /** Everything works again. */
  heal(): void {
    for (const way of this.#ways.values()) Object.assign(way, { cutUntilMs: 0, laggingUntilMs: 0 });
    for (const process of this.#demoted) this.server.endDemoted(process);
    for (const process of this.server.masters) {
      process.refuses = false;
      if (process.replica !== undefined) process.attachReplica();
    }
  }

  anyMaster(): number {
    return this.#options.random.between(0, this.#options.fleet.masters - 1);
  }

  #way(node: number): Way {
    const way = this.#ways.get(node) ?? { cutUntilMs: 0, laggingUntilMs: 0 };
    this.#ways.set(node, way);
    return way;
  }
}
