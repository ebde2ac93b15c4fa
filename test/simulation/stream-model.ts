/** A table's stream as data: shards that split and merge, what was written to each, and when it shows. */

import { type Input, type Item, isObject } from "../../src/dynamodb/model.ts";
import type { ItemHistory, TableLife } from "./model-table.ts";
import type { Random } from "./random.ts";
import type { StreamCircumstances } from "./stream-circumstances.ts";
import type { VirtualTime } from "./virtual-time.ts";

interface StreamRecord {
  readonly sequence: number;
  readonly atMs: number;
  readonly visibleAtMs: number;
  readonly record: Input;
}

interface ModelShard {
  readonly id: string;
  readonly parent: string | undefined;
  /** The items whose hash is in [from, to). */
  readonly from: number;
  readonly to: number;
  readonly first: number;
  readonly records: StreamRecord[];
  readonly listedAtMs: number;
  /** Set when it is closed. */
  last: number | undefined;
  closedAtMs: number;
  /** Records before this one are trimmed. */
  horizon: number;
}

interface Position {
  readonly shard: string;
  readonly sequence: number;
  readonly issuedAtMs: number;
}

/** An answer, or an error by its name. */
export type StreamAnswer = Input | string;

export class ModelStream {
  readonly arn: string;
  readonly #life: TableLife;
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #circumstances: StreamCircumstances;
  readonly #shards = new Map<string, ModelShard>();
  #sequence = 0;
  #expiredBeforeMs = 0;

  constructor(life: TableLife, time: VirtualTime, random: Random, circumstances: StreamCircumstances) {
    this.arn = `arn:aws:dynamodb:eu-central-1:000000000000:table/${life.table}/stream/${life.number}`;
    this.#life = life;
    this.#time = time;
    this.#random = random;
    this.#circumstances = circumstances;
    const { shards } = circumstances;
    for (let at = 0; at < shards; at += 1) this.#add(undefined, at / shards, (at + 1) / shards, 0);
    life.streamArn = this.arn;
    life.committed = (history, index) => this.#append(history, index);
  }

  split(): void {
    const open = this.#open();
    if (open.length === 0 || open.length > 4) return;
    const shard = this.#random.pick(open);
    this.#close(shard);
    const middle = (shard.from + shard.to) / 2;
    this.#add(shard.id, shard.from, middle, this.#listLagMs());
    this.#add(shard.id, middle, shard.to, this.#listLagMs());
  }

  /** Rolls one over as DynamoDB does every few hours, or merges it with its neighbour. */
  merge(): void {
    const open = this.#open();
    if (open.length === 0) return;
    const first = this.#random.pick(open);
    const second = open.find(({ from }) => from === first.to);
    this.#close(first);
    if (second !== undefined) this.#close(second);
    this.#add(first.id, first.from, (second ?? first).to, this.#listLagMs());
  }

  expireIterators(): void {
    this.#expiredBeforeMs = this.#time.nowMs() + 1;
  }

