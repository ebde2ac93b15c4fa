/**
 * Everything about streams in one run: the tables' streams, what happens to them, who follows them, and the bound
 * that contract item 3 sets for an answer. With a table's stream followed when the read began, an answer is never
 * older than what anybody had committed this long before:
 *
 * | | |
 * |---|---|
 * | always | max(`freshWithinMs` + stream lag, `degradedMaxAgeMs` + the lag of what was read: replicas, or the global index) |
 * | no call fails, nothing stalls | stream lag + polls, with the time that calls take |
 */

import { noWishes } from "../../src/proxy/call.ts";
import type { Upstream } from "../../src/upstream/upstream.ts";
import type { Around } from "./checker.ts";
import type { Ledger } from "./ledger.ts";
import { globalIndex, type ModelTable } from "./model-table.ts";
import type { Effect } from "./model-writes.ts";
import type { Node } from "./node.ts";
import { Random } from "./random.ts";
import { type StreamCircumstances, streamCircumstances } from "./stream-circumstances.ts";
import { imageText, ModelStream } from "./stream-model.ts";
import type { StreamMutant } from "./stream-mutant.ts";
import { StreamService } from "./stream-service.ts";
import { createFreshness, StreamWatch } from "./stream-watch.ts";
import type { Trace } from "./trace.ts";
import { Violation } from "./violation.ts";
import type { VirtualTime } from "./virtual-time.ts";
import { type Ask, ask, type ReadWorkload } from "./workload.ts";
import type { WriteWorkload } from "./workload-writes.ts";

export interface StreamTally {
  records: number;
  gaps: number;
  crashes: number;
  /** Checks of answers of tables with a stream, and those while it was followed. */
  asked: number;
  followed: number;
}

/** What the world is to do, so long from now. */
export type StreamStep = { readonly afterMs: number } & (
  | { readonly kind: "crash" }
  | { readonly kind: "read" | "write"; readonly ask: Ask }
  | { readonly kind: "foreign"; readonly effect: Effect }
);

interface StreamSideOptions {
  readonly time: VirtualTime;
  readonly tables: ReadonlyMap<string, ModelTable>;
  readonly ledger: Ledger;
  readonly reads: ReadWorkload;
  readonly writes: WriteWorkload;
  readonly trace: Trace;
  readonly mutant: StreamMutant | undefined;
  readonly settleMs: number;
  readonly indexSettleMs: number;
}

export class StreamSide {
  readonly circumstances: StreamCircumstances;
  readonly tally: StreamTally = { records: 0, gaps: 0, crashes: 0, asked: 0, followed: 0 };
  readonly #options: StreamSideOptions;
  readonly #random: Random;
  readonly #streams = new Map<string, ModelStream>();
  readonly #service: StreamService;
  #watch: StreamWatch | undefined;
  #serial = 0;
  #stopped = false;

  constructor(seed: number, options: StreamSideOptions) {
    const { time, tables, trace, mutant } = options;
    const random = new Random(seed ^ 0x5eed5);
    this.#options = options;
    this.#random = random;
    this.circumstances = { ...streamCircumstances(random), ...mutant?.streamFocus };
    trace.add(() => JSON.stringify(this.circumstances));
    this.#service = new StreamService({ time, random, circumstances: this.circumstances, trace });
    for (const name of this.circumstances.both ? ["t", "u"] : ["t"]) {
      const life = tables.get(name)?.current;
      if (life === undefined) continue;
      const stream = new ModelStream(life, time, random, this.circumstances);
      this.#streams.set(stream.arn, stream);
    }
  }

