/**
 * YCSB's core workloads A to F in DynamoDB's terms, zipfian 0.99, one field of varying size in each record. Reads are
 * GetItem, updates UpdateItem, inserts PutItem; a scan is a Query of a partition from a sort key on, with a Limit. F's
 * read-modify-write is a GetItem and then an UpdateItem. No read may show less than a write that was acknowledged before
 * the read was sent: every item has a version, and every reply is held against what is known.
 */

import { fill, itemSizes, type Key } from "./data.ts";
import { sdkOf } from "./exchanges.ts";
import { logNormal, seeded, zipfian, zipfianRank } from "./random.ts";
import type { Exchange, Source } from "./replay.ts";
import type { Sender } from "./sdk-forms.ts";

export const ycsbNames = ["A", "B", "C", "D", "E", "F"] as const;
export type YcsbName = (typeof ycsbNames)[number];

export const YCSB = "bench-ycsb";
const perPartition = 100;
/** YCSB's maxscanlength, uniform. */
const scanItemsMax = 100;
/** One scan of so many is compared item by item. */
const scanSampleEvery = 8;
/** Versions keep their number of digits. */
const firstVersion = 1_000_000;

type Step = "read" | "update" | "insert" | "scan" | "modify";

/** The shares of each workload; the last one takes what is left. */
const mixes: Readonly<Record<YcsbName, readonly (readonly [Step, number])[]>> = {
  A: [
    ["read", 0.5],
    ["update", 1],
  ],
  B: [
    ["read", 0.95],
    ["update", 1],
  ],
  C: [["read", 1]],
  D: [
    ["read", 0.95],
    ["insert", 1],
  ],
  E: [
    ["scan", 0.95],
    ["insert", 1],
  ],
  F: [
    ["read", 0.5],
    ["modify", 1],
  ],
};

/** The words of the report. */
export const ycsbTitles: Readonly<Record<YcsbName, string>> = {
  A: "50 % reads, 50 % updates",
  B: "95 % reads, 5 % updates",
  C: "reads only",
  D: "95 % reads of the latest, 5 % inserts",
  E: "95 % scans, 5 % inserts",
  F: "50 % reads, 50 % read-modify-write",
};

function keyOf(place: number): Key {
  const [partition, position] = [Math.floor(place / perPartition), place % perPartition];
  return { pk: { S: `user#${partition}` }, sk: { S: String(position).padStart(3, "0") } };
}

/** The field's text. Every item keeps its size for good. */
function fieldOf(place: number, letter: string): string {
  return letter.repeat(logNormal(itemSizes, seeded(place)));
}

function recordOf(place: number, key: Key): object {
  return { ...key, v: { N: String(firstVersion) }, field0: { S: fieldOf(place, "a") } };
}

export function fillYcsb(url: string, records: number): Promise<void> {
  return fill(url, YCSB, records, (place) => recordOf(place, keyOf(place)));
}

interface Item {
  readonly key: Key;
  /** The version that a writer has been told of last. */
  version: number;
}

/** One run of a workload. Different seeds insert different items. */
export class Ycsb {
  readonly #sender: Sender;
  /** D reads what was inserted last. */
  readonly #isLatest: boolean;
  readonly #mix: readonly (readonly [Step, number])[];
  readonly #base: number;
  readonly #seed: number;
  readonly #random: () => number;
  readonly #zipfian: () => number;
  readonly #latest: () => number;
  /** The table's records, then those that this run has inserted and been told so. */
  readonly #records: Item[];
  readonly #insertedInto = new Map<string, string[]>();
  /** F: what each connection has read and now writes. */
  readonly #modifying = new Map<number, number>();
  #inserts = 0;
  #scans = 0;

