/** One run of several nodes: the real request path, caches and bus over models of DynamoDB and of Redis. */

import { parseObject, toBytes } from "../../src/dynamodb/json-codec.ts";
import type { Call, Reply } from "../../src/proxy/call.ts";
import { handle } from "../../src/proxy/pipeline.ts";
import type { Around, Moment } from "./checker.ts";
import type { Circumstances } from "./circumstances.ts";
import { boundOf, claimsOf } from "./claims.ts";
import { FleetBounds } from "./fleet-bounds.ts";
import {
  type FleetCircumstances,
  fleetCircumstances,
  type Regime,
  underFleet,
} from "./fleet-circumstances.ts";
import { timerOwner } from "./fleet-clock.ts";
import { type FleetActions, FleetEvents } from "./fleet-events.ts";
import type { FleetMutant } from "./fleet-mutant.ts";
import type { FleetThread } from "./fleet-node.ts";
import { FleetServers } from "./fleet-servers.ts";
import { FleetSlot } from "./fleet-slot.ts";
import { FleetStreams } from "./fleet-streams.ts";
import { type FleetTally, noTally } from "./fleet-tally.ts";
import { type ItemHistory, ModelTable } from "./model-table.ts";
import { Random } from "./random.ts";
import { type StreamCircumstances, streamCircumstances } from "./stream-circumstances.ts";
import { count, told, wishes } from "./tally.ts";
import { Trace } from "./trace.ts";
import { Violation } from "./violation.ts";
import { VirtualTime } from "./virtual-time.ts";
import { type Ask, ReadWorkload } from "./workload.ts";
import { WriteWorkload } from "./workload-writes.ts";

const salts = { streamed: 0x51ee, guarded: 0x6a4d, plain: 0x2b1f } as const;

export class FleetWorld implements FleetActions {
  readonly tally: FleetTally = { ...noTally };
  readonly trace: Trace;
  readonly circumstances: Circumstances;
  readonly fleet: FleetCircumstances;
  readonly regime: Regime;
  readonly random: Random;
  readonly time: VirtualTime;
  readonly slots: readonly FleetSlot[];
  readonly servers: FleetServers;
  readonly streams: FleetStreams | undefined;
  readonly #streamed: StreamCircumstances;
  readonly reads: ReadWorkload;
  readonly writes: WriteWorkload;
  readonly #tables = new Map(["t", "u"].map((name) => [name, new ModelTable(name)]));
  readonly #bounds: FleetBounds;
  readonly #events: FleetEvents;
  /** Who asked for a write that may be asked for again: its token is known to one ledger. */
  readonly #askers = new Map<Ask, FleetSlot>();
  #violation: unknown;

