/** What is asked where nothing is written, and what the answer must be. */

import {
  itemsPerPartition,
  ordersOf,
  PROFILES,
  partitionKey,
  profileAt,
  profileKeyAt,
  TABLE,
} from "./data.ts";
import { seeded, zipfian } from "./random.ts";

export type WorkloadName = "GetItem" | "Query" | "BatchGetItem" | "BatchGetItem100";

export interface Workload {
  readonly operation: "GetItem" | "Query" | "BatchGetItem";
  /** How many different requests there are; each has a number from 0. */
  readonly distinct: number;
  /** Look-ups in the cache that one request makes. */
  readonly lookups: number;
  input(request: number): object;
  /** The reply's body. */
  reply(request: number): Record<string, unknown>;
}

/** Distinct batches that are prepared; their keys overlap. */
const batches = 200;

/** The workloads over tables of so many partitions. */
export function workloads(partitions: number): Readonly<Record<WorkloadName, Workload>> {
  const items = partitions * itemsPerPartition;
  return {
    GetItem: {
      operation: "GetItem",
      distinct: items,
      lookups: 1,
      input: (request) => ({ TableName: PROFILES, Key: profileKeyAt(request) }),
      reply: (request) => ({ Item: profileAt(request) }),
    },
    Query: {
      operation: "Query",
      distinct: partitions,
      lookups: 1,
      input: (request) => ({
        TableName: TABLE,
        KeyConditionExpression: "#pk = :pk",
        ExpressionAttributeNames: { "#pk": "pk" },
        ExpressionAttributeValues: { ":pk": { S: partitionKey(request) } },
      }),
      reply: (request) => ({
        Items: ordersOf(request),
        Count: itemsPerPartition,
        ScannedCount: itemsPerPartition,
      }),
    },
    BatchGetItem: batchesOf(25, items),
    BatchGetItem100: batchesOf(100, items),
  };
}

function batchesOf(keys: number, items: number): Workload {
  let places: readonly (readonly number[])[] | undefined;
  // Not made for those who send none.
  const placesOf = (batch: number): readonly number[] => {
    places ??= chosen(keys, items);
    return places[batch]!;
  };
  return {
    operation: "BatchGetItem",
    distinct: batches,
    lookups: keys,
    input: (batch) => ({ RequestItems: { [PROFILES]: { Keys: placesOf(batch).map(profileKeyAt) } } }),
    reply: (batch) => ({ Responses: { [PROFILES]: placesOf(batch).map(profileAt) }, UnprocessedKeys: {} }),
  };
}

/** For each batch so many different places, zipfian. */
function chosen(keys: number, items: number): number[][] {
  const choose = zipfian(items, seeded(1000 + keys));
  return Array.from({ length: batches }, () => {
    const places = new Set<number>();
    while (places.size < keys) places.add(choose());
    return [...places];
  });
}

/** Requests that one connection sends before it starts over; fewer where there are fewer different ones. */
const requestsPerConnection = 400;

/** For each connection the numbers of the requests that it sends, zipfian. */
export function sequences(workload: Workload, connections: number): number[][] {
  const choose = zipfian(workload.distinct, seeded(1));
  const length = Math.min(requestsPerConnection, workload.distinct);
  return Array.from({ length: connections }, () => Array.from({ length }, choose));
}

/** The same many, one after the other through all there are: what a small memory has, it has forgotten when its turn comes. */
export function turns(workload: Workload, connections: number): number[][] {
  const each = Math.min(requestsPerConnection, Math.max(1, Math.floor(workload.distinct / connections)));
  return Array.from({ length: connections }, (_, connection) =>
    Array.from({ length: each }, (_, at) => (connection * each + at) % workload.distinct),
  );
}
