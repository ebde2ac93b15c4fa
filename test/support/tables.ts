// Tables for tests: a few ready shapes, unique names, waiting until ACTIVE, and deletion at the end.

import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { call, mustCall } from "./raw-client.ts";

export type KeyLetter = "S" | "N" | "B";

/** Key halves are written "name:type", for example "pk:S". */
export type KeyText = `${string}:${KeyLetter}`;

export interface IndexShape {
  readonly name: string;
  readonly hash: KeyText;
  readonly range?: KeyText;
  /** Default "ALL". An array is INCLUDE with these attributes. */
  readonly projection?: "ALL" | "KEYS_ONLY" | readonly string[];
}

export interface TableShape {
  readonly hash: KeyText;
  readonly range?: KeyText;
  /** The index' hash must be the table's. */
  readonly local?: readonly IndexShape[];
  readonly global?: readonly IndexShape[];
  /** Turns the stream on, with this view. */
  readonly stream?: "KEYS_ONLY" | "NEW_IMAGE" | "OLD_IMAGE" | "NEW_AND_OLD_IMAGES";
}

export const HASH_ONLY: TableShape = { hash: "pk:S" };
export const HASH_RANGE: TableShape = { hash: "pk:S", range: "sk:S" };
export const NUMBER_KEYS: TableShape = { hash: "pk:N", range: "sk:N" };
export const BINARY_KEYS: TableShape = { hash: "pk:B", range: "sk:B" };
/**
 * pk:S, sk:N; LSI "byRank" (rank:N); GSIs "byKind" (kind:S, score:N; ALL) and "byOwner" (owner:S; KEYS_ONLY).
 */
export const WITH_INDEXES: TableShape = {
  hash: "pk:S",
  range: "sk:N",
  local: [{ name: "byRank", hash: "pk:S", range: "rank:N" }],
  global: [
    { name: "byKind", hash: "kind:S", range: "score:N" },
    { name: "byOwner", hash: "owner:S", projection: "KEYS_ONLY" },
  ],
};

const ACTIVE_MS_MAX = 20_000;

/** A table name nobody has used: prefix, dash, 12 hexadecimal digits. */
export function uniqueTableName(prefix = "t"): string {
  return `${prefix}-${randomBytes(6).toString("hex")}`;
}

/** The CreateTable input for a shape (on-demand capacity). */
export function createTableInput(TableName: string, shape: TableShape): Record<string, unknown> {
  const indexes = [...(shape.local ?? []), ...(shape.global ?? [])];
  const types = new Map<string, string>();
  for (const half of [shape, ...indexes]) {
    for (const text of [half.hash, half.range]) if (text !== undefined) types.set(...split(text));
  }
  return {
    TableName,
    BillingMode: "PAY_PER_REQUEST",
    KeySchema: keySchema(shape),
    AttributeDefinitions: [...types].map(([AttributeName, AttributeType]) => ({
      AttributeName,
      AttributeType,
    })),
    ...(shape.local && { LocalSecondaryIndexes: shape.local.map(indexInput) }),
    ...(shape.global && { GlobalSecondaryIndexes: shape.global.map(indexInput) }),
    ...(shape.stream && { StreamSpecification: { StreamEnabled: true, StreamViewType: shape.stream } }),
  };
}

/**
 * Creates the table (default: a string partition key "pk") and waits until it is ACTIVE. Returns its name.
 */
export async function createTable(
  url: string,
  shape = HASH_ONLY,
  TableName = uniqueTableName(),
): Promise<string> {
  await mustCall(url, "CreateTable", createTableInput(TableName, shape));
  await waitActive(url, TableName);
  return TableName;
}

/** Waits until the table and all its indexes are ACTIVE. */
export async function waitActive(url: string, TableName: string): Promise<void> {
  const giveUpAt = Date.now() + ACTIVE_MS_MAX;
  while (Date.now() < giveUpAt) {
    const reply = await call<{ Table?: Description }>(url, "DescribeTable", { TableName });
    const table = reply.body.Table;
    const parts = table
      ? [table.TableStatus, ...(table.GlobalSecondaryIndexes ?? []).map((i) => i.IndexStatus)]
      : [];
    if (parts.length > 0 && parts.every((status) => status === "ACTIVE")) return;
    await sleep(20);
  }
  throw new Error(`${TableName} is not ACTIVE after ${ACTIVE_MS_MAX} ms`);
}

/** Deletes the table and waits until it is gone; one that does not exist is fine. */
export async function deleteTable(url: string, TableName: string): Promise<void> {
  const giveUpAt = Date.now() + ACTIVE_MS_MAX;
  while (Date.now() < giveUpAt) {
    const reply = await call(url, "DeleteTable", { TableName });
    if (reply.status !== 200 && reply.bytes.includes("ResourceNotFoundException")) return;
    await sleep(20);
  }
  throw new Error(`${TableName} is still there after ${ACTIVE_MS_MAX} ms`);
}

export interface TestTables {
  /** Creates a table under a unique name and remembers it. */
  create(shape?: TableShape): Promise<string>;
  /** Deletes every table this object created. For afterAll. */
  deleteAll(): Promise<void>;
}

/** A set of tables that live as long as one test file. */
export function testTables(url: string): TestTables {
  const names = new Set<string>();
  return {
    async create(shape = HASH_ONLY) {
      const name = uniqueTableName();
      names.add(name);
      return createTable(url, shape, name);
    },
    async deleteAll() {
      await Promise.all([...names].map((name) => deleteTable(url, name)));
      names.clear();
    },
  };
}

interface Description {
  readonly TableStatus?: string;
  readonly GlobalSecondaryIndexes?: readonly { readonly IndexStatus?: string }[];
}

function split(text: KeyText): [string, string] {
  const colon = text.lastIndexOf(":");
  return [text.slice(0, colon), text.slice(colon + 1)];
}

function keySchema(shape: { readonly hash: KeyText; readonly range?: KeyText }): object[] {
  const schema = [{ AttributeName: split(shape.hash)[0], KeyType: "HASH" }];
  if (shape.range !== undefined) schema.push({ AttributeName: split(shape.range)[0], KeyType: "RANGE" });
  return schema;
}

function indexInput(index: IndexShape): object {
  const kept = index.projection ?? "ALL";
  const Projection =
    typeof kept === "string"
      ? { ProjectionType: kept }
      : { ProjectionType: "INCLUDE", NonKeyAttributes: kept };
  return { IndexName: index.name, KeySchema: keySchema(index), Projection };
}
