/** What goes wrong in a fleet beside the clients' calls, and the end of it. */

import type { Circumstances } from "./circumstances.ts";
import type { FleetCircumstances, FleetEvent } from "./fleet-circumstances.ts";
import type { FleetServers } from "./fleet-servers.ts";
import type { FleetSlot } from "./fleet-slot.ts";
import type { FleetStreams } from "./fleet-streams.ts";
import type { FleetTally } from "./fleet-tally.ts";
import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";
import type { VirtualTime } from "./virtual-time.ts";
import type { Ask, ReadWorkload } from "./workload.ts";
import type { WriteWorkload } from "./workload-writes.ts";

/** What events may do to the world. */
export interface FleetActions {
  readonly random: Random;
  readonly time: VirtualTime;
  readonly trace: Trace;
  readonly tally: FleetTally;
  readonly circumstances: Circumstances;
  readonly fleet: FleetCircumstances;
  readonly slots: readonly FleetSlot[];
  readonly servers: FleetServers;
  readonly streams: FleetStreams | undefined;
  readonly reads: ReadWorkload;
  readonly writes: WriteWorkload;
  call(slot: FleetSlot, ask: Ask): void;
  write(slot: FleetSlot, ask: Ask): void;
}

export class FleetEvents {
  readonly #world: FleetActions;
  #isOver = false;

  constructor(world: FleetActions) {
    this.#world = world;
  }

  /** Perhaps something happens now; false = nothing does. */
  happen(): boolean {
    const { random, fleet, trace, tally } = this.#world;
    const event = random.weighted(fleet.events);
    if (event === "none") return false;
    trace.add(() => `event ${event}`);
    tally.faults += 1;
    this.#deeds[event]();
    return true;
  }

  /** Everything works again, for good. */
  heal(): void {
    const { slots, servers, trace } = this.#world;
    trace.add(() => "all is healed");
    this.#isOver = true;
    servers.heal();
    for (const slot of slots) {
      if (!slot.isUp) slot.restart();
      slot.clock.resume();
    }
  }