  /** A node's gate and followers; those of the node before it are gone. */
  boot(build: (freshness: Node["deps"]["freshness"]) => Node): Node {
    const { time, mutant, trace, ledger } = this.#options;
    this.#leave();
    const freshness = createFreshness(time, this.circumstances);
    const node = build(mutant?.freshness?.(freshness) ?? freshness);
    const watch = new StreamWatch(
      {
        ...{ time, random: this.#random, circumstances: this.circumstances, mutant, trace },
        upstreamOf: (arn) => this.#upstreamOf(arn),
        ownImages: () => ledger.ownImages().map(imageText),
      },
      freshness,
      node,
    );
    this.#watch = watch;
    const tick = () => {
      if (this.#watch !== watch || this.#stopped) return;
      watch.supervisor.tick();
      time.after(this.circumstances.tickMs, tick);
    };
    time.after(0, tick);
    return node;
  }

  /** No more calls, so that the run can end. */
  stop(): void {
    this.#stopped = true;
    this.#leave();
  }

  /** To be called when all has come to rest, and every table has been used again. */
  atRest(): void {
    for (const table of this.#followedTables()) {
      // What could not be described since the last crash is not cached either.
      if (this.#watch?.knows(idOf(table)) !== true) continue;
      const lagMs = this.#watch.freshness.lagMs(idOf(table));
      // Where calls fail, it may be between two followings just now.
      const standing = !this.circumstances.calm || this.#watch.isFollowing(idOf(table));
      if (lagMs === undefined || !standing) throw new Violation(`at rest ${table} is not followed`);
    }
  }

  /** What may be asked of an answer to a read that begins now. */
  around({ input }: Ask): Around {
    const { settleMs, indexSettleMs } = this.#options;
    // 1 the stream stalls · 2 an item leaves an index partition · 3 that is read, and the index still has it · 4 a hit.
    const readLagMs = input.IndexName === globalIndex ? indexSettleMs : settleMs;
    const { freshWithinMs, lagMs, degradedMaxAgeMs, calm, idlePollMs, delayMs } = this.circumstances;
    const bounds = new Map<string, number>();
    for (const table of this.#followedTables()) {
      const watch = this.#watch;
      this.tally.asked += 1;
      if (watch?.freshness.lagMs(idOf(table)) === undefined) continue;
      this.tally.followed += 1;
      const gateMs = Math.max(freshWithinMs + lagMs, degradedMaxAgeMs + readLagMs);
      // A shard's last page, a look for its children, their iterator and first page; twice for two generations.
      const calmMs = lagMs + 2 * idlePollMs + 16 * delayMs;
      bounds.set(table, calm && watch.isFollowing(idOf(table)) ? Math.min(gateMs, calmMs) : gateMs);
    }
    return bounds;
  }

  /** What happens now beside the clients' calls; undefined = nothing. */
  next(): readonly StreamStep[] | undefined {
    const event = this.#random.weighted(this.circumstances.events);
    const stream = this.#random.pick([...this.#streams.values()]);
    if (event === "none") return undefined;
    this.#options.trace.add(() => `event ${event}`);
    if (event === "echo") return this.#echo();
    if (event === "move") return this.#move();
    if (event === "split") stream.split();
    else if (event === "merge") stream.merge();
    else if (event === "expire") stream.expireIterators();
    else if (event === "stall") this.#service.stall(this.#random.pick([30, 150, 500, 1_500]));
    else {
      this.tally.crashes += 1;
      return [{ kind: "crash", afterMs: 0 }];
    }
    return [];
  }

  /** 1 index partitions are read · 2 another moves an item, or deletes it · 3 they are read again, a little later. */
  #move(): readonly StreamStep[] {
    const { reads, writes, indexSettleMs } = this.#options;
    const effect = writes.foreign();
    const { table } = effect;
    const query = (fromMs: number, toMs: number): StreamStep => ({
      ...{ kind: "read", afterMs: this.#random.between(fromMs, toMs) },
      ask: reads.one("index", table, reads.key()),
    });
    const changeAtMs = indexSettleMs + 30;
    return [
      ...[1, 2, 3, 4].map(() => query(indexSettleMs, changeAtMs)),
      { kind: "foreign", afterMs: changeAtMs, effect },
      ...[1, 2, 3, 4].map(() => query(changeAtMs + 60, changeAtMs + 300)),
    ];
  }

  /** 1 we put x · 2 we put x again: no record · 3 another puts y · 4 another puts x; with reads in between. */
  #echo(): readonly StreamStep[] {
    const { reads, writes } = this.#options;
    const [x, y] = [writes.foreign(), writes.foreign()];
    if (x.kind !== "put" || y.kind !== "put") return [];
    const key = Object.fromEntries(["pk", "sk"].map((name) => [name, x.item[name]!]));
    const [table, other] = [x.table, { ...y.item, ...key }];
    const put = (): StreamStep => {
      this.#serial += 1;
      const input = {
        ...{ TableName: table, Item: x.item, ConditionExpression: "attribute_not_exists(w) OR w <> :w" },
        ExpressionAttributeValues: { ":w": { N: `-${this.#serial}` } },
      };
      const effect: Effect = { kind: "put", table, item: x.item };
      return { kind: "write", afterMs: 0, ask: ask("PutItem", input, noWishes, [effect]) };
    };
    const read = (): StreamStep => ({ kind: "read", afterMs: 0, ask: reads.one("item", table, key) });
    const foreign = (item: typeof other): StreamStep => ({
      ...{ kind: "foreign", afterMs: 0, effect: { kind: "put", table, item } },
    });
    const steps = [put(), read(), put(), read(), foreign(other), read(), read(), foreign(x.item), read()];
    let atMs = 0;
    return steps.map((step) => {
      atMs += this.#random.between(0, 60);
      return { ...step, afterMs: atMs };
    });
  }

  #followedTables(): readonly string[] {
    return this.circumstances.both ? ["t", "u"] : ["t"];
  }

  #upstreamOf(arn: string): Upstream {
    const stream = this.#streams.get(arn);
    if (stream === undefined) throw new Error(`no stream ${arn}`);
    return this.#service.of(stream);
  }

  #leave(): void {
    this.tally.records += this.#watch?.records ?? 0;
    this.tally.gaps += this.#watch?.gaps ?? 0;
    void this.#watch?.supervisor.stop();
    this.#watch = undefined;
  }
}

function idOf(table: string): string {
  return `arn:aws:dynamodb:eu-central-1:000000000000:table/${table}`;
}