  constructor(name: YcsbName, records: number, sender: Sender, seed: number) {
    this.#sender = sender;
    this.#mix = mixes[name];
    this.#base = records;
    this.#seed = seed;
    this.#random = seeded(seed);
    this.#zipfian = zipfian(records, this.#random);
    this.#latest = zipfianRank(records, this.#random);
    this.#records = Array.from({ length: records }, (_, place) => ({
      key: keyOf(place),
      version: firstVersion,
    }));
    this.#isLatest = name === "D";
  }

  readonly source: Source = (connection) => {
    const modified = this.#modifying.get(connection);
    if (modified !== undefined) {
      this.#modifying.delete(connection);
      return this.#update(connection, modified);
    }
    const drawn = this.#random();
    const step = this.#mix.find(([, share]) => drawn < share)![0];
    return this.#steps[step](connection);
  };

  readonly #steps: Readonly<Record<Step, (connection: number) => Exchange>> = {
    read: (connection) => this.#read(connection, this.#choose()),
    update: (connection) => this.#update(connection, this.#zipfian()),
    insert: (connection) => this.#insert(connection),
    scan: (connection) => this.#scan(connection),
    modify: (connection) => {
      const place = this.#zipfian();
      this.#modifying.set(connection, place);
      return this.#read(connection, place);
    },
  };

  #choose(): number {
    return this.#isLatest ? this.#records.length - 1 - this.#latest() : this.#zipfian();
  }

  #exchange(connection: number, operation: string, input: object, look: Exchange["look"]): Exchange {
    const bytes = this.#sender.bytes(sdkOf(connection), { operation, input });
    return { bytes, bodyBytes: undefined, look };
  }

  #read(connection: number, place: number): Exchange {
    const record = this.#records[place]!;
    const { key, version: known } = record;
    return this.#exchange(connection, "GetItem", { TableName: YCSB, Key: key }, (_head, body) => {
      const found = versionIn(body);
      if (!body.includes(`"${key.pk.S}"`)) return `another item than ${JSON.stringify(key)}`;
      return found >= known ? undefined : `stale: version ${found} after ${known} was acknowledged`;
    });
  }

  #update(connection: number, place: number): Exchange {
    const record = this.#records[place]!;
    const letter = String.fromCharCode(98 + Math.floor(this.#random() * 24));
    const input = {
      TableName: YCSB,
      Key: record.key,
      UpdateExpression: "SET field0 = :f ADD v :one",
      ExpressionAttributeValues: { ":f": { S: fieldOf(place, letter) }, ":one": { N: "1" } },
      ReturnValues: "UPDATED_NEW",
    };
    return this.#exchange(connection, "UpdateItem", input, (_head, body) => {
      const version = versionIn(body);
      if (!(version > firstVersion)) return "an update without a version";
      record.version = Math.max(record.version, version);
      return undefined;
    });
  }

  /** Somewhere among the others, as YCSB's hashed keys are. */
  #insert(connection: number): Exchange {
    const near = keyOf(Math.floor(this.#random() * this.#base));
    const key = { pk: near.pk, sk: { S: `${near.sk.S}-${this.#seed}-${this.#inserts++}` } };
    const input = { TableName: YCSB, Item: recordOf(this.#base + this.#inserts, key) };
    return this.#exchange(connection, "PutItem", input, () => {
      this.#records.push({ key, version: firstVersion });
      const others = this.#insertedInto.get(key.pk.S);
      if (others === undefined) this.#insertedInto.set(key.pk.S, [key.sk.S]);
      else others.push(key.sk.S);
      return undefined;
    });
  }

  #scan(connection: number): Exchange {
    const { pk, sk } = keyOf(this.#zipfian());
    const Limit = 1 + Math.floor(this.#random() * scanItemsMax);
    const input = {
      TableName: YCSB,
      Limit,
      KeyConditionExpression: "pk = :p AND sk >= :s",
      ExpressionAttributeValues: { ":p": pk, ":s": sk },
    };
    const inserted = this.#insertedInto.get(pk.S);
    // Later ones may be in the reply, these must.
    const known = inserted?.length ?? 0;
    const isSample = this.#scans++ % scanSampleEvery === 0;
    return this.#exchange(connection, "Query", input, (_head, body) =>
      isSample ? scanFault(body, sk.S, Limit, inserted?.slice(0, known) ?? []) : undefined,
    );
  }
}

/** The items in order, from the first key on, none missing of those that the table had. */
function scanFault(
  body: Buffer,
  from: string,
  limit: number,
  inserted: readonly string[],
): string | undefined {
  const { Items }: { Items: readonly Key[] } = JSON.parse(body.toString());
  const found = Items.map(({ sk }) => sk.S);
  if (found.length > limit) return `a scan of ${found.length} items, the limit being ${limit}`;
  if (found.some((sk, at) => sk < (found[at - 1] ?? from))) return "a scan out of order";
  const last = found.length === limit ? found.at(-1)! : undefined;
  const base = Array.from({ length: perPartition }, (_, position) => String(position).padStart(3, "0"));
  const have = new Set(found);
  const missing = [...base, ...inserted].find(
    (sk) => sk >= from && (last === undefined || sk <= last) && !have.has(sk),
  );
  return missing === undefined ? undefined : `a scan from ${from} without ${missing}`;
}

const versionMark = '"v":{"N":"';
const versionDigits = String(firstVersion).length;

/** NaN where there is none. */
function versionIn(body: Buffer): number {
  const at = body.indexOf(versionMark) + versionMark.length;
  return at < versionMark.length ? Number.NaN : Number(body.toString("latin1", at, at + versionDigits));
}
