/** One run: the real request path over the model of DynamoDB, many clients, and the checker behind each answer. */

import { parseObject, toBytes } from "../../src/dynamodb/json-codec.ts";
import type { Call, Reply } from "../../src/proxy/call.ts";
import { handle } from "../../src/proxy/pipeline.ts";
import type { Upstream } from "../../src/upstream/upstream.ts";
import { type Around, Checker, type Moment } from "./checker.ts";
import { type Circumstances, circumstances } from "./circumstances.ts";
import { boundOf, claimsOf } from "./claims.ts";
import { Ledger, type WriteRecord } from "./ledger.ts";
import { ModelDynamoDb } from "./model-dynamodb.ts";
import { ModelTable } from "./model-table.ts";
import { Node } from "./node.ts";
import { Random } from "./random.ts";
import { underStreams } from "./stream-circumstances.ts";
import type { StreamMutant } from "./stream-mutant.ts";
import { StreamSide, type StreamStep } from "./stream-side.ts";
import { count, type Tally, told, wishes } from "./tally.ts";
import { Trace } from "./trace.ts";
import { Violation } from "./violation.ts";
import { VirtualTime } from "./virtual-time.ts";
import { type Ask, ReadWorkload, shapes } from "./workload.ts";
import { WriteWorkload } from "./workload-writes.ts";

export class World {
  readonly tally: Tally = { calls: 0, reads: 0, hits: 0, shared: 0, checked: 0, errors: 0, atRest: 0 };
  readonly trace: Trace;
  readonly circumstances: Circumstances;
  readonly #random: Random;
  readonly #time: VirtualTime;
  readonly #tables = new Map(["t", "u"].map((name) => [name, new ModelTable(name)]));
  readonly #ledger: Ledger;
  readonly #model: ModelDynamoDb;
  #node: Node;
  readonly streams: StreamSide | undefined;
  readonly #mutant: StreamMutant | undefined;
  /** How many nodes there were before the present one. */
  #crashes = 0;
  readonly #checker: Checker;
  readonly #reads: ReadWorkload;
  readonly #writes: WriteWorkload;
  #violation: unknown;

