/** What is asked, byte for byte as AWS SDK for JavaScript v3 sends it, and what the answer must be. */

import { createHash } from "node:crypto";
import { itemsPerPartition, orderAt, ordersOf, partitionKey, TABLE } from "./data.ts";
import { seeded, zipfian } from "./random.ts";

export type WorkloadName = "GetItem" | "Query" | "BatchGetItem";

export interface Prepared {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Workload {
  readonly operation: WorkloadName;
  /** How many different requests there are; each has a number from 0. */
  readonly distinct: number;
  /** Look-ups in the cache that one request makes. */
  readonly lookups: number;
  input(request: number): object;
  /** The reply's body. Its length is the same for every request. */
  reply(request: number): Record<string, unknown>;
}

export const batchKeys = 25;
/** Distinct batches that are prepared; their keys overlap. */
const batches = 200;

function keyAt(place: number): object {
  const { pk, sk } = orderAt(place);
  return { pk, sk };
}

/** The workloads over a table of so many partitions. */
export function workloads(partitions: number): Readonly<Record<WorkloadName, Workload>> {
  const items = partitions * itemsPerPartition;
  const batchPlaces = Array.from({ length: batches }, (_, batch) => {
    const choose = zipfian(items, seeded(1000 + batch));
    const places = new Set<number>();
    while (places.size < batchKeys) places.add(choose());
    return [...places];
  });
  return {
    GetItem: {
      operation: "GetItem",
      distinct: items,
      lookups: 1,
      input: (request) => ({ TableName: TABLE, Key: keyAt(request) }),
      reply: (request) => ({ Item: orderAt(request) }),
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
    BatchGetItem: {
      operation: "BatchGetItem",
      distinct: batches,
      lookups: batchKeys,
      input: (request) => ({ RequestItems: { [TABLE]: { Keys: batchPlaces[request]!.map(keyAt) } } }),
      reply: (request) => ({
        Responses: { [TABLE]: batchPlaces[request]!.map(orderAt) },
        UnprocessedKeys: {},
      }),
    },
  };
}

/** Different requests that one connection sends before it starts over. */
const requestsPerConnection = 400;

/** For each connection the numbers of the requests that it sends, zipfian. */
export function sequences(workload: Workload, connections: number): number[][] {
  const choose = zipfian(workload.distinct, seeded(1));
  return Array.from({ length: connections }, () => Array.from({ length: requestsPerConnection }, choose));
}

/** The same many, one after the other through all there are: what a small memory has, it has forgotten when its turn comes. */
export function turns(workload: Workload, connections: number): number[][] {
  const each = Math.min(requestsPerConnection, Math.max(1, Math.floor(workload.distinct / connections)));
  return Array.from({ length: connections }, (_, connection) =>
    Array.from({ length: each }, (_, at) => (connection * each + at) % workload.distinct),
  );
}

/** The numbers of all requests that the load sends, each once. */
export function requestsOfLoad(workload: Workload, connections: number): number[] {
  return [...new Set(sequences(workload, connections).flat())];
}

/** A request as the SDK sends it, but for the Host, Connection and Content-Length that the sender adds. */
export function prepare(workload: Workload, request: number, noCache: boolean): Prepared {
  const body = JSON.stringify(workload.input(request));
  const sha256 = createHash("sha256").update(body).digest("hex");
  const headers = {
    "content-type": "application/x-amz-json-1.0",
    "x-amz-target": `DynamoDB_20120810.${workload.operation}`,
    "x-amz-user-agent": "aws-sdk-js/3.1163.0",
    "user-agent":
      "aws-sdk-js/3.1163.0 ua/2.1 os/linux#6.1.0 lang/js md/nodejs#26.10.0 api/dynamodb#3.1163.0 m/N,E,P,e",
    "amz-sdk-invocation-id": sha256
      .slice(0, 32)
      .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
    "amz-sdk-request": "attempt=1; max=4",
    "x-amz-date": "20260101T000000Z",
    "x-amz-content-sha256": sha256,
    authorization:
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=" +
      "amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;host;x-amz-content-sha256;" +
      `x-amz-date;x-amz-target;x-amz-user-agent, Signature=${sha256}`,
    ...(noCache && { "x-dynatier-cache-control": "no-cache" }),
  };
  return { headers, body };
}