  describe(input: Input): StreamAnswer {
    const filter = isObject(input.ShardFilter) ? input.ShardFilter.ShardId : undefined;
    const how = this.#circumstances.filter;
    if (filter !== undefined && how === "refused") return "ValidationException";
    const nowMs = this.#time.nowMs();
    const goneMs = nowMs - this.#circumstances.trimAfterMs;
    const wanted = [...this.#shards.values()].filter(
      ({ listedAtMs, closedAtMs, parent }) =>
        listedAtMs <= nowMs &&
        closedAtMs >= goneMs &&
        (filter === undefined || how === "ignored" || parent === filter),
    );
    const after = wanted.findIndex(({ id }) => id === input.ExclusiveStartShardId) + 1;
    const page = wanted.slice(after, after + this.#circumstances.pageShards);
    const more = after + page.length < wanted.length;
    return {
      StreamDescription: {
        StreamArn: this.arn,
        StreamStatus: "ENABLED",
        Shards: page.map(described),
        ...(more && { LastEvaluatedShardId: page.at(-1)?.id }),
      },
    };
  }

  iterator({ ShardId, ShardIteratorType, SequenceNumber }: Input): StreamAnswer {
    const shard = this.#shards.get(String(ShardId));
    if (shard === undefined || this.#isGone(shard)) return "ResourceNotFoundException";
    this.#trim(shard);
    if (ShardIteratorType === "TRIM_HORIZON") return this.#token(shard, Math.max(shard.first, shard.horizon));
    if (ShardIteratorType === "LATEST") return this.#token(shard, this.#latest(shard));
    const sequence = Number(SequenceNumber) + 1;
    return sequence < shard.horizon ? "TrimmedDataAccessException" : this.#token(shard, sequence);
  }

  records({ ShardIterator }: Input): StreamAnswer {
    // The codec edge: the model wrote the iterator itself.
    const position = JSON.parse(String(ShardIterator)) as Position;
    const { iteratorsLiveMs, pageRecords, emptyPages, lagMs } = this.#circumstances;
    const nowMs = this.#time.nowMs();
    if (position.issuedAtMs < Math.max(this.#expiredBeforeMs, nowMs - iteratorsLiveMs)) {
      return "ExpiredIteratorException";
    }
    const shard = this.#shards.get(position.shard);
    if (shard === undefined || this.#isGone(shard)) return "TrimmedDataAccessException";
    this.#trim(shard);
    if (position.sequence < shard.horizon) return "TrimmedDataAccessException";
    const rest = shard.records.filter(({ sequence }) => sequence >= position.sequence);
    const hidden = rest.findIndex(({ visibleAtMs }) => visibleAtMs > nowMs);
    const shown = hidden < 0 ? rest : rest.slice(0, hidden);
    // "It might take multiple calls": a page may be empty although there is something. That is lag too: an empty
    // page is all that anybody can know of having come up to the present.
    const late = shown.some(({ atMs }) => atMs < nowMs - lagMs);
    const empty = !late && this.#random.chance(emptyPages);
    const page = empty ? [] : shown.slice(0, pageRecords);
    const ended = shard.last !== undefined && page.length === rest.length;
    const next = this.#token(shard, (page.at(-1)?.sequence ?? position.sequence - 1) + 1);
    return {
      Records: page.map(({ record }) => record),
      ...(!ended && { NextShardIterator: next.ShardIterator }),
    };
  }

  #append(history: ItemHistory, index: number): void {
    const [before, after] = [history.commits[index - 1]?.image, history.commits[index]?.image];
    // DynamoDB writes no record for a write that changes nothing.
    if (JSON.stringify(before) === JSON.stringify(after)) return;
    const key = before ?? after;
    const at = hash(history.key);
    const shard = this.#open().find(({ from, to }) => from <= at && at < to);
    if (key === undefined || shard === undefined) throw new Error(`no shard for ${history.key}`);
    const { view, lagMs } = this.#circumstances;
    const nowMs = this.#time.nowMs();
    const earlier = shard.records.at(-1)?.visibleAtMs ?? 0;
    const sequence = this.#next();
    shard.records.push({
      sequence,
      atMs: nowMs,
      visibleAtMs: Math.max(earlier, nowMs + this.#random.between(0, lagMs)),
      record: {
        eventName: before === undefined ? "INSERT" : after === undefined ? "REMOVE" : "MODIFY",
        dynamodb: {
          ApproximateCreationDateTime: Math.floor(nowMs / 1000),
          Keys: this.#life.pickKey(key),
          SequenceNumber: text(sequence),
          ...(after && view.includes("NEW") && { NewImage: after }),
          ...(before && view.includes("OLD") && { OldImage: before }),
        },
      },
    });
  }

  #latest(shard: ModelShard): number {
    const nowMs = this.#time.nowMs();
    const hidden = shard.records.find(({ visibleAtMs }) => visibleAtMs > nowMs);
    return this.#circumstances.latest === "visible" && hidden ? hidden.sequence : this.#sequence + 1;
  }

  #add(parent: string | undefined, from: number, to: number, listLagMs: number): void {
    const first = this.#next();
    const id = `shardId-${text(first)}`;
    this.#shards.set(id, {
      ...{ id, parent, from, to, first, records: [], listedAtMs: this.#time.nowMs() + listLagMs },
      ...{ last: undefined, closedAtMs: Number.POSITIVE_INFINITY, horizon: 0 },
    });
  }

  #close(shard: ModelShard): void {
    shard.last = this.#next();
    shard.closedAtMs = this.#time.nowMs();
  }

  #open(): ModelShard[] {
    return [...this.#shards.values()].filter(({ last }) => last === undefined);
  }

  #trim(shard: ModelShard): void {
    const goneMs = this.#time.nowMs() - this.#circumstances.trimAfterMs;
    while (shard.records[0] !== undefined && shard.records[0].atMs < goneMs) {
      shard.horizon = shard.records.shift()!.sequence + 1;
    }
  }

  #isGone(shard: ModelShard): boolean {
    return shard.closedAtMs < this.#time.nowMs() - this.#circumstances.trimAfterMs;
  }

  #token(shard: ModelShard, sequence: number): { readonly ShardIterator: string } {
    const position: Position = { shard: shard.id, sequence, issuedAtMs: this.#time.nowMs() };
    return { ShardIterator: JSON.stringify(position) };
  }

  #listLagMs(): number {
    return this.#random.between(0, this.#circumstances.listLagMs);
  }

  #next(): number {
    this.#sequence += 1;
    return this.#sequence;
  }
}

function described({ id, parent, first, last }: ModelShard): Input {
  const range = { StartingSequenceNumber: text(first), ...(last && { EndingSequenceNumber: text(last) }) };
  return { ShardId: id, SequenceNumberRange: range, ...(parent && { ParentShardId: parent }) };
}

function text(sequence: number): string {
  return String(sequence).padStart(21, "0");
}

/** In [0, 1). */
function hash(key: string): number {
  let h = 7;
  for (const letter of key) h = (h * 31 + letter.charCodeAt(0)) % 997;
  return h / 997;
}

/** The images that a record of this view type has of an item. */
export type View = "KEYS_ONLY" | "NEW_IMAGE" | "OLD_IMAGE" | "NEW_AND_OLD_IMAGES";

/** An image as a text that is the same for the same item. */
export function imageText(image: Item | Input): string {
  return JSON.stringify(Object.entries(image).sort(([a], [b]) => (a < b ? -1 : 1)));
}