  /** @param streamed whether tables have streams, and the node follows them and may crash */
  constructor(
    seed: number,
    operations: number,
    mutant: StreamMutant | undefined,
    traced: boolean,
    streamed = false,
  ) {
    const random = new Random(seed);
    const time = new VirtualTime(random);
    const tables = this.#tables;
    this.#random = random;
    this.#time = time;
    this.trace = new Trace(time, traced);
    const drawn = circumstances(random, operations);
    this.circumstances = { ...(streamed ? underStreams(drawn, random) : drawn), ...mutant?.focus };
    this.trace.add(() => JSON.stringify(this.circumstances));
    this.#ledger = new Ledger({ time, tables, ...this.circumstances });
    this.#model = new ModelDynamoDb({
      ...{ time, random, tables, circumstances: this.circumstances, ledger: this.#ledger, trace: this.trace },
    });
    this.#checker = new Checker(this.circumstances, tables);
    this.#reads = new ReadWorkload(random, this.circumstances, tables);
    this.#writes = new WriteWorkload(random, this.#reads, tables);
    for (const table of tables.values())
      table.create(random.pick(shapes), random.pick(["g", "g", "sk", undefined]));
    this.#mutant = mutant;
    if (streamed) {
      const { settleMs, indexSettleMs } = this.circumstances;
      const options = {
        time,
        tables,
        mutant,
        settleMs,
        indexSettleMs,
        ledger: this.#ledger,
        trace: this.trace,
      };
      this.streams = new StreamSide(seed, { ...options, reads: this.#reads, writes: this.#writes });
    }
    this.#node = this.#boot();
  }

  /** @throws Violation */
  async run(): Promise<void> {
    let atMs = this.#time.nowMs();
    const { operations, pauseMs, unknownOutcomeMs, indexSettleMs, deadlineMs } = this.circumstances;
    for (let i = 0; i < operations; i += 1) {
      // Bursts of calls at one moment, and pauses.
      if (this.#random.chance(0.7)) atMs += this.#random.between(0, 2 * pauseMs);
      this.#time.at(atMs, () => this.#act());
    }
    const restAtMs = atMs + 3 * deadlineMs + 2 * unknownOutcomeMs + 3 * indexSettleMs + 1000;
    for (const pass of [0, 1, 2]) {
      this.#time.at(restAtMs + 2 * pass * deadlineMs, () => {
        for (const ask of this.#reads.everything()) this.#call(ask, () => (this.tally.atRest += 1));
      });
    }
    if (this.streams !== undefined) {
      this.#time.at(restAtMs + 4 * deadlineMs, () => this.#attempt(() => this.streams?.atRest()));
      this.#time.at(restAtMs + 6 * deadlineMs, () => this.streams?.stop());
    }
    await this.#time.run();
    if (this.#violation !== undefined) throw this.#violation;
    this.#ledger.close();
  }

  #act(): void {
    const { foreign, schema } = this.circumstances;
    const steps = this.streams?.next();
    if (steps !== undefined) this.#take(steps);
    else if (this.#random.chance(foreign)) this.#writeAround();
    else if (this.#random.chance(schema)) this.#changeSchema();
    else if (this.#random.chance(0.8)) this.#call(this.#reads.next());
    else this.#write(this.#writes.next());
  }

  /** The node, or after a crash the next one. What is sent by one that is gone reaches nobody. */
  #boot(): Node {
    const crashes = this.#crashes;
    const dynamoDb: Upstream = {
      send: (request) => (crashes === this.#crashes ? this.#model.send(request) : new Promise(() => {})),
      close: async () => {},
    };
    const { circumstances } = this;
    const parts = { time: this.#time, mutant: this.#mutant, circumstances, dynamoDb, ledger: this.#ledger };
    if (this.streams === undefined) return new Node(parts);
    return this.streams.boot((freshness) => new Node({ ...parts, freshness }));
  }

  #attempt(check: () => void): void {
    try {
      check();
    } catch (violation) {
      this.#violation ??= violation;
      this.#time.stop();
    }
  }

  #crash(): void {
    this.trace.add(() => "crash");
    this.#crashes += 1;
    this.#checker.bornTurn = this.#time.turn;
    this.#ledger.crash();
    this.#node = this.#boot();
  }

  #take(steps: readonly StreamStep[]): void {
    for (const step of steps) {
      this.#time.after(step.afterMs, () => {
        if (step.kind === "crash") this.#crash();
        else if (step.kind === "foreign") this.#model.landForeign([step.effect]);
        else if (step.kind === "write") this.#write(step.ask);
        else this.#call(step.ask);
      });
    }
  }

  /**
   * A writer who does not know us, and readers while the replicas still differ: one is sure, the next is not.
   */
  #writeAround(): void {
    const effect = this.#writes.foreign();
    this.#model.landForeign([effect]);
    if (this.#random.chance(0.5)) return;
    const { settleMs } = this.circumstances;
    const key = effect.kind === "put" ? effect.item : { ...this.#reads.key(), ...effect.key };
    const moments = [1, 2, 3, 4, 5].map(() => this.#random.between(0, settleMs)).sort((a, b) => a - b);
    for (const [at, waitMs] of moments.entries()) {
      const strong = at === 2;
      this.#time.after(waitMs, () =>
        this.#call(this.#reads.one(strong ? "strong" : "item", effect.table, key)),
      );
    }
  }

  /** A change of a schema, with writes under way that were planned before it, and readers of what is new. */
  #changeSchema(): void {
    const { indexSettleMs, unknownOutcomeMs } = this.circumstances;
    const change = this.#writes.schema();
    const table = String(change.input.TableName);
    for (const _ of [1, 2, 3]) this.#write(this.#writes.next(table));
    this.#write(change);
    // First from when its answers are stored again, then when those writes have landed too.
    const storedMs = unknownOutcomeMs + indexSettleMs;
    for (const waitMs of [10, 20, 30, 120, 200, 280].map(
      (ms) => storedMs + ms + this.#random.between(0, 20),
    )) {
      this.#time.after(waitMs, () => this.#call(this.#reads.one("index", table, this.#reads.key())));
    }
  }

