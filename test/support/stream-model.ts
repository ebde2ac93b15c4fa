// A DynamoDB stream as data: a tree of shards, what was written to each, iterators, trimming; and the table
// behind it as far as records need it. scripted-streams.ts puts it on the wire.

import { ScriptedReply, scriptedError } from "./scripted-upstream.ts";

export type Value = Readonly<Record<string, unknown>>;
export type ModelItem = Readonly<Record<string, Value>>;
export type ViewType = "KEYS_ONLY" | "NEW_IMAGE" | "OLD_IMAGE" | "NEW_AND_OLD_IMAGES";

export interface ModelRecord {
  readonly sequence: number;
  readonly record: Readonly<Record<string, unknown>>;
}

export interface ModelShard {
  readonly id: string;
  readonly parent: string | undefined;
  readonly records: ModelRecord[];
  readonly firstSequence: number;
  /** Set when the shard is closed: no record of it is later. */
  lastSequence: number | undefined;
  /** Records before this one are trimmed. */
  horizon: number;
  /** Shown by DescribeStream; a new shard may be listed later than it begins. */
  isListed: boolean;
}

export interface StreamModelOptions {
  readonly viewType?: ViewType;
  /** The table's key attributes. */
  readonly keys?: readonly string[];
  readonly shards?: number;
  /** What DescribeStream does with ShardFilter: DynamoDB answers it, DynamoDB Local takes no notice. */
  readonly filter?: "honoured" | "ignored" | "refused";
}

interface Iterator {
  readonly shard: string;
  readonly sequence: number;
  readonly issue: number;
  readonly issuedAtMs: number;
}

const sequenceText = (sequence: number): string => String(sequence).padStart(21, "0");
let streams = 0;

export class StreamModel {
  readonly arn: string;
  readonly viewType: ViewType;
  readonly shards = new Map<string, ModelShard>();
  status = "ENABLED";
  filter: "honoured" | "ignored" | "refused";
  /** In which order shards are listed; default: as they came. */
  listed: (shards: ModelShard[]) => ModelShard[] = (shards) => shards;
  pageShardsMax = 100;
  pageRecordsMax = 1_000;
  iteratorsLiveMs = 15 * 60_000;
  /** So many pages are empty, and do not get on, although there are records. */
  emptyPages = 0;
  /** The last records of a closed shard come with one more iterator, whose page is empty. */
  endsWithEmptyPage = false;
  /** Milliseconds by which records say to be older than they are. */
  olderByMs = 0;
  readonly #keys: readonly string[];
  readonly #items = new Map<string, ModelItem>();
  #sequence = 0;
  #named = 0;
  /** Iterators of an earlier issue are expired. */
  #issue = 0;

  constructor(options: StreamModelOptions = {}) {
    streams += 1;
    this.arn = `arn:aws:dynamodb:eu-west-1:123456789012:table/t/stream/2026-01-01T00:00:00.${streams}`;
    this.viewType = options.viewType ?? "NEW_AND_OLD_IMAGES";
    this.filter = options.filter ?? "honoured";
    this.#keys = options.keys ?? ["pk"];
    for (let n = 0; n < (options.shards ?? 1); n++) this.addShard(undefined);
  }

  /** The open shards, the oldest first. */
  open(): ModelShard[] {
    return [...this.shards.values()].filter(({ lastSequence }) => lastSequence === undefined);
  }

  addShard(parent: string | undefined): ModelShard {
    this.#named += 1;
    const id = `shardId-${String(this.#named).padStart(20, "0")}-0000abcd`;
    const firstSequence = ++this.#sequence;
    const shard = { id, parent, records: [], firstSequence, horizon: 0, isListed: true };
    const added: ModelShard = { ...shard, lastSequence: undefined };
    this.shards.set(id, added);
    return added;
  }

  close(shard: ModelShard): void {
    shard.lastSequence ??= ++this.#sequence;
  }

