/**
 * Every write of a client, what reached upstream of it, and what its client was told: no write may be sent twice,
 * altered, lost, or be answered other than DynamoDB answers. From what clients were told rise the floors that later
 * reads are held to.
 */

import { isDeepStrictEqual } from "node:util";
import { parseObject } from "../../src/dynamodb/json-codec.ts";
import type { Input } from "../../src/dynamodb/model.ts";
import type { Reply } from "../../src/proxy/call.ts";
import type { ModelTable, TableLife } from "./model-table.ts";
import type { Effect, WriteResult } from "./model-writes.ts";
import type { VirtualTime } from "./virtual-time.ts";
import { Violation } from "./violation.ts";

export interface WriteRecord {
  readonly operation: string;
  readonly input: Input;
  readonly effects: readonly Effect[];
  /** How often clients have asked for it (a repeated ClientRequestToken), and how often it was sent. */
  asked: number;
  sent: number;
  /** The first success; a repetition of its token is answered by it. */
  result: WriteResult | undefined;
  landedAtMs: number;
  /** An error of this call said that nothing was done. */
  refused: boolean;
  acknowledged: boolean;
  unknown: boolean;
  /** Upstream said that an earlier attempt of the same call may have acted. */
  earlierUnknown: boolean;
  /** Attempts that will land, and have not yet. */
  underWay: number;
}

interface LedgerOptions {
  readonly time: VirtualTime;
  readonly tables: ReadonlyMap<string, ModelTable>;
  readonly settleMs: number;
  readonly indexSettleMs: number;
  /** No read takes longer. */
  readonly deadlineMs: number;
}

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #records = new Map<string, WriteRecord>();

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** To be called before the client sends it. Asking again for the same is a repetition. */
  ask(operation: string, input: Input, effects: readonly Effect[]): WriteRecord {
    const name = nameOf(operation, input);
    let record = this.#records.get(name);
    if (record === undefined) {
      record = {
        ...{ operation, input, effects, asked: 0, sent: 0, result: undefined, landedAtMs: 0 },
        ...{ refused: false, acknowledged: false, unknown: false, earlierUnknown: false, underWay: 0 },
      };
      this.#records.set(name, record);
    }
    record.asked += 1;
    return record;
  }

  /** What reached upstream. Foreign writers are not in the ledger. */
  send(operation: string, input: Input): WriteRecord {
    const record = this.#records.get(nameOf(operation, input));
    if (record === undefined) throw new Violation(`altered write: ${operation} ${JSON.stringify(input)}`);
    record.sent += 1;
    if (record.sent > record.asked) throw new Violation(`write sent twice: ${operation} ${JSON.stringify(input)}`);
    return record;
  }

  landed(record: WriteRecord, result: WriteResult): void {
    record.result = result;
    record.landedAtMs = this.#options.time.nowMs();
    if (record.unknown) this.#raiseWhenSettled(record);
  }

  /** What the client was told. */
  answered(record: WriteRecord, reply: Reply): void {
    if (reply.status === 200) {
      const { result } = record;
      if (result === undefined) throw new Violation(`lost write: ${JSON.stringify(record.input)} was answered with 200`);
      const expected = result.bodyFor(record.input["ReturnValues"]);
      if (!isDeepStrictEqual(parseObject(reply.body), expected)) {
        throw new Violation(`reply to ${JSON.stringify(record.input)} is ${text(reply.body)}, not ${JSON.stringify(expected)}`);
      }
      record.acknowledged = true;
      for (const { history, index } of result.landed) history.acknowledged.raise(index, this.#options.time);
      this.#end(result.ended);
    } else if (reply.status === 500 || record.earlierUnknown || text(reply.body).includes("InProgress")) {
      record.unknown = true;
      if (record.result !== undefined) this.#raiseWhenSettled(record);
    } else {
      record.refused = true;
    }
  }

  /** To be called when nothing can land any more. */
  close(): void {
    for (const record of this.#records.values()) {
      const { refused, asked, result, input } = record;
      if (refused && asked === 1 && result !== undefined) throw new Violation(`refused write landed: ${JSON.stringify(input)}`);
    }
  }

  /** Not acknowledged, but landed: reads that begin when every replica has it must show it all the same. */
  #raiseWhenSettled({ result, landedAtMs }: WriteRecord): void {
    const { time, settleMs, indexSettleMs, deadlineMs } = this.#options;
    const landed = result?.landed ?? [];
    time.at(landedAtMs + settleMs, () => landed.forEach(({ history, index }) => history.settled.raise(index, time)));
    time.at(landedAtMs + indexSettleMs, () => landed.forEach(({ history, index }) => history.indexed.raise(index, time)));
    // A read that was on its way may be shared so long.
    time.after(deadlineMs, () => this.#end(result?.ended ?? []));
  }

  #end(lives: readonly TableLife[]): void {
    for (const life of lives) this.#options.tables.get(life.table)?.floor.raise(life.number + 1, this.#options.time);
  }
}

/** The request without ReturnValues, which the proxy may change. */
function nameOf(operation: string, input: Input): string {
  const { ReturnValues: _, ...rest } = input;
  return operation + JSON.stringify(rest);
}

function text(body: Uint8Array): string {
  return Buffer.from(body).toString();
}