  constructor(
    seed: number,
    operations: number,
    regime: Regime,
    mutant: FleetMutant | undefined,
    traced: boolean,
  ) {
    const random = new Random(seed ^ salts[regime]);
    const time = new VirtualTime(random, timerOwner);
    this.random = random;
    this.time = time;
    this.regime = regime;
    this.trace = new Trace(time, traced);
    this.circumstances = { ...underFleet(random, operations, regime), ...mutant?.focus };
    this.fleet = { ...fleetCircumstances(random, regime), ...mutant?.fleetFocus };
    this.#streamed = { ...streamCircumstances(random), ...mutant?.streamFocus };
    this.trace.add(() => JSON.stringify({ ...this.circumstances, ...this.#streamed, ...this.fleet }));
    const tables = this.#tables;
    this.reads = new ReadWorkload(random, this.circumstances, tables);
    this.writes = new WriteWorkload(random, this.reads, tables);
    for (const table of tables.values()) {
      table.create(
        { partition: "pk", sort: random.chance(0.8) ? "sk" : undefined },
        random.pick(["g", "g", undefined]),
      );
    }
    const { circumstances, fleet, trace } = this;
    const names = () =>
      this.slots.flatMap(({ index, boots, node }) =>
        node.threads.map((_, t) => `${index}.${boots - 1}.${t}`),
      );
    const servers = new FleetServers({ time, random, fleet, trace, names });
    this.servers = servers;
    const streams =
      regime !== "streamed"
        ? undefined
        : new FleetStreams({
            time,
            random,
            tables,
            circumstances: this.#streamed,
            leaseMs: fleet.leaseMs,
            trace,
            mutant,
          });
    this.streams = streams;
    this.slots = Array.from(
      { length: fleet.nodes },
      (_, index) =>
        new FleetSlot({
          ...{ index, time, random, tables, circumstances, fleet, regime, servers, mutant, trace },
          streams,
          onPend: (slot) => this.#pend(slot),
          onAcknowledged: (slot, item, at) => this.#acknowledged(slot, item, at),
        }),
    );
    this.#bounds = new FleetBounds({
      regime,
      circumstances,
      fleet,
      streamed: this.#streamed,
      tally: this.tally,
    });
    this.#events = new FleetEvents(this);
  }

  /** @throws Violation */
  async run(): Promise<void> {
    const { operations, pauseMs, unknownOutcomeMs, indexSettleMs, deadlineMs } = this.circumstances;
    let atMs = this.time.nowMs() + 40;
    for (let i = 0; i < operations; i += 1) {
      if (this.random.chance(0.7)) atMs += this.random.between(0, 2 * pauseMs);
      this.time.at(atMs, () => this.#act());
    }
    this.time.at(atMs, () => this.#events.heal());
    // Retries every 100 ms, and twice whatever a write may take.
    const restAtMs =
      atMs +
      2 * deadlineMs +
      2 * unknownOutcomeMs +
      2 * indexSettleMs +
      2 * this.fleet.freshWithinMs +
      (this.streams === undefined ? 300 : 600);
    for (const pass of [0, 1]) {
      this.time.at(restAtMs + pass * deadlineMs, () => {
        for (const slot of this.slots)
          for (const ask of this.#everything()) this.call(slot, ask, () => (this.tally.atRest += 1));
      });
    }
    this.time.at(restAtMs + 3 * deadlineMs, () => this.time.stop());
    await this.time.run();
    if (this.#violation !== undefined) throw this.#violation;
    for (const { ledger } of this.slots) ledger.close();
  }

  #act(): void {
    if (this.#events.happen()) return;
    if (this.random.chance(this.circumstances.foreign))
      this.slots[0]?.model.landForeign([this.writes.foreign()]);
    else if (this.random.chance(0.78)) this.call(this.random.pick(this.slots), this.reads.next());
    else this.write(this.random.pick(this.slots), this.writes.next());
  }

  #everything(): readonly Ask[] {
    const { reads } = this;
    const some = reads.keys.flatMap((key) =>
      (["item", "query", "index"] as const).map((kind) => reads.one(kind, "t", key)),
    );
    return [...some, reads.one("item", "u", reads.key())];
  }

  write(slot: FleetSlot, ask: Ask): void {
    const asker = this.#askers.get(ask) ?? slot;
    this.#askers.set(ask, asker);
    const record = asker.ledger.ask(ask.operation, ask.input, ask.effects ?? []);
    this.call(asker, ask, (reply) => {
      asker.ledger.answered(record, reply);
      if (reply.reason === "not-guarded") this.tally.refused += 1;
      if (this.random.chance(0.5)) return;
      const { unknownOutcomeMs, settleMs } = this.circumstances;
      const waits =
        reply.status === 200 ? [0, 3, settleMs] : [0, unknownOutcomeMs, unknownOutcomeMs + settleMs];
      for (const effect of record.effects) {
        const key =
          "item" in effect
            ? effect.item
            : "key" in effect
              ? { ...this.reads.key(), ...effect.key }
              : undefined;
        if (key === undefined) continue;
        for (let i = 0; i < 2; i += 1) {
          const waitMs = Math.max(0, this.random.pick(waits) + this.random.between(-2, 3));
          this.time.after(waitMs, () =>
            this.call(this.random.pick(this.slots), this.reads.near(effect.table, key)),
          );
        }
      }
    });
  }

  /** A request as it reaches the node: later if it is paused, never if it is gone. */
  call(slot: FleetSlot, ask: Ask, then?: (reply: Reply) => void): void {
    slot.clock.deliver(() => this.#handle(slot, this.random.pick(slot.node.threads), ask, then));
  }

  #handle(slot: FleetSlot, thread: FleetThread, ask: Ask, then?: (reply: Reply) => void): void {
    const { time } = this;
    const began: Moment = { ms: time.nowMs(), turn: time.turn };
    const { clock, index } = slot;
    const call: Call = {
      ...{ target: `DynamoDB_20120810.${ask.operation}`, operation: ask.operation, control: ask.control },
      ...{ body: toBytes(ask.input), input: ask.input, signal: undefined },
      deadlineAtMs: clock.nowMs() + this.circumstances.deadlineMs,
    };
    this.tally.calls += 1;
    const where = `node ${index} thread ${slot.node.threads.indexOf(thread)}`;
    this.trace.add(() => `${where}: ask ${ask.operation} ${JSON.stringify(ask.input)} ${wishes(ask)}`);
    const around = this.#bounds.around(ask, slot);
    Promise.resolve(handle(call, thread.node.deps))
      .then((reply) => {
        this.trace.add(
          () =>
            `${where}: answer (asked ${began.ms} #${began.turn}) ${told(reply)} to ${JSON.stringify(ask.input)}`,
        );
        if (ask.effects === undefined) this.#check(slot, thread, ask, reply, began, around, where);
        then?.(reply);
      })
      .catch((error: unknown) => {
        this.#violation ??= error;
        time.stop();
      });
  }

  #check(
    slot: FleetSlot,
    thread: FleetThread,
    ask: Ask,
    reply: Reply,
    began: Moment,
    around: Around,
    where: string,
  ): void {
    if (reply.status !== 200) {
      this.tally.errors += 1;
      return;
    }
    const body = parseObject(reply.body);
    if (body === undefined) throw new Violation(`no JSON object: ${told(reply)}`);
    count(reply, this.tally);
    if (reply.tier === "redis") this.tally.far += 1;
    const { node } = thread;
    const sinceMs = began.ms - this.circumstances.deadlineMs - this.fleet.pausedMsMax;
    const refusedAtMs = slot.model.refusedStrongAtMs.find((ms) => ms >= sinceMs);
    for (const claimed of claimsOf(ask, body)) {
      const { table } = claimed.claim;
      const bound = boundOf(ask, reply, claimed, node.deps.ruleFor(table), this.circumstances, around);
      // What a strong read showed counts while it stays in memory, of which there may be too little.
      const floor = bound.floor === "shown" && !this.#keepsShown() ? "acknowledged" : bound.floor;
      this.tally.checked += 1;
      const fault = slot.checker.fault(claimed.claim, { ...bound, floor, refusedAtMs }, began);
      if (fault !== undefined) {
        const question = `${ask.operation} ${JSON.stringify(ask.input)} ${wishes(ask)}`;
        throw new Violation(
          `at ${began.ms} #${began.turn} ${where}: ${question}\n  ${told(reply)} ${reply.tier ?? ""}\n  ${fault}`,
        );
      }
      const isKnown = (node.unknownAtMs.get(table) ?? Number.NEGATIVE_INFINITY) < slot.clock.nowMs();
      if (reply.reason === "unproven-request" || reply.reason === "no-schema" || !isKnown) continue;
      if (claimed.strong && ask.operation !== "Query") slot.checker.learn(claimed.claim, this.time, began);
    }
  }

  #keepsShown(): boolean {
    return this.circumstances.bytesMax > 100_000 && this.fleet.threads === 1;
  }

  /** What the others hear of it, perhaps late, hides the end of what they themselves wait for. */
  #pend(slot: FleetSlot): void {
    const { cutMsMax, pausedMsMax } = this.fleet;
    const heardMs = this.#bounds.spreadMs(true) + cutMsMax + pausedMsMax;
    const untilMs = this.time.nowMs() + this.circumstances.unknownOutcomeMs + heardMs;
    for (const other of this.slots) if (other !== slot) other.ledger.pendUntil(untilMs);
  }

  /**
   * The others must show this write once they have applied its message, and in any case soon: if it reached them, which
   * it has not where the writer still takes a demoted server for the master.
   */
  #acknowledged(slot: FleetSlot, item: ItemHistory, index: number): void {
    const { masters, logMaster } = this.servers.server;
    const contacts = slot.node.threads.map(({ store }) => store.contact);
    const isCurrent = contacts.every(({ processes }) =>
      processes.every((process) => masters.includes(process)),
    );
    const log = masters[logMaster];
    const sequence = log?.state.log?.last;
    if (!slot.node.isHeard || !isCurrent || log === undefined || sequence === undefined) return;
    const others = this.slots.filter((other) => other !== slot);
    for (const other of others) other.tell({ log, sequence, item, index });
    this.time.after(this.#bounds.spreadMs(true), () => {
      for (const other of others) other.know(item, index);
    });
  }
}
