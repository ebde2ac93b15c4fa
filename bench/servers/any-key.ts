/**
 * A DynamoDB with every item there could be, for benchmarks that need many: it keeps none, and makes each up from its key.
 * The sort key says how many bytes the item has; partitions that begin with `none#` have no items; writes change nothing.
 * The table `followed` has a stream, which tells of so many changes a second as were last asked for (GET /?changes=N).
 *
 * As a program: `node bench/servers/any-key.ts`, says where it listens.
 */

import { createServer, type IncomingMessage } from "node:http";
import { fileURLToPath } from "node:url";
import { announce, urlOf } from "./announce.ts";

export const plainTable = "plain";
export const followedTable = "followed";
/** What a Query gives, whatever it asks for. */
export const pageItems = 25;
export const pageItemBytes = 300;
/** Partitions of which the stream tells, in turn: others than those that anybody reads. */
const changedPartitions = 100_000;
export const changedItemBytes = 300;
/** API_streams_GetRecords: the most records in one answer. */
const recordsMax = 1000;
const shard = "shardId-00000000000000000001-0000abcd";

interface Key {
  readonly pk: { readonly S: string };
  readonly sk: { readonly S: string };
}

/** Of the requests that are answered, what their answers depend on. */
interface Input {
  readonly TableName?: string;
  readonly Key?: Key;
  readonly ExpressionAttributeValues?: { readonly ":pk"?: { readonly S: string } };
  readonly RequestItems?: Readonly<Record<string, { readonly Keys: readonly Key[] }>>;
  readonly ShardIterator?: string;
}

const streamArn = (table: string): string => `${tableArn(table)}/stream/2026-01-01T00:00:00.000`;
const tableArn = (table: string): string => `arn:aws:dynamodb:us-east-1:000000000000:table/${table}`;

/** The item as JSON text, `bytes` long if that is enough for its keys. Undefined: there is none. */
export function itemText(pk: string, sk: string): string | undefined {
  if (pk.startsWith("none#")) return undefined;
  const head = `{"pk":{"S":"${pk}"},"sk":{"S":"${sk}"},"status":{"S":"shipped"},"note":{"S":"`;
  return `${head}${"n".repeat(Math.max(0, Number(sk) - head.length - 3))}"}}`;
}

export function description(table: string): object {
  const keys = [
    ["pk", "HASH"],
    ["sk", "RANGE"],
  ] as const;
  return {
    Table: {
      ...{ TableName: table, TableArn: tableArn(table), TableId: "1", TableStatus: "ACTIVE" },
      CreationDateTime: 1,
      AttributeDefinitions: keys.map(([AttributeName]) => ({ AttributeName, AttributeType: "S" })),
      KeySchema: keys.map(([AttributeName, KeyType]) => ({ AttributeName, KeyType })),
      ...(table === followedTable && {
        LatestStreamArn: streamArn(table),
        StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" },
      }),
    },
  };
}

/** The records of a stream that has so many changes a second since it was told to. */
class Changes {
  #perSecond = 0;
  #sinceMs = 0;
  #begunWith = 0;

  set(perSecond: number): void {
    this.#begunWith = this.#count();
    this.#sinceMs = performance.now();
    this.#perSecond = perSecond;
  }

