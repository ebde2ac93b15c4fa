/**
 * Every write of a client, what reached upstream of it, and what its client was told: no write may be sent
 * twice, altered, lost, or be answered other than DynamoDB answers. From what clients were told rise the
 * floors that later reads are held to.
 */

import { isDeepStrictEqual } from "node:util";
import { parseObject } from "../../src/dynamodb/json-codec.ts";
import type { Input, Item } from "../../src/dynamodb/model.ts";
import type { Reply } from "../../src/proxy/call.ts";
import type { ItemHistory, ModelTable } from "./model-table.ts";
import type { Effect, WriteResult } from "./model-writes.ts";
import { Violation } from "./violation.ts";
import type { VirtualTime } from "./virtual-time.ts";

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
  unknown: boolean;
  /** Upstream said that an earlier attempt of the same call may have acted. */
  earlierUnknown: boolean;
  /** Attempts that will land, and have not yet. */
  underWay: number;
  /** The latest of them. */
  landsByMs: number;
}

interface LedgerOptions {
  readonly time: VirtualTime;
  readonly tables: ReadonlyMap<string, ModelTable>;
  readonly settleMs: number;
  readonly indexSettleMs: number;
  /** How long after an unknown outcome a write may still land. */
  readonly unknownOutcomeMs: number;
  /** Where the floors of an item stand; undefined = with the item itself. */
  readonly seen?: (history: ItemHistory) => ItemHistory;
  /** Told when something may land for as long as an unknown outcome lasts. */
  readonly onPend?: () => void;
  /** Told of every write that its client was told of. */
  readonly onAcknowledged?: (history: ItemHistory, index: number) => void;
}

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #records = new Map<string, WriteRecord>();
  readonly #ownImages: Item[] = [];
  #pendingUntilMs = 0;
  /** Nodes that were lost. */
  #crashes = 0;

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
        ...{ refused: false, unknown: false, earlierUnknown: false, underWay: 0, landsByMs: 0 },
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
    if (record.sent > record.asked)
      throw new Violation(`write sent twice: ${operation} ${JSON.stringify(input)}`);
    return record;
  }

  /** The ReturnValues that the client itself asked for. */
  wish(operation: string, input: Input): unknown {
    return this.#records.get(nameOf(operation, input))?.input.ReturnValues;
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
      if (result === undefined)
        throw new Violation(`lost write: ${JSON.stringify(record.input)} was answered with 200`);
      const expected = result.bodyFor(record.input.ReturnValues);
      if (!isDeepStrictEqual(parseObject(reply.body), expected)) {
        throw new Violation(
          `reply to ${JSON.stringify(record.input)} is ${text(reply.body)}, not ${JSON.stringify(expected)}`,
        );
      }
      this.#acknowledge(record);
    } else if (reply.status === 500 || record.earlierUnknown || text(reply.body).includes("InProgress")) {
      record.unknown = true;
      this.pend();
      this.#acknowledgeInTheEnd(record);
      if (record.result !== undefined) this.#raiseWhenSettled(record);
    } else {
      record.refused = true;
    }
  }

  /** To be called when nothing can land any more. */
  close(): void {
    for (const record of this.#records.values()) {
      const { refused, asked, result, input } = record;
      if (refused && asked === 1 && result !== undefined)
        throw new Violation(`refused write landed: ${JSON.stringify(input)}`);
    }
  }

  /** The node is lost, with all that it knew of what may still land. */
  crash(): void {
    this.#crashes += 1;
    this.#pendingUntilMs = 0;
    for (const record of this.#records.values()) record.unknown = false;
  }

  /** What clients were told that it was written; the oldest first. */
  ownImages(): readonly Item[] {
    return this.#ownImages;
  }

  /** From now on something may land for as long as an unknown outcome lasts. */
  pend(): void {
    this.pendUntil(this.#options.time.nowMs() + this.#options.unknownOutcomeMs);
    this.#options.onPend?.();
  }

  /** Until then something may land, as far as the node can know. */
  pendUntil(ms: number): void {
    this.#pendingUntilMs = Math.max(this.#pendingUntilMs, ms);
  }

  /**
   * When nothing is pending any more, whatever could land has landed, and no read is shared with one from
   * before. Until then another unknown outcome may hide the end of this one's pending time: colliding tags
   * have one end.
   */
  #acknowledgeInTheEnd(record: WriteRecord, crashes = this.#crashes): void {
    const { time } = this.#options;
    if (crashes !== this.#crashes) return;
    if (time.nowMs() >= this.#pendingUntilMs) this.#acknowledge(record);
    else time.at(this.#pendingUntilMs, () => this.#acknowledgeInTheEnd(record, crashes));
  }

  /**
   * From now on it counts: its client knows, or it can land no more, and reads are told apart from those
   * before.
   */
  #acknowledge({ result }: WriteRecord): void {
    const { time } = this.#options;
    const { seen, onAcknowledged } = this.#options;
    for (const { history: item, index } of result?.landed ?? []) {
      const history = seen?.(item) ?? item;
      history.acknowledged.raise(index, time);
      const { image } = history.commits[index]!;
      if (image !== undefined) this.#ownImages.push(image);
      tellIndex(history, index, time.turn);
      onAcknowledged?.(item, index);
    }
    for (const life of result?.ended ?? [])
      this.#options.tables.get(life.table)?.floor.raise(life.number + 1, time);
  }

  /** Not acknowledged, but landed: reads that begin when every replica has it must show it all the same. */
  #raiseWhenSettled({ result, landedAtMs }: WriteRecord): void {
    const { time, settleMs, indexSettleMs } = this.#options;
    const crashes = this.#crashes;
    const later = (atMs: number, run: () => void) =>
      time.at(atMs, () => {
        if (crashes === this.#crashes) run();
      });
    for (const { history: item, index } of result?.landed ?? []) {
      const history = this.#options.seen?.(item) ?? item;
      later(landedAtMs + settleMs, () => history.settled.raise(index, time));
      later(landedAtMs + indexSettleMs, () => tellIndex(history, index, time.turn));
    }
  }
}

function tellIndex(history: ItemHistory, index: number, turn: number): void {
  if (!history.indexedAt.has(index)) history.indexedAt.set(index, turn);
}

/** The request without ReturnValues, which the proxy may change. */
function nameOf(operation: string, input: Input): string {
  const { ReturnValues: _, ...rest } = input;
  return operation + JSON.stringify(rest);
}

function text(body: Uint8Array): string {
  return Buffer.from(body).toString();
}
