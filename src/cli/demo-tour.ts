/**
 * The tour of the demo: each step is a real request; any answer but the expected one ends it with an error.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Input, type Item, isObject } from "../dynamodb/model.ts";
import type { DemoAnswer, DemoClient } from "./demo-client.ts";
import { CREATE_TABLE, customerId, DEMO_TABLE, demoItems, orderKey } from "./demo-data.ts";
import { humanMs, tableLine } from "./text-table.ts";

const BATCH_SIZE = 25;
const HITS = 1000;
const WARM_KEYS = 25;
const WIDTHS = [44, 22, 10];
const ACTIVE_WITHIN_MS = 10_000;

type Print = (line: string) => void;

/** Creates the table and fills it, through the proxy. Answers the number of items. */
export async function seed(client: DemoClient): Promise<number> {
  await client.call("CreateTable", CREATE_TABLE);
  const deadline = performance.now() + ACTIVE_WITHIN_MS;
  for (;;) {
    const { Table } = (await client.call("DescribeTable", { TableName: DEMO_TABLE })).body;
    if (isObject(Table) && Table.TableStatus === "ACTIVE") break;
    if (performance.now() > deadline) throw new Error(`the table ${DEMO_TABLE} did not become active`);
    await sleep(20);
  }
  const items = demoItems();
  for (let start = 0; start < items.length; start += BATCH_SIZE) {
    const requests = items.slice(start, start + BATCH_SIZE).map((Item) => ({ PutRequest: { Item } }));
    const { body } = await client.call("BatchWriteItem", { RequestItems: { [DEMO_TABLE]: requests } });
    const left = isObject(body.UnprocessedItems) ? Object.keys(body.UnprocessedItems).length : 0;
    if (left > 0) throw new Error("the emulator left items of a batch unprocessed");
  }
  // Written items may already be in the cache; the tour is to begin with an honest miss.
  await client.emptyCache();
  return items.length;
}

/** Shows a miss, hits, a write, the fresh reads after it, and a thousand hits. */
export async function tour(client: DemoClient, print: Print): Promise<void> {
  const order = orderKey(7, 3);
  const getOrder = { TableName: DEMO_TABLE, Key: order };
  const queryOrders = {
    TableName: DEMO_TABLE,
    KeyConditionExpression: "customerId = :customer",
    ExpressionAttributeValues: { ":customer": { S: customerId(7) } },
  };
  const step = async (
    label: string,
    operation: string,
    input: Input,
    check: (answer: DemoAnswer) => void,
  ) => {
    const answer = await client.call(operation, input);
    print(tableLine([label, answer.cache, humanMs(answer.tookMs).padStart(9)], WIDTHS));
    check(answer);
    return answer;
  };
  const newStatus = "delivered";
  print(tableLine(["Request", "x-dynatier-cache", "     Time"], WIDTHS));
  print(
    tableLine(
      WIDTHS.map((width) => "─".repeat(width)),
      WIDTHS,
    ),
  );
  await step("GetItem, one order", "GetItem", getOrder, expectCache("miss"));
  const cached = await step("GetItem, the same order again", "GetItem", getOrder, expectCache("hit"));
  await step("Query, all orders of a customer", "Query", queryOrders, expectCache("miss"));
  await step("Query, the same again", "Query", queryOrders, expectCache("hit"));
  const update = {
    TableName: DEMO_TABLE,
    Key: order,
    UpdateExpression: "SET #status = :new",
    ExpressionAttributeNames: { "#status": "status" },
    ExpressionAttributeValues: { ":new": { S: newStatus } },
  };
  expectStatus(itemOf(cached), newStatus, false);
  await step(`UpdateItem, status becomes “${newStatus}”`, "UpdateItem", update, expectCache("write"));
  await step("GetItem: the new status, at once", "GetItem", getOrder, (answer) =>
    expectStatus(itemOf(answer), newStatus, true),
  );
  await step("Query: the new status, at once", "Query", queryOrders, (answer) =>
    expectStatus(
      itemsOf(answer).find(({ orderId }) => sameJson(orderId, order.orderId)),
      newStatus,
      true,
    ),
  );
  await step("GetItem, once more", "GetItem", getOrder, (answer) => {
    expectCache("hit")(answer);
    expectStatus(itemOf(answer), newStatus, true);
  });
  print("");
  await manyHits(client, print);
}

/** Reads cached items a thousand times, one after the other over one connection. */
async function manyHits(client: DemoClient, print: Print): Promise<void> {
  const reads = Array.from({ length: WARM_KEYS }, (_, number) => ({
    TableName: DEMO_TABLE,
    Key: orderKey(Math.floor(number / 5), number % 5),
  }));
  for (const read of reads) await client.call("GetItem", read);
  const times: number[] = [];
  for (let hit = 0; hit < HITS; hit++) {
    const answer = await client.call("GetItem", reads[hit % reads.length]!);
    expectCache("hit")(answer);
    times.push(answer.tookMs);
  }
  times.sort((one, other) => one - other);
  const percentile = (share: number) => humanMs(times[Math.ceil(share * times.length) - 1]!);
  print(`1,000 hits, one after the other:  p50 ${percentile(0.5)}, p99 ${percentile(0.99)}`);
  const saved = await client.metric("dynatier_read_units_saved_total");
  if (!(saved > 0)) throw new Error("the hits saved no read units");
  print(`Read capacity units saved so far: ${saved}`);
}

function expectCache(expected: string): (answer: DemoAnswer) => void {
  return ({ cache }) => {
    const outcome = cache.split(";", 1)[0]!.trim();
    if (outcome !== expected) throw new Error(`expected a ${expected}, but x-dynatier-cache says “${cache}”`);
  };
}

function itemOf({ body }: DemoAnswer): unknown {
  return body.Item;
}

function itemsOf({ body }: DemoAnswer): Item[] {
  return Array.isArray(body.Items) ? body.Items : [];
}

function expectStatus(item: unknown, status: string, expected: boolean): void {
  const found = isObject(item) && sameJson(item.status, { S: status });
  if (!isObject(item)) throw new Error("the order is missing from the answer");
  if (found !== expected) {
    throw new Error(
      `the order's status is ${JSON.stringify(item.status)}, which is not the one just written`,
    );
  }
}

function sameJson(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
