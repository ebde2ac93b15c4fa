// One node follows a table's stream for all: who it is, what the others know of it, and what a change of leader costs.

import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { TableSchema } from "../../src/dynamodb/model.ts";
import { Freshness } from "../../src/invalidation/freshness.ts";
import { StreamLeader } from "../../src/invalidation/stream-leader.ts";
import { StreamSupervisor } from "../../src/invalidation/stream-supervisor.ts";
import { StoreUnavailable } from "../../src/redis/shared-store.ts";
import { systemClock } from "../../src/util/clock.ts";
import { keyText, plainSchema, until } from "../support/followed-stream.ts";
import { KeptCheckpoint } from "../support/kept-checkpoint.ts";
import { StreamModel } from "../support/stream-model.ts";
import { streamScenario } from "../support/stream-scenario.ts";

const scenario = streamScenario();
const leaseMs = 300;
const unbounded = Number.POSITIVE_INFINITY;
const { tableId } = plainSchema;

/** What nodes share: leases, a checkpoint, and signs at once instead of through a log. */
class Fleet {
  readonly checkpoint = new KeptCheckpoint();
  readonly model = new StreamModel();
  readonly nodes: FleetNode[] = [];
  /** The store has forgotten who holds what, and goes on forgetting. */
  forgets = false;
  #held: { holder: string; untilMs: number } | undefined;

