/**
 * A place for a node in the fleet: the node that runs there now, and what clients were told by those who ran there, as the
 * contract's floors: an own write counts at once, another node's once its message has been applied here.
 */

import type { Upstream } from "../../src/upstream/upstream.ts";
import type { ModelProcess } from "../support/model-store-server.ts";
import { Checker } from "./checker.ts";
import type { Circumstances } from "./circumstances.ts";
import type { FleetCircumstances, Regime } from "./fleet-circumstances.ts";
import { FleetClock } from "./fleet-clock.ts";
import type { FleetMutant } from "./fleet-mutant.ts";
import { FleetNode } from "./fleet-node.ts";
import type { FleetServers } from "./fleet-servers.ts";
import type { FleetStreams } from "./fleet-streams.ts";
import { Ledger } from "./ledger.ts";
import { ModelDynamoDb } from "./model-dynamodb.ts";
import { ItemHistory, type ModelTable } from "./model-table.ts";
import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface SlotOptions {
  readonly index: number;
  readonly time: VirtualTime;
  readonly random: Random;
  readonly tables: ReadonlyMap<string, ModelTable>;
  readonly circumstances: Circumstances;
  readonly fleet: FleetCircumstances;
  readonly regime: Regime;
  readonly servers: FleetServers;
  readonly mutant: FleetMutant | undefined;
  readonly trace: Trace;
  readonly streams: FleetStreams | undefined;
  /** A write of this slot may still land. */
  readonly onPend: (slot: FleetSlot) => void;
  /** A client of this slot was told of this write. */
  readonly onAcknowledged: (slot: FleetSlot, item: ItemHistory, index: number) => void;
}

/** A write of another node, and the message that tells of it. */
export interface Told {
  readonly log: ModelProcess;
  readonly sequence: number;
  readonly item: ItemHistory;
  readonly index: number;
}

export class FleetSlot {
  readonly index: number;
  readonly ledger: Ledger;
  readonly checker: Checker;
  readonly model: ModelDynamoDb;
  boots = 0;
  clock: FleetClock;
  node: FleetNode;
  readonly #options: SlotOptions;
  readonly #views = new Map<ItemHistory, ItemHistory>();
  #told: Told[] = [];

  constructor(options: SlotOptions) {
    const { index, time, random, tables, circumstances, trace } = options;
    this.index = index;
    this.#options = options;
    const seen = (item: ItemHistory) => this.seen(item);
    const onAcknowledged = (item: ItemHistory, at: number) => options.onAcknowledged(this, item, at);
    // Until then the node itself may take an outcome for unknown: a margin more, and the drift of its clock.
    const unknownOutcomeMs = circumstances.unknownOutcomeMs + 2;
    this.ledger = new Ledger({
      time,
      tables,
      ...circumstances,
      unknownOutcomeMs,
      seen,
      onAcknowledged,
      onPend: () => options.onPend(this),
    });
    this.model = new ModelDynamoDb({ time, random, tables, circumstances, ledger: this.ledger, trace });
    this.checker = new Checker(circumstances, tables, seen);
    this.clock = this.#newClock();
    this.node = this.#boot();
  }

  get isUp(): boolean {
    return !this.clock.isDead;
  }

  /** The item with this place's floors. */
  seen(item: ItemHistory): ItemHistory {
    const view = this.#views.get(item) ?? new ItemHistory(item.life, item.key, item);
    this.#views.set(item, view);
    return view;
  }

  /** From now on this is known here. */
  know(item: ItemHistory, index: number): void {
    const { time } = this.#options;
    const view = this.seen(item);
    view.acknowledged.raise(index, time);
    if (!view.indexedAt.has(index)) view.indexedAt.set(index, time.turn);
  }

  /** Known here as soon as the message is applied. */
  tell(told: Told): void {
    this.#told.push(told);
  }

  crash(): void {
    this.clock.die();
    for (const { store } of this.node.threads) store.contact.abandon();
    this.ledger.crash();
  }

  restart(): void {
    this.checker.bornTurn = this.#options.time.turn;
    this.clock = this.#newClock();
    this.node = this.#boot();
  }

  #newClock(): FleetClock {
    const { time, random, fleet } = this.#options;
    const drift = fleet.drift * (2 * random.next() - 1);
    return new FleetClock(time, random.between(-fleet.skewMs, fleet.skewMs), drift);
  }

  #boot(): FleetNode {
    const { index, circumstances, fleet, regime, servers, mutant, random, time, trace } = this.#options;
    const { clock, boots } = this;
    this.boots += 1;
    // What the node believes has a margin: its clock may be slower than DynamoDB's.
    const rule = { ...circumstances.rule, settleMs: circumstances.settleMs + 1 };
    const { unknownOutcomeMs, indexSettleMs } = circumstances;
    const believed = {
      ...circumstances,
      rule,
      indexSettleMs: indexSettleMs + 1,
      unknownOutcomeMs: unknownOutcomeMs + 1,
    };
    const dynamoDb: Upstream = {
      send: (request) =>
        clock.hear(this.model.send({ ...request, deadlineAtMs: clock.worldMs(request.deadlineAtMs) })),
      close: async () => {},
    };
    let node: FleetNode | undefined;
    clock.deliver(() => {
      node = new FleetNode({
        ...{ clock, random, circumstances: believed, fleet, regime, dynamoDb, ledger: this.ledger, mutant },
        ...{ sender: `node${index}.${boots}`, name: `${index}.${boots}` },
        store: {
          ...{ server: servers.server, world: time, local: clock, network: servers.network(index) },
          ...{
            timeoutsMax: fleet.timeoutsMax,
            hello: mutant?.hello ?? {},
            faults: mutant?.storeFaults ?? {},
          },
          ...{ contactTimeoutMs: 40, checkEveryMs: 30, reconnectMs: 5 },
          ...{ lookupTimeoutMs: fleet.lookupTimeoutMs, invalidateTimeoutMs: fleet.invalidateTimeoutMs },
          logDelayMs: () => random.between(0, fleet.logDelayMs),
          onApplied: (after, log) => this.#applied(after, log),
          onContact: (renewed) => trace.add(() => `node ${index} is in contact${renewed ? ", renewed" : ""}`),
        },
        streams: this.#options.streams,
      });
    });
    if (node === undefined) throw new Error("a node that did not start");
    return node;
  }

  #applied(after: number, log: ModelProcess | undefined): void {
    const known = this.#told.filter((told) => told.log === log && told.sequence <= after);
    if (known.length === 0) return;
    this.#told = this.#told.filter((told) => !known.includes(told));
    for (const { item, index } of known) this.know(item, index);
  }
}