  /** At the next record that there will be, whatever position was asked for. */
  iterator(): object {
    return { ShardIterator: String(this.#count()) };
  }

  records(iterator: number): string {
    const end = Math.min(this.#count(), iterator + recordsMax);
    const nowSeconds = Math.floor(Date.now() / 1000);
    const texts: string[] = [];
    for (let at = iterator; at < end; at += 1) texts.push(recordText(at, nowSeconds));
    return `{"Records":[${texts.join()}],"NextShardIterator":"${end}"}`;
  }

  #count(): number {
    return this.#begunWith + Math.floor(((performance.now() - this.#sinceMs) * this.#perSecond) / 1000);
  }
}

/** One record of GetRecords: an item that others than the proxy have changed. */
export function recordText(at: number, nowSeconds: number, pk = changedPartition(at)): string {
  const sk = String(changedItemBytes);
  const image = itemText(pk, sk);
  return (
    `{"eventID":"${at}","eventName":"MODIFY","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"us-east-1",` +
    `"dynamodb":{"ApproximateCreationDateTime":${nowSeconds},"Keys":{"pk":{"S":"${pk}"},"sk":{"S":"${sk}"}},` +
    `"NewImage":${image},"OldImage":${image},"SequenceNumber":"${String(at).padStart(21, "0")}",` +
    `"SizeBytes":${2 * changedItemBytes},"StreamViewType":"NEW_AND_OLD_IMAGES"}}`
  );
}

const changedPartition = (at: number): string => `changed#${String(at % changedPartitions).padStart(6, "0")}`;

export interface AnyKeyUpstream {
  readonly url: string;
  /** Requests answered so far, those about streams and tables not counted. */
  readonly count: number;
  close(): void;
}

/** Starts it on a free loopback port. */
export async function startAnyKeyUpstream(): Promise<AnyKeyUpstream> {
  const changes = new Changes();
  let count = 0;
  const answers: Readonly<Record<string, (input: Input) => string | object>> = {
    DescribeTable: ({ TableName = "" }) => description(TableName),
    DescribeStream: () => ({
      StreamDescription: {
        ...{ StreamArn: streamArn(followedTable), StreamStatus: "ENABLED", TableName: followedTable },
        StreamViewType: "NEW_AND_OLD_IMAGES",
        Shards: [{ ShardId: shard, SequenceNumberRange: { StartingSequenceNumber: "0".repeat(21) } }],
      },
    }),
    GetShardIterator: () => changes.iterator(),
    GetRecords: ({ ShardIterator }) => changes.records(Number(ShardIterator)),
    GetItem: ({ Key }) => {
      const item = itemText(Key?.pk.S ?? "", Key?.sk.S ?? "");
      return item === undefined ? "{}" : `{"Item":${item}}`;
    },
    BatchGetItem: ({ RequestItems = {} }) => {
      const tables = Object.entries(RequestItems).map(([table, { Keys }]) => {
        const items = Keys.map(({ pk, sk }) => itemText(pk.S, sk.S)).filter((item) => item !== undefined);
        return `${JSON.stringify(table)}:[${items.join()}]`;
      });
      return `{"Responses":{${tables.join()}},"UnprocessedKeys":{}}`;
    },
    Query: ({ ExpressionAttributeValues }) => {
      const pk = ExpressionAttributeValues?.[":pk"]?.S ?? "";
      const items = Array.from({ length: pageItems }, (_, at) => itemText(pk, `${pageItemBytes}.${at + 10}`));
      return `{"Items":[${items.join()}],"Count":${pageItems},"ScannedCount":${pageItems}}`;
    },
    PutItem: () => "{}",
  };
  const server = createServer(async (request, response) => {
    const changesWanted = new URL(request.url ?? "/", "http://localhost").searchParams.get("changes");
    if (changesWanted !== null) {
      changes.set(Number(changesWanted));
      response.end();
      return;
    }
    const operation = String(request.headers["x-amz-target"]).split(".")[1] ?? "";
    const input: Input = JSON.parse(await textOf(request));
    const answer = answers[operation]?.(input);
    if (!/Table|Stream|Records|Iterator/.test(operation)) count += 1;
    const body = typeof answer === "string" ? answer : JSON.stringify(answer ?? { __type: "Unknown" });
    response.writeHead(answer === undefined ? 400 : 200, {
      "content-type": "application/x-amz-json-1.0",
      "content-length": Buffer.byteLength(body),
    });
    response.end(body);
  });
  server.keepAliveTimeout = 600_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: urlOf(server),
    get count() {
      return count;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) announce((await startAnyKeyUpstream()).url);
