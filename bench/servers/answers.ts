/** What the bare servers do, and what a cache must do at the least: JSON.parse, a Map look-up, one reply. */

import { crc32 } from "node:zlib";
import { itemsPerPartition, type Key, PROFILES, partitionKey, profileAt } from "../data.ts";
import { type Workload, workloads } from "../workloads.ts";

/** As long as the request id of DynamoDB and of the proxy. */
const requestId = "BENCH".padEnd(52, "0");

export interface Answer {
  readonly body: Buffer;
  /** The headers that the proxy sends with a hit. */
  readonly headers: Readonly<Record<string, string | number>>;
}

/** The requests of workloads.ts, and no others. */
interface Requests {
  readonly Key: Key;
  readonly ExpressionAttributeValues: { readonly ":pk": { readonly S: string } };
  readonly RequestItems: Readonly<Record<string, { readonly Keys: readonly Key[] }>>;
}

interface Stored {
  readonly body: Buffer;
  readonly crc: number;
}

function stored(reply: object): Stored {
  const body = Buffer.from(JSON.stringify(reply));
  return { body, crc: crc32(body) };
}

function answerOf({ body, crc }: Stored, cache: string): Answer {
  const headers = {
    "content-type": "application/x-amz-json-1.0",
    "content-length": body.byteLength,
    "x-amzn-requestid": requestId,
    "x-amz-crc32": crc,
    "x-dynatier-cache": cache,
  };
  return { body, headers };
}

function nameOf(key: Key): string {
  return `${key.pk.S}\0${key.sk.S}`;
}

const comma = Buffer.from(",");
const head = Buffer.from(`{"Responses":{${JSON.stringify(PROFILES)}:[`);
const tail = Buffer.from(`]},"UnprocessedKeys":{}}`);

/**
 * @param partitions how large the tables are
 * @returns answers a request by its x-amz-target; undefined for other operations than those of workloads.ts
 */
export function answers(partitions: number): (target: string, body: Buffer) => Answer | undefined {
  const { GetItem, Query } = workloads(partitions);
  const pages = new Map<string, Stored>();
  const items = new Map<string, Stored>();
  const itemBytes = new Map<string, Buffer>();
  for (let partition = 0; partition < partitions; partition += 1)
    pages.set(partitionKey(partition), stored(Query.reply(partition)));
  for (let place = 0; place < partitions * itemsPerPartition; place += 1) {
    const profile = profileAt(place);
    items.set(nameOf(profile), stored(GetItem.reply(place)));
    itemBytes.set(nameOf(profile), Buffer.from(JSON.stringify(profile)));
  }

  const batch = (keys: readonly Key[]): Answer => {
    const chunks: Buffer[] = [head];
    for (const key of keys) {
      if (chunks.length > 1) chunks.push(comma);
      chunks.push(itemBytes.get(nameOf(key))!);
    }
    chunks.push(tail);
    const body = Buffer.concat(chunks);
    return answerOf({ body, crc: crc32(body) }, `hit; tier=memory; items=${keys.length}/${keys.length}`);
  };
  const one = (found: Stored | undefined): Answer | undefined => found && answerOf(found, "hit; tier=memory");

  const byOperation: Readonly<Record<Workload["operation"], (request: Requests) => Answer | undefined>> = {
    GetItem: ({ Key }) => one(items.get(nameOf(Key))),
    Query: ({ ExpressionAttributeValues }) => one(pages.get(ExpressionAttributeValues[":pk"].S)),
    BatchGetItem: ({ RequestItems }) => batch(RequestItems[PROFILES]?.Keys ?? []),
  };
  const byTarget = new Map(
    Object.entries(byOperation).map(([name, answer]) => [`DynamoDB_20120810.${name}`, answer]),
  );
  return (target, body) => byTarget.get(target)?.(JSON.parse(body.toString()));
}
