/** What the guard counts: kinds of requests, each answered by a proxy of its own. */

import { sdks } from "../test/support/sdk-requests.ts";
import { signedRequest, testKey } from "../test/support/signing.ts";
import { pageItemBytes, plainTable } from "./servers/any-key.ts";

export interface GuardRow {
  readonly id: string;
  readonly operation: "GetItem" | "BatchGetItem" | "Query" | "PutItem";
  /** The n-th of `distinct` different requests. */
  readonly input: (n: number) => object;
  readonly distinct: number;
  /** What x-dynatier-cache says of a measured reply. */
  readonly cache: string;
  /** Settings of the proxy, beyond those of every row. */
  readonly flags?: readonly string[];
  readonly isSigned?: true;
  readonly headers?: readonly string[];
  readonly needsRedis?: true;
  /** Measured replies, out of those of GetItem hits: what takes longer is asked for less often. */
  readonly share: number;
}

const itemBytes = "300";
const keyOf = (n: number, prefix = "user") => ({
  pk: { S: `${prefix}#${String(n).padStart(6, "0")}` },
  sk: { S: itemBytes },
});
const getItem = (n: number, more: object = {}) => ({ TableName: plainTable, Key: keyOf(n), ...more });
const batchKeys = 25;
/** Memory so small that what is asked for in turn is never there when its turn comes; and no time-out of a busy machine. */
const farOnly = [
  ...["--cache-bytes-max=65536", "--streams=off", "--fresh-within-ms=600000"],
  ...["--redis-lookup-timeout-ms=10000", "--redis-invalidate-timeout-ms=10000"],
];

export const guardRows: readonly GuardRow[] = [
  {
    id: "getitem-hit",
    operation: "GetItem",
    input: (n) => getItem(n),
    distinct: 100,
    cache: "hit; tier=memory",
    share: 1,
  },
  {
    id: "getitem-hit-signed",
    operation: "GetItem",
    input: (n) => getItem(n),
    distinct: 100,
    cache: "hit; tier=memory",
    isSigned: true,
    share: 0.5,
  },
  {
    id: "getitem-hit-projected",
    operation: "GetItem",
    input: (n) =>
      getItem(n, { ProjectionExpression: "#s, sk", ExpressionAttributeNames: { "#s": "status" } }),
    distinct: 100,
    cache: "hit; tier=memory",
    share: 0.5,
  },
  {
    id: "getitem-hit-negative",
    operation: "GetItem",
    input: (n) => ({ TableName: plainTable, Key: keyOf(n, "none") }),
    distinct: 100,
    cache: "negative-hit; tier=memory",
    share: 1,
  },
  {
    id: "query-hit-25",
    operation: "Query",
    input: (n) => ({
      TableName: plainTable,
      KeyConditionExpression: "#pk = :pk",
      ExpressionAttributeNames: { "#pk": "pk" },
      ExpressionAttributeValues: { ":pk": keyOf(n).pk },
    }),
    distinct: 100,
    cache: "hit; tier=memory",
    share: 0.5,
  },
  {
    id: "batchgetitem-hit-25",
    operation: "BatchGetItem",
    input: (n) => ({
      RequestItems: {
        [plainTable]: { Keys: Array.from({ length: batchKeys }, (_, at) => keyOf(n * batchKeys + at)) },
      },
    }),
    distinct: 20,
    cache: `hit; tier=memory; items=${batchKeys}/${batchKeys}`,
    share: 0.5,
  },
  {
    id: "getitem-miss",
    operation: "GetItem",
    input: (n) => getItem(n),
    distinct: 100,
    headers: ["x-dynatier-cache-control: no-cache"],
    cache: "miss; reason=no-cache",
    share: 0.2,
  },
  {
    id: "putitem",
    operation: "PutItem",
    input: (n) => ({ TableName: plainTable, Item: { ...keyOf(n), note: { S: "n".repeat(pageItemBytes) } } }),
    distinct: 100,
    cache: "write",
    share: 0.2,
  },
  {
    id: "getitem-hit-redis",
    operation: "GetItem",
    input: (n) => getItem(n),
    distinct: 400,
    cache: "hit; tier=redis",
    flags: farOnly,
    needsRedis: true,
    share: 0.2,
  },
];

/** The bytes of all requests of a row, as an SDK sends them. */
export async function requestsOf({
  operation,
  input,
  distinct,
  isSigned,
  headers = [],
}: GuardRow): Promise<string[]> {
  return Promise.all(
    Array.from({ length: distinct }, async (_, n) => {
      const body = JSON.stringify(input(n));
      const plain = sdkLines(operation, body);
      const lines = isSigned ? await signedLines(plain, body) : plain;
      return ["POST / HTTP/1.1", ...lines, ...headers, "", body].join("\r\n");
    }),
  );
}

function sdkLines(operation: string, body: string): string[] {
  const length = String(Buffer.byteLength(body));
  return (sdks.javascript ?? []).map((line) =>
    line.replace("LENGTH", length).replace(/(?<=^x-amz-target: .*\.)\w+$/, operation),
  );
}

async function signedLines(lines: readonly string[], body: string): Promise<string[]> {
  const unsigned = lines
    .map((line) => line.split(": ", 2))
    .filter(([name = ""]) => !/^(authorization|x-amz-date|x-amz-content-sha256|connection)$/.test(name));
  const { accessKeyId, secretAccessKey } = testKey;
  const headers = Object.fromEntries(unsigned);
  const { rawHeaders } = await signedRequest({ accessKeyId, secretAccessKey, body, headers });
  return rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1]}`] : []));
}