  readonly #deeds: Readonly<Record<Exclude<FleetEvent, "none">, () => void>> = {
    crash: () => this.#crash(),
    pause: () => this.#pause(),
    cut: () => this.#world.servers.cut(this.#slot().index, this.#between(5, this.#world.fleet.cutMsMax)),
    cutBriefly: () => this.#world.servers.breakConnections(this.#slot().index),
    lag: () => this.#world.servers.lag(this.#slot().index, this.#between(20, this.#world.fleet.cutMsMax)),
    failover: () => this.#world.servers.failover(),
    restart: () => this.#restart(),
    flush: () => this.#world.servers.flush(),
    evict: () => this.#evict(),
    evictLog: () => this.#world.servers.server.evictLog(),
    trim: () => this.#world.servers.server.trimLog(this.#between(0, 3)),
    full: () => this.#world.servers.fill(this.#between(5, 100)),
    cutReplica: () => this.#world.servers.cutReplica(this.#between(5, 100)),
    setClock: () => this.#world.servers.setClock(),
    race: () => this.#race(),
    watch: () => this.#watch(),
    split: () => this.#world.streams?.split(),
    stall: () => this.#world.streams?.stall(this.#between(10, 300)),
  };

  /** In the midst of a write of its own, of an item that others read and perhaps write. */
  #crash(): void {
    const { random, time, slots, reads, writes, tally, circumstances } = this.#world;
    const slot = this.#slot();
    const ask = writes.next();
    const { table, key } = itemOf(ask) ?? { table: "t", key: reads.key() };
    const others = slots.filter((other) => other !== slot);
    const read = (other: FleetSlot) => this.#world.call(other, reads.near(table, { ...reads.key(), ...key }));
    for (const other of others) {
      read(other);
      for (let i = 0; i < 2; i += 1)
        time.after(random.between(1, circumstances.deadlineMs), () => read(other));
    }
    time.after(random.between(0, 10), () => this.#world.write(slot, ask));
    if (random.chance(0.3)) {
      time.after(random.between(0, 20), () => this.#world.write(random.pick(others), writes.next(table)));
    }
    time.after(random.between(5, random.pick([30, circumstances.deadlineMs])), () => this.#die(slot));
    tally.crashes += 1;
  }

  #die(slot: FleetSlot): void {
    const { random, time, trace } = this.#world;
    if (!slot.isUp || this.#isOver) return;
    trace.add(() => `crash of node ${slot.index}`);
    slot.crash();
    time.after(random.between(1, 100), () => {
      if (!slot.isUp) slot.restart();
    });
  }

  /** With what was saved a moment ago, or with nothing. */
  #restart(): void {
    const { random, time, servers } = this.#world;
    const master = servers.anyMaster();
    servers.server.snapshot(master);
    time.after(random.between(5, 60), () => {
      if (!this.#isOver) servers.server.restart(master, random.pick(["empty", "snapshot"]));
    });
  }

  /** While something is written, and read elsewhere. */
  #evict(): void {
    const { random, time, servers } = this.#world;
    if (random.chance(0.5)) this.#watch();
    for (let i = 0; i < 3; i += 1) {
      time.after(random.between(40, 80), () => {
        if (!this.#isOver) servers.evict();
      });
    }
  }

  #pause(): void {
    const { time, fleet, trace } = this.#world;
    const slot = this.#slot();
    if (!slot.isUp) return;
    const { clock } = slot;
    clock.pause();
    const forMs = this.#between(5, fleet.pausedMsMax);
    trace.add(() => `node ${slot.index} is paused for ${forMs} ms`);
    time.after(forMs, () => {
      trace.add(() => `node ${slot.index} goes on`);
      clock.resume();
    });
  }

  /** Writes of several nodes to one item at the same time, and readers everywhere. */
  #race(): void {
    const { random, time, slots, reads, writes, circumstances } = this.#world;
    const first = writes.next("t");
    const { table, key } = itemOf(first) ?? { table: "t", key: reads.key() };
    const whole = { ...reads.key(), ...key };
    this.#world.write(random.pick(slots), first);
    for (let i = 0; i < 2; i += 1) {
      time.after(random.between(0, 8), () => this.#world.write(random.pick(slots), writes.next(table)));
    }
    for (const slot of slots) {
      for (const waitMs of [0, 10, circumstances.settleMs + 20]) {
        time.after(waitMs + random.between(0, 10), () => this.#world.call(slot, reads.near(table, whole)));
      }
    }
  }

  /** One write of an item that everybody has read, and reads everywhere while it spreads. */
  #watch(): void {
    const { random, time, slots, reads, writes } = this.#world;
    const ask = writes.next("t");
    const { table, key } = itemOf(ask) ?? { table: "t", key: reads.key() };
    const whole = { ...reads.key(), ...key };
    const read = (slot: FleetSlot, fromMs: number, toMs: number) =>
      time.after(random.between(fromMs, toMs), () => this.#world.call(slot, reads.one("item", table, whole)));
    for (const slot of slots) {
      for (let i = 0; i < 2; i += 1) read(slot, 0, 25);
      for (let i = 0; i < 6; i += 1) read(slot, 40, 100);
      for (let i = 0; i < 2; i += 1) read(slot, 100, 200);
    }
    time.after(40, () => this.#world.write(this.#slot(), ask));
  }

  #slot(): FleetSlot {
    return this.#world.random.pick(this.#world.slots);
  }

  #between(low: number, high: number): number {
    return this.#world.random.between(low, high);
  }
}

function itemOf({ effects }: Ask) {
  const [effect] = effects ?? [];
  if (effect === undefined) return undefined;
  const key = "item" in effect ? effect.item : "key" in effect ? effect.key : undefined;
  return key && { table: effect.table, key };
}