  #write(ask: Ask): void {
    const record = this.#ledger.ask(ask.operation, ask.input, ask.effects ?? []);
    this.#call(ask, (reply) => {
      this.#ledger.answered(record, reply);
      this.#follow(record, reply);
    });
  }

  /** Reads where they hurt most: right after an answer, and when an unknown outcome is no longer pending. */
  #follow(record: WriteRecord, reply: Reply): void {
    const { unknownOutcomeMs, settleMs } = this.circumstances;
    if (record.effects[0]?.kind === "drop") {
      this.#time.after(this.#random.between(0, 60), () => this.#write(this.#writes.schema()));
    }
    if (this.#random.chance(0.5)) return;
    const waits = reply.status === 200 ? [0, settleMs] : [0, unknownOutcomeMs, unknownOutcomeMs + settleMs];
    for (const effect of record.effects) {
      const key =
        "item" in effect
          ? effect.item
          : "key" in effect
            ? { ...this.#reads.key(), ...effect.key }
            : undefined;
      if (key === undefined) continue;
      const waitMs = Math.max(0, this.#random.pick(waits) + this.#random.between(-2, 3));
      this.#time.after(waitMs, () => this.#call(this.#reads.near(effect.table, key)));
    }
  }

  #call(ask: Ask, then?: (reply: Reply) => void): void {
    const began: Moment = { ms: this.#time.nowMs(), turn: this.#time.turn };
    const call: Call = {
      ...{ target: `DynamoDB_20120810.${ask.operation}`, operation: ask.operation, control: ask.control },
      ...{
        body: toBytes(ask.input),
        input: ask.input,
        deadlineAtMs: began.ms + this.circumstances.deadlineMs,
      },
      signal: this.#leaver(),
    };
    this.tally.calls += 1;
    const crashes = this.#crashes;
    const around = this.streams?.around(ask);
    this.trace.add(() => `ask ${ask.operation} ${JSON.stringify(ask.input)} ${wishes(ask)}`);
    Promise.resolve(handle(call, this.#node.deps))
      .then((reply) => {
        // The client of a node that is gone hears nothing.
        if (crashes !== this.#crashes) return;
        this.trace.add(
          () => `answer (asked ${began.ms} #${began.turn}) ${told(reply)} to ${JSON.stringify(ask.input)}`,
        );
        if (ask.effects === undefined) this.#check(ask, reply, began, around);
        then?.(reply);
      })
      .catch((error: unknown) => {
        this.#violation ??= error;
        this.#time.stop();
      });
  }

  #check(ask: Ask, reply: Reply, began: Moment, around: Around | undefined): void {
    if (reply.status !== 200) {
      this.tally.errors += 1;
      return;
    }
    const body = parseObject(reply.body);
    if (body === undefined) throw new Violation(`no JSON object: ${told(reply)}`);
    count(reply, this.tally);
    const { settleMs, deadlineMs } = this.circumstances;
    const refusedAtMs = this.#model.refusedStrongAtMs.find((ms) => ms >= began.ms - deadlineMs);
    for (const claimed of claimsOf(ask, body)) {
      const bound = boundOf(
        ask,
        reply,
        claimed,
        this.#node.deps.ruleFor(claimed.claim.table),
        this.circumstances,
        around,
      );
      this.tally.checked += 1;
      const fault = this.#checker.fault(claimed.claim, { ...bound, refusedAtMs }, began);
      if (fault !== undefined) {
        const question = `${ask.operation} ${JSON.stringify(ask.input)} ${wishes(ask)}`;
        throw new Violation(
          `at ${began.ms} #${began.turn}: ${question}\n  ${told(reply)}\n  ${fault}\n  settleMs ${settleMs}`,
        );
      }
      // What passed by unread was not learned.
      if (reply.reason === "unproven-request" || reply.reason === "no-schema") continue;
      const known = (this.#node.unknownAtMs.get(claimed.claim.table) ?? 0) < began.ms;
      if (claimed.strong && known && ask.operation !== "Query")
        this.#checker.learn(claimed.claim, this.#time, began);
    }
  }

  /** Now and then a client leaves before it is answered. */
  #leaver(): AbortSignal | undefined {
    if (!this.#random.chance(0.02)) return undefined;
    const abort = new AbortController();
    this.#time.after(this.#random.between(0, 20), () => abort.abort());
    return abort.signal;
  }
}
