/**
 * The benchmark's tables, the same on every machine. Orders: customers with 25 orders each, every item 300 bytes of JSON
 * (P4 asks for that size). Profiles: keys of several forms and lengths, sizes from a distribution, for everything else.
 */

import { mustCall } from "../test/support/raw-client.ts";
import { createTableInput, waitActive } from "../test/support/tables.ts";
import { type LogNormal, logNormal, seeded } from "./random.ts";

export const TABLE = "bench-orders";
export const PROFILES = "bench-profiles";
export const itemsPerPartition = 25;
const itemBytes = 300;
/** How many bytes of JSON the items have whose size varies. */
export const itemSizes: LogNormal = { median: 300, sigma: 1, min: 120, max: 16_384 };
/** API_BatchWriteItem: at most 25 items. */
const batchItemsMax = 25;
const loadersMax = 8;

type Text = { readonly S: string };

export interface Key {
  readonly pk: Text;
  readonly sk: Text;
}

export interface Order extends Key {
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

/** Key forms as applications have them. The first of them must be written with an escape in boto3's JSON. */
const partitionForms: readonly ((place: number) => string)[] = [
  (place) => `kunde#Zoë-${place}`,
  (place) => `user#${place}`,
  (place) => `org#${place % 97}/eu-central-1/member#${place}`,
  (place) => `${(place * 0x9e3779b1).toString(16).padStart(14, "0")}-${place}`,
];
const sortForms: readonly ((place: number) => string)[] = [
  () => "profile",
  (place) => `2026-01-${10 + (place % 20)}T08:15:${10 + (place % 50)}.000Z`,
  (place) => `v${place % 7}`,
];

export function profileKeyAt(place: number): Key {
  const sortForm = sortForms[Math.floor(place / partitionForms.length) % sortForms.length]!;
  return { pk: { S: partitionForms[place % partitionForms.length]!(place) }, sk: { S: sortForm(place) } };
}

/** A profile: attributes of several types, and text that makes up the size. */
export function profileAt(place: number): Key & Readonly<Record<string, object>> {
  const profile = {
    ...profileKeyAt(place),
    visits: { N: String(place) },
    active: { BOOL: place % 3 > 0 },
    tags: { L: [{ S: `tag-${place % 11}` }, { S: "new" }] },
    note: { S: "" },
  };
  const bytes = logNormal(itemSizes, seeded(place));
  const missing = bytes - Buffer.byteLength(JSON.stringify(profile));
  return { ...profile, note: { S: "p".repeat(Math.max(0, missing)) } };
}

/** Creates the tables of orders and profiles at this endpoint and fills them, each with so many partitions of 25 items. */
export async function fillTable(url: string, partitions: number): Promise<void> {
  const items = partitions * itemsPerPartition;
  await fill(url, TABLE, items, orderAt);
  await fill(url, PROFILES, items, profileAt);
}

/** Creates a table and puts so many items into it. */
export async function fill(
  url: string,
  TableName: string,
  items: number,
  itemAt: (place: number) => object,
): Promise<void> {
  await mustCall(url, "CreateTable", createTableInput(TableName, { hash: "pk:S", range: "sk:S" }));
  await waitActive(url, TableName);
  let next = 0;
  const load = async (): Promise<void> => {
    while (next < items) {
      const first = next;
      next += batchItemsMax;
      const count = Math.min(batchItemsMax, items - first);
      const puts = Array.from({ length: count }, (_, at) => ({ PutRequest: { Item: itemAt(first + at) } }));
      const reply = await mustCall(url, "BatchWriteItem", { RequestItems: { [TableName]: puts } });
      const left = reply.UnprocessedItems;
      if (typeof left === "object" && left !== null && Object.keys(left).length > 0)
        throw new Error("BatchWriteItem left items unwritten");
    }
  };
  await Promise.all(Array.from({ length: loadersMax }, load));
}
