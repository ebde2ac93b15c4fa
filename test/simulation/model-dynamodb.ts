/**
 * DynamoDB behind the Upstream interface, in virtual time: slow, with lagging replicas and indexes, and with
 * everything that can go wrong between a proxy and it.
 */

import { parseReply, toBytes } from "../../src/dynamodb/json-codec.ts";
import type { Input } from "../../src/dynamodb/model.ts";
import {
  type Upstream,
  UpstreamFailure,
  type UpstreamReply,
  type UpstreamRequest,
} from "../../src/upstream/upstream.ts";
import type { Circumstances } from "./circumstances.ts";
import type { Ledger, WriteRecord } from "./ledger.ts";
import { error, type ReadResult, read } from "./model-reads.ts";
import type { ModelTable } from "./model-table.ts";
import { type Effect, execute, refusal, unprocessed, type WriteResult } from "./model-writes.ts";
import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface ModelOptions {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly circumstances: Circumstances;
  readonly tables: ReadonlyMap<string, ModelTable>;
  readonly ledger: Ledger;
  readonly trace: Trace;
}

/** Settles a call once; what comes later is lost on the way. */
interface Exchange {
  readonly request: UpstreamRequest;
  readonly operation: string;
  readonly input: Input;
  reply(result: { readonly status: number; readonly body: Input }): void;
  fail(kind: UpstreamFailure["kind"], outcome: "none" | "unknown"): void;
}

interface FaultRow {
  readonly weight: number;
  /** Whether the write is carried out: before it is answered, only after that, or never. */
  readonly lands: "before" | "late" | "never";
  readonly answer: "own" | "condition" | "throttled" | "unreached" | "lost" | "broken";
}

const faultRows = {
  none: { weight: 0, lands: "before", answer: "own" },
  condition: { weight: 3, lands: "never", answer: "condition" },
  throttled: { weight: 3, lands: "never", answer: "throttled" },
  unreached: { weight: 1, lands: "never", answer: "unreached" },
  lostBefore: { weight: 1, lands: "never", answer: "lost" },
  lostAfter: { weight: 3, lands: "before", answer: "lost" },
  lostLate: { weight: 5, lands: "late", answer: "lost" },
  brokenBefore: { weight: 1, lands: "never", answer: "broken" },
  brokenAfter: { weight: 1, lands: "before", answer: "broken" },
  brokenLate: { weight: 2, lands: "late", answer: "broken" },
} as const satisfies Record<string, FaultRow>;

// The codec edge: Object.fromEntries forgets the names.
const writeFaults = Object.fromEntries(
  Object.entries(faultRows).map(([name, { weight }]) => [name, weight]),
) as Record<keyof typeof faultRows, number>;

const readOperations = new Set([
  "GetItem",
  "BatchGetItem",
  "TransactGetItems",
  "Query",
  "Scan",
  "DescribeTable",
]);

export class ModelDynamoDb implements Upstream {
  readonly #options: ModelOptions;
  /** When a strong read was refused, per run: an eventually consistent one follows it. */
  readonly refusedStrongAtMs: number[] = [];

  constructor(options: ModelOptions) {
    this.#options = options;
  }