  async lease(holder: string): Promise<boolean> {
    const nowMs = systemClock.nowMs();
    const isHeld = this.#held !== undefined && this.#held.untilMs > nowMs && !this.forgets;
    if (isHeld && this.#held?.holder !== holder) return false;
    this.#held = { holder, untilMs: nowMs + leaseMs };
    return true;
  }

  async release(holder: string): Promise<void> {
    if (this.#held?.holder === holder) this.#held = undefined;
  }

  /** A heartbeat of each. */
  tellSigns(): void {
    for (const from of this.nodes) {
      if (from.isCut) continue;
      const signs = from.supervisor.signs();
      for (const to of this.nodes) {
        if (to !== from && !to.isCut) for (const [name, atMs] of signs) to.supervisor.hear(name, atMs);
      }
    }
  }

  leaders(): FleetNode[] {
    return this.nodes.filter((node) => node.report().leader === "this node");
  }

  flushes(): string[] {
    return this.nodes.flatMap((node) => node.flushes());
  }
}

class FleetNode {
  isCut = false;
  schema: TableSchema;
  readonly supervisor: StreamSupervisor;
  readonly freshness: Freshness;
  readonly sources: ReturnType<typeof scenario.follow>[] = [];
  readonly #left: string[] = [];

  constructor(fleet: Fleet, holder: string) {
    this.schema = { ...plainSchema, streamArn: fleet.model.arn };
    this.freshness = new Freshness({
      ...{ clock: systemClock, freshWithinMs: 500, degradedMaxAgeMs: 7, lagMsMax: 0, required: false },
    });
    const log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, isEnabled: () => false };
    const reached = <T>(call: () => Promise<T>): Promise<T> =>
      this.isCut ? Promise.reject(new StoreUnavailable("down", "cut off")) : call();
    const { port, cut } = fleet.checkpoint.handle();
    this.cutCheckpoint = cut;
    this.supervisor = new StreamSupervisor({
      policy: { mode: "on", alone: "harmless" },
      known: () => [this.schema],
      refresh: () => {},
      isCached: () => true,
      follow: () => {
        const source = scenario.follow(fleet.model, { checkpoint: port });
        this.sources.push(source);
        return source.follower;
      },
      flush: () => void this.#left.push("left"),
      freshness: this.freshness,
      log,
      clock: systemClock,
      ...{ retryMs: 60_000, cost: "", tickMs: 10 },
      leadership: new StreamLeader({
        store: {
          lease: () => reached(() => fleet.lease(holder)),
          release: () => reached(() => fleet.release(holder)),
        },
        ...{ holder, clock: systemClock, log, leaseMs },
      }),
    });
    fleet.nodes.push(this);
  }

  readonly cutCheckpoint: () => void;

  /** From now on it reaches nobody but DynamoDB. */
  cut(): void {
    this.isCut = true;
    this.cutCheckpoint();
  }

  report() {
    return this.supervisor.report(this.schema);
  }

  flushes(): string[] {
    return [...this.sources.flatMap((source) => source.flushes()), ...this.#left];
  }

  applied(): string[] {
    return this.sources.flatMap((source) => source.applied());
  }
}

let telling: NodeJS.Timeout | undefined;
let present: Fleet | undefined;

function startFleet(nodes: number): Fleet {
  const fleet = new Fleet();
  for (let at = 0; at < nodes; at++) new FleetNode(fleet, `node ${at}`).supervisor.start();
  telling = setInterval(() => fleet.tellSigns(), 20);
  present = fleet;
  return fleet;
}

afterEach(async () => {
  clearInterval(telling);
  await Promise.all(present?.nodes.map(({ supervisor }) => supervisor.stop()) ?? []);
});

/** Writes, once a leader follows; and waits until one has applied it. */
async function applied(fleet: Fleet, name: string): Promise<void> {
  await until(
    () => fleet.nodes.some((node) => node.report().state?.kind === "following"),
    () => fleet.nodes.map((node) => node.report()),
  );
  fleet.model.put({ pk: { S: name } });
  await until(
    () => fleet.nodes.some((node) => node.applied().includes(keyText(name))),
    () => fleet.nodes.map((node) => [node.report(), node.flushes()]),
  );
}

const allFollow = (fleet: Fleet) => () =>
  fleet.nodes.every(({ freshness }) => (freshness.lagMs(tableId) ?? unbounded) < 400);

describe("a fleet", () => {
  it("has one leader; the others count the table as followed by its signs", async () => {
    const fleet = startFleet(3);
    await applied(fleet, "a");
    await until(allFollow(fleet), () => fleet.nodes.map((node) => node.report()));
    expect(fleet.leaders()).toHaveLength(1);
    // Of the one shard, by one node.
    expect(scenario.server.count("GetShardIterator")).toBe(1);
    for (const node of fleet.nodes) {
      expect(node.report()).toMatchObject({
        isFollowed: true,
        leader: node === fleet.leaders()[0] ? "this node" : "another node",
      });
      expect(node.freshness.ageMsMax(tableId)).toBe(unbounded);
    }
    expect(fleet.flushes()).toEqual(["start"]);
  });

  it.each(["stops", "is cut off from the store"])(
    "takes over when the leader %s, without a flush",
    async (how) => {
      const fleet = startFleet(3);
      await applied(fleet, "a");
      await until(allFollow(fleet), "all follow");
      await sleep(30);
      const [first] = fleet.leaders();
      if (how === "stops") await first!.supervisor.stop();
      else first!.cut();
      const others = fleet.nodes.filter((node) => node !== first);
      fleet.model.put({ pk: { S: "b" } });
      await until(
        () => others.some((node) => node.applied().includes(keyText("b"))),
        () => fleet.nodes.map((node) => [node.report(), node.flushes()]),
      );
      // The one that is cut off stops by itself.
      await until(() => first!.report().leader !== "this node", "it leads no longer");
      await until(
        () => others.every(({ freshness }) => freshness.ageMsMax(tableId) === unbounded),
        () => others.map((node) => node.report()),
      );
      expect(fleet.flushes()).toEqual(["start"]);
    },
  );

  it("closes its gates by themselves while nobody leads", async () => {
    const fleet = startFleet(2);
    await applied(fleet, "a");
    await until(allFollow(fleet), "all follow");
    for (const node of fleet.nodes) node.cut();
    await until(
      () => fleet.nodes.every(({ freshness }) => freshness.ageMsMax(tableId) === 7),
      () => fleet.nodes.map((node) => node.report()),
    );
    expect(fleet.leaders()).toEqual([]);
    expect(fleet.flushes()).toEqual(["start"]);
  });

  it("two leaders at once do no harm", async () => {
    const fleet = startFleet(2);
    await applied(fleet, "a");
    fleet.forgets = true;
    await until(() => fleet.leaders().length === 2, "both lead");
    fleet.model.split(fleet.model.open()[0]!);
    await applied(fleet, "b");
    fleet.forgets = false;
    await until(() => fleet.leaders().length === 1, "one leads");
    await applied(fleet, "c");
    await until(allFollow(fleet), "all follow");
    expect(fleet.flushes()).toEqual(["start"]);
  });

  it("a stream that ends is flushed by every node that had counted on it", async () => {
    const fleet = startFleet(2);
    await applied(fleet, "a");
    await until(allFollow(fleet), "all follow");
    for (const node of fleet.nodes) node.schema = { ...node.schema, streamArn: undefined };
    await until(
      () => fleet.nodes.every((node) => node.flushes().includes("left")),
      () => fleet.nodes.map((node) => node.flushes()),
    );
    for (const node of fleet.nodes) {
      expect(node.report()).toMatchObject({ isFollowed: false, leader: undefined });
      expect(node.freshness.lagMs(tableId)).toBeUndefined();
    }
  });

  it("signs of a leader that knows other indexes do not count", async () => {
    const fleet = startFleet(2);
    await applied(fleet, "a");
    await until(allFollow(fleet), "all follow");
    const other = fleet.nodes.find((node) => node !== fleet.leaders()[0])!;
    other.schema = { ...other.schema, fingerprint: "2" };
    await until(() => other.flushes().includes("left"), "it has noticed");
    await sleep(100);
    expect(other.report()).toMatchObject({ isFollowed: false, leader: undefined });
    for (const node of fleet.nodes) node.schema = { ...node.schema, fingerprint: "2" };
    await until(
      () => fleet.nodes.every((node) => node.report().isFollowed),
      () => fleet.nodes.map((node) => node.report()),
    );
  });
});