  /** Closes the shard and lets this many others continue it. */
  split(shard: ModelShard, into = 2): ModelShard[] {
    this.close(shard);
    return Array.from({ length: into }, () => this.addShard(shard.id));
  }

  /** Both go on as one shard, which names only the first as its parent. */
  merge(first: ModelShard, second: ModelShard): ModelShard {
    this.close(first);
    this.close(second);
    return this.addShard(first.id);
  }

  disable(): void {
    for (const shard of this.open()) this.close(shard);
    this.status = "DISABLED";
  }

  /** Removes the shard's records, or the first few of them. */
  trim(shard: ModelShard, records = shard.records.length): void {
    shard.records.splice(0, records);
    shard.horizon = shard.records[0]?.sequence ?? this.#sequence + 1;
  }

  /** Every iterator given out so far is too old. */
  expireIterators(): void {
    this.#issue += 1;
  }

  /** Writes an item; returns its record, or undefined if nothing changed (then there is none). */
  put(item: ModelItem, shard = this.open()[0]): ModelRecord | undefined {
    return this.#write(item, item, shard);
  }

  remove(key: ModelItem, shard = this.open()[0]): ModelRecord | undefined {
    return this.#write(key, undefined, shard);
  }

  #write(
    key: ModelItem,
    after: ModelItem | undefined,
    shard: ModelShard | undefined,
  ): ModelRecord | undefined {
    if (shard?.lastSequence !== undefined) throw new Error(`${shard.id} is closed`);
    const Keys = Object.fromEntries(this.#keys.map((name) => [name, key[name]]));
    const name = JSON.stringify(Keys);
    const before = this.#items.get(name);
    if (JSON.stringify(before) === JSON.stringify(after)) return undefined;
    if (after === undefined) this.#items.delete(name);
    else this.#items.set(name, after);
    if (shard === undefined) return undefined;
    const eventName = before === undefined ? "INSERT" : after === undefined ? "REMOVE" : "MODIFY";
    return this.append(shard, eventName, {
      Keys,
      ...(after && this.viewType.includes("NEW") && { NewImage: after }),
      ...(before && this.viewType.includes("OLD") && { OldImage: before }),
    });
  }

  /** Appends any record, sensible or not. */
  append(shard: ModelShard, eventName: string, dynamodb: object): ModelRecord {
    const sequence = ++this.#sequence;
    const seconds = Math.floor((Date.now() - this.olderByMs) / 1_000);
    const appended = {
      sequence,
      record: {
        eventID: `event-${sequence}`,
        eventName,
        eventVersion: "1.1",
        eventSource: "aws:dynamodb",
        awsRegion: "eu-west-1",
        dynamodb: {
          ApproximateCreationDateTime: seconds,
          SequenceNumber: sequenceText(sequence),
          SizeBytes: 10,
          StreamViewType: this.viewType,
          ...dynamodb,
        },
      },
    };
    shard.records.push(appended);
    return appended;
  }

  describe({ Limit, ExclusiveStartShardId, ShardFilter }: Value): object {
    if (ShardFilter !== undefined && this.filter === "refused")
      return invalid("Unknown parameter: ShardFilter");
    const asked = this.filter === "honoured" ? (ShardFilter as { ShardId?: string } | undefined) : undefined;
    const listed = this.listed([...this.shards.values()].filter(({ isListed }) => isListed));
    const wanted = asked ? listed.filter(({ parent }) => parent === asked.ShardId) : listed;
    const from = wanted.findIndex(({ id }) => id === ExclusiveStartShardId) + 1;
    const rest = ExclusiveStartShardId !== undefined && from === 0 ? [] : wanted.slice(from);
    const page = rest.slice(0, Math.min(Number(Limit ?? 100), this.pageShardsMax));
    const last = page.at(-1);
    const more = last !== undefined && page.length < rest.length;
    return {
      StreamDescription: {
        StreamArn: this.arn,
        StreamStatus: this.status,
        StreamViewType: this.viewType,
        Shards: page.map(shardDescription),
        ...(more && { LastEvaluatedShardId: last.id }),
      },
    };
  }

  iterator({ ShardId, ShardIteratorType, SequenceNumber }: Value): object {
    const shard = this.shards.get(String(ShardId));
    if (shard === undefined) return scriptedError("ResourceNotFoundException", "Shard does not exist");
    const sequence = this.#start(shard, String(ShardIteratorType), SequenceNumber);
    if (typeof sequence !== "number") return sequence;
    return { ShardIterator: this.#token(shard, sequence) };
  }

  #start(shard: ModelShard, type: string, SequenceNumber: unknown): number | ScriptedReply {
    if (type === "TRIM_HORIZON") return Math.max(shard.firstSequence, shard.horizon);
    if (type === "LATEST") return this.#sequence + 1;
    const sequence = Number(SequenceNumber);
    const last = shard.lastSequence ?? this.#sequence;
    if (!(sequence >= shard.firstSequence && sequence <= last)) {
      return invalid("Invalid SequenceNumber for the shard");
    }
    const from = type === "AFTER_SEQUENCE_NUMBER" ? sequence + 1 : sequence;
    return from < shard.horizon ? scriptedError("TrimmedDataAccessException") : from;
  }

  records({ ShardIterator, Limit }: Value): object {
    const iterator = parseToken(ShardIterator);
    if (iterator === undefined) return invalid("Invalid ShardIterator");
    const shard = this.shards.get(iterator.shard);
    const isOld = Date.now() - iterator.issuedAtMs > this.iteratorsLiveMs;
    if (iterator.issue < this.#issue || isOld) return scriptedError("ExpiredIteratorException");
    if (shard === undefined || iterator.sequence < shard.horizon) {
      return scriptedError("TrimmedDataAccessException");
    }
    const rest = shard.records.filter(({ sequence }) => sequence >= iterator.sequence);
    if (rest.length > 0 && this.emptyPages > 0) {
      this.emptyPages -= 1;
      return { Records: [], NextShardIterator: this.#token(shard, iterator.sequence) };
    }
    const page = rest.slice(0, Math.min(Number(Limit ?? 1_000), this.pageRecordsMax));
    const ended = shard.lastSequence !== undefined && page.length === rest.length;
    const isLast = ended && !(this.endsWithEmptyPage && page.length > 0);
    const next = this.#token(shard, (page.at(-1)?.sequence ?? iterator.sequence - 1) + 1);
    return { Records: page.map(({ record }) => record), ...(!isLast && { NextShardIterator: next }) };
  }

  #token(shard: ModelShard, sequence: number): string {
    const iterator: Iterator = { shard: shard.id, sequence, issue: this.#issue, issuedAtMs: Date.now() };
    return `${this.arn}|${Buffer.from(JSON.stringify(iterator)).toString("base64")}`;
  }
}

/** The stream that an iterator belongs to. */
export function arnOfIterator(token: unknown): string {
  return String(token).split("|")[0] ?? "";
}

function parseToken(token: unknown): Iterator | undefined {
  try {
    return JSON.parse(Buffer.from(String(token).split("|")[1] ?? "", "base64").toString()) as Iterator;
  } catch {
    return undefined;
  }
}

function shardDescription({ id, parent, firstSequence, lastSequence }: ModelShard): object {
  const end = lastSequence !== undefined && { EndingSequenceNumber: sequenceText(lastSequence) };
  return {
    ShardId: id,
    SequenceNumberRange: { StartingSequenceNumber: sequenceText(firstSequence), ...end },
    ...(parent !== undefined && { ParentShardId: parent }),
  };
}

function invalid(message: string): ScriptedReply {
  return new ScriptedReply(400, { __type: "com.amazon.coral.validate#ValidationException", message });
}