  send(request: UpstreamRequest): Promise<UpstreamReply> {
    const operation = request.target.slice(request.target.indexOf(".") + 1);
    const input = parseReply(request.body);
    if (readOperations.has(operation))
      return this.#exchange(request, operation, input, (one) => this.#read(one));
    const record = this.#options.ledger.send(operation, input);
    // As the real client does: what carries a token is tried once more.
    let attempts = request.idempotent ? 2 : 1;
    const attempt = (earlierUnknown: boolean): Promise<UpstreamReply> =>
      this.#exchange(request, operation, input, (one) => this.#write(one, record)).then(
        (reply) => {
          if (reply.status >= 500 && --attempts > 0) return attempt(true);
          record.earlierUnknown ||= earlierUnknown;
          return earlierUnknown ? { ...reply, earlierUnknown } : reply;
        },
        (failure: UpstreamFailure) => {
          if (failure.kind === "reset" && --attempts > 0) return attempt(true);
          throw earlierUnknown ? new UpstreamFailure(failure.kind, "unknown", failure.message) : failure;
        },
      );
    return attempt(false);
  }

  async close(): Promise<void> {}

  #exchange(
    request: UpstreamRequest,
    operation: string,
    input: Input,
    begin: (exchange: Exchange) => void,
  ): Promise<UpstreamReply> {
    const { time, trace } = this.#options;
    trace.add(() => `up ${operation} ${JSON.stringify(input)}`);
    return new Promise((resolve, reject) => {
      // Only the first word is heard.
      const settle = (how: () => string, then: () => void) => {
        if (deadline.run === undefined) return;
        deadline.run = undefined;
        trace.add(() => `${how()} to ${operation} ${JSON.stringify(input)}`);
        then();
      };
      const fail = (kind: UpstreamFailure["kind"], outcome: "none" | "unknown") =>
        settle(
          () => `failure ${kind} (${outcome})`,
          () => reject(new UpstreamFailure(kind, outcome, "simulated")),
        );
      const reply = ({ status, body }: { readonly status: number; readonly body: Input }) =>
        settle(
          () => `reply ${status} ${JSON.stringify(body)}`,
          () =>
            resolve({
              status,
              body: toBytes(body),
              requestId: undefined,
              crc32: undefined,
              contentType: undefined,
            }),
        );
      const deadline = time.at(request.deadlineAtMs, () => fail("timeout", "unknown"));
      request.signal?.addEventListener("abort", () => fail("aborted", "unknown"), { once: true });
      begin({ request, operation, input, reply, fail });
    });
  }

  #read(exchange: Exchange): void {
    const { time, random, circumstances, tables } = this.#options;
    const { operation, input } = exchange;
    const { faults } = circumstances;
    const strong = JSON.stringify(input).includes('"ConsistentRead":true');
    if (random.chance(operation === "DescribeTable" ? faults.describe : faults.read)) {
      if (random.chance(0.3)) time.after(this.#delayMs(), () => exchange.fail("reset", "unknown"));
      else this.#refuseRead(exchange, strong);
      return;
    }
    if (strong && random.chance(faults.strong)) {
      this.#refuseRead(exchange, strong);
      return;
    }
    time.after(this.#delayMs(), () => {
      const result = read(operation, input, {
        tables,
        nowMs: time.nowMs(),
        replicaLag: () => this.#lagMs(circumstances.settleMs),
        indexLag: () => this.#lagMs(circumstances.indexSettleMs),
        leaves: () => random.chance(0.03),
      });
      time.after(this.#delayMs(), () => exchange.reply(result));
    });
  }

  #refuseRead(exchange: Exchange, strong: boolean): void {
    const { time, random } = this.#options;
    const result: ReadResult = random.chance(0.5)
      ? error("InternalServerError", "simulated", 500)
      : error("ProvisionedThroughputExceededException");
    time.after(this.#delayMs(), () => {
      if (strong) this.refusedStrongAtMs.push(time.nowMs());
      exchange.reply(result);
    });
  }

  #write(exchange: Exchange, record: WriteRecord): void {
    const { time, random, circumstances } = this.#options;
    const { deadlineAtMs } = exchange.request;
    if (time.nowMs() >= deadlineAtMs) {
      exchange.fail("timeout", "none");
      return;
    }
    const fault = random.chance(circumstances.faults.write) ? random.weighted(writeFaults) : "none";
    // The same token is at work already, and not for longer than an unknown outcome lasts.
    const inTime = record.landsByMs < time.nowMs() + circumstances.unknownOutcomeMs;
    if (record.underWay > 0 && record.result === undefined && inTime && random.chance(0.5)) {
      time.after(this.#delayMs(), () => exchange.reply(refusal("TransactionInProgressException")));
      return;
    }
    const row = faultRows[fault];
    const answer = () => {
      if (row.answer === "broken") exchange.reply(error("InternalServerError", "simulated", 500));
      else if (row.answer === "lost") exchange.fail("reset", "unknown");
      else if (row.answer === "unreached") exchange.fail("refused", "none");
      else if (row.answer === "throttled") exchange.reply(refusal("ThrottlingException"));
      // A token that has done its work is answered by what it did.
      else exchange.reply(record.result ?? refusal("ConditionalCheckFailedException"));
    };
    const answeredAtMs = time.nowMs() + this.#delayMs();
    if (row.lands === "never") return void time.at(answeredAtMs, answer);
    const late =
      row.lands === "late" ? answeredAtMs + random.between(0, circumstances.unknownOutcomeMs) : answeredAtMs;
    record.underWay += 1;
    // It lands before the proxy's patience with an unknown outcome ends.
    const endMs = Math.min(answeredAtMs, deadlineAtMs) + circumstances.unknownOutcomeMs - 1;
    const landsAtMs = Math.min(late, endMs);
    record.landsByMs = Math.max(record.landsByMs, landsAtMs);
    time.at(landsAtMs, () => {
      record.underWay -= 1;
      const result = this.#land(record, exchange.input);
      if (row.lands === "late") return;
      time.after(this.#delayMs(), () => (row.answer === "own" ? exchange.reply(result) : answer()));
    });
    if (row.lands === "late") time.at(answeredAtMs, answer);
  }

  /** Carries a write out, unless its token says that this has been done. */
  #land(record: WriteRecord, input: Input): { readonly status: number; readonly body: Input } {
    const { time, tables, random, ledger, trace } = this.#options;
    if (record.result !== undefined) return { status: 200, body: record.result.body };
    const skipped = new Set<number>();
    if (record.operation === "BatchWriteItem" && random.chance(0.2)) {
      for (const position of record.effects.keys()) if (random.chance(0.4)) skipped.add(position);
    }
    let result: WriteResult = execute(record.effects, input, tables, time.nowMs(), skipped);
    trace.add(() => `lands (${result.status}) ${record.operation} ${JSON.stringify(record.input)}`);
    if (result.status !== 200) return result;
    if (record.operation === "BatchWriteItem") {
      const body = unprocessed(input, skipped);
      result = { ...result, body, bodyFor: () => body };
    }
    ledger.landed(record, result);
    return result;
  }

  /** A write that goes around the proxy. */
  landForeign(effects: readonly Effect[]): void {
    const { time, tables, trace } = this.#options;
    const result = execute(effects, {}, tables, time.nowMs());
    trace.add(() => `foreign (${result.status}) ${JSON.stringify(effects)}`);
  }

  #delayMs(): number {
    const { random, circumstances } = this.#options;
    return random.chance(circumstances.slow) ? random.between(0, circumstances.slowMs) : random.between(0, 6);
  }

  #lagMs(lagMsMax: number): number {
    const { random } = this.#options;
    return random.chance(0.4) ? 0 : random.between(0, lagMsMax);
  }
}
