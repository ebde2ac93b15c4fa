// A DynamoDB with one table (pk:S, sk:S) and just enough of PutItem, GetItem and Query, in a thread of its own: fast enough
// for tests that make hundreds of thousands of calls. A write to the partition "late" lands only when it is told to.

import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { fileURLToPath } from "node:url";
import { parentPort, Worker, workerData } from "node:worker_threads";

export const FAST_TABLE = "fast";
const role = "fast upstream";

export interface FastUpstream {
  readonly url: string;
  /** Waits until a write to the partition "late" has come. */
  lateArrived(): Promise<void>;
  /** Has it land, although whoever sent it may be gone. */
  landLate(): Promise<void>;
  close(): Promise<void>;
}

export async function startFastUpstream(): Promise<FastUpstream> {
  const thread = new Worker(fileURLToPath(import.meta.url), { workerData: role });
  const arrived = Promise.withResolvers<void>();
  const landed = Promise.withResolvers<void>();
  thread.on("message", (message) => {
    if (message === "arrived") arrived.resolve();
    if (message === "landed") landed.resolve();
  });
  const [port] = await once(thread, "message");
  return {
    url: `http://127.0.0.1:${port}`,
    lateArrived: () => arrived.promise,
    async landLate() {
      thread.postMessage("land");
      await landed.promise;
    },
    close: async () => void (await thread.terminate()),
  };
}

type Item = Record<string, { readonly S?: string; readonly N?: string }>;

function serveTable(): void {
  const partitions = new Map<string, Map<string, Item>>();
  const put = (item: Item) => {
    const pk = item.pk?.S ?? "";
    const partition = partitions.get(pk) ?? new Map<string, Item>();
    partitions.set(pk, partition.set(item.sk?.S ?? "", item));
  };
  const late: Item[] = [];
  const answers: Readonly<Record<string, (input: Input) => object | undefined>> = {
    DescribeTable: () => description,
    GetItem: ({ Key }) => {
      const Item = partitions.get(Key?.pk?.S ?? "")?.get(Key?.sk?.S ?? "");
      return Item === undefined ? {} : { Item };
    },
    Query: ({ ExpressionAttributeValues }) => {
      const Items = [...(partitions.get(ExpressionAttributeValues?.[":p"]?.S ?? "")?.values() ?? [])];
      return { Items, Count: Items.length, ScannedCount: Items.length };
    },
    PutItem: ({ Item = {} }) => {
      if (Item.pk?.S !== "late" || Item.hold === undefined) {
        put(Item);
        return {};
      }
      late.push(Item);
      parentPort?.postMessage("arrived");
      return undefined;
    },
  };
  parentPort?.on("message", () => {
    for (const item of late.splice(0)) put(item);
    parentPort?.postMessage("landed");
  });
  const server = createServer(async (incoming, outgoing) => {
    const operation = String(incoming.headers["x-amz-target"]).split(".")[1] ?? "";
    const reply = answers[operation]?.(JSON.parse(await textOf(incoming)));
    if (reply === undefined) return; // Never answered.
    const body = JSON.stringify(reply);
    outgoing.writeHead(200, {
      "content-type": "application/x-amz-json-1.0",
      "content-length": Buffer.byteLength(body),
    });
    outgoing.end(body);
  });
  server.keepAliveTimeout = 600_000;
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    parentPort?.postMessage(typeof address === "object" ? address?.port : undefined);
  });
}

interface Input {
  readonly Key?: Item;
  readonly Item?: Item;
  readonly ExpressionAttributeValues?: Item;
}

const description = {
  Table: {
    TableName: FAST_TABLE,
    TableArn: `arn:aws:dynamodb:us-east-1:000000000000:table/${FAST_TABLE}`,
    TableId: "1",
    TableStatus: "ACTIVE",
    CreationDateTime: 1,
    AttributeDefinitions: [
      { AttributeName: "pk", AttributeType: "S" },
      { AttributeName: "sk", AttributeType: "S" },
    ],
    KeySchema: [
      { AttributeName: "pk", KeyType: "HASH" },
      { AttributeName: "sk", KeyType: "RANGE" },
    ],
  },
};

async function textOf(incoming: IncomingMessage): Promise<string> {
  let text = "";
  incoming.setEncoding("utf8");
  for await (const chunk of incoming) text += chunk;
  return text;
}

if (workerData === role) serveTable();
