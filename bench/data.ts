/** The benchmark's table: customers with 25 orders each, every item 300 bytes of JSON, the same on every machine. */

import { mustCall } from "../test/support/raw-client.ts";
import { createTableInput, waitActive } from "../test/support/tables.ts";

export const TABLE = "bench-orders";
export const itemsPerPartition = 25;
const itemBytes = 300;
/** API_BatchWriteItem: at most 25 items. */
const batchItemsMax = 25;
const loadersMax = 8;

type Text = { readonly S: string };

export interface Order {
  readonly pk: Text;
  readonly sk: Text;
  readonly status: Text;
  readonly total: { readonly N: string };
  readonly note: Text;
}

export function partitionKey(partition: number): string {
  return `customer#${String(partition).padStart(6, "0")}`;
}

export function sortKey(position: number): string {
  return `order#${String(position).padStart(2, "0")}`;
}

/** The item at a place in the table, counted through all partitions. */
export function orderAt(place: number): Order {
  const order = {
    pk: { S: partitionKey(Math.floor(place / itemsPerPartition)) },
    sk: { S: sortKey(place % itemsPerPartition) },
    status: { S: "shipped" },
    total: { N: String(10_000 + (place % 90_000)) },
    note: { S: "" },
  };
  return { ...order, note: { S: "n".repeat(itemBytes - JSON.stringify(order).length) } };
}

export function ordersOf(partition: number): Order[] {
  return Array.from({ length: itemsPerPartition }, (_, position) =>
    orderAt(partition * itemsPerPartition + position),
  );
}

/** Creates the table at this endpoint and fills it. */
export async function fillTable(url: string, partitions: number): Promise<void> {
  await mustCall(url, "CreateTable", createTableInput(TABLE, { hash: "pk:S", range: "sk:S" }));
  await waitActive(url, TABLE);
  let next = 0;
  const load = async (): Promise<void> => {
    while (next < partitions) {
      const puts = ordersOf(next++).map((Item) => ({ PutRequest: { Item } }));
      const reply = await mustCall(url, "BatchWriteItem", {
        RequestItems: { [TABLE]: puts.slice(0, batchItemsMax) },
      });
      const left = reply.UnprocessedItems;
      if (typeof left === "object" && left !== null && Object.keys(left).length > 0)
        throw new Error("BatchWriteItem left items unwritten");
    }
  };
  await Promise.all(Array.from({ length: loadersMax }, load));
}
