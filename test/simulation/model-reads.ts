/** What DynamoDB answers to a read: from its newest state, or from a replica or an index that lags. */

import { type Input, type Item, isObject } from "../../src/dynamodb/model.ts";
import {
  globalIndex,
  type ItemHistory,
  localIndex,
  localSort,
  type ModelTable,
  type TableLife,
  textOf,
} from "./model-table.ts";
import { byText } from "./model-writes.ts";

export interface ReadResult {
  readonly status: number;
  readonly body: Input;
}

/** How far behind, in milliseconds, the replica is that answers for one item. */
export type Lag = () => number;

export interface ReadWorld {
  readonly tables: ReadonlyMap<string, ModelTable>;
  readonly nowMs: number;
  readonly replicaLag: Lag;
  readonly indexLag: Lag;
  /** Whether a key of a batch is left unprocessed. */
  readonly leaves: () => boolean;
}

type Reader = (input: Input, world: ReadWorld) => ReadResult;

const readers: Readonly<Record<string, Reader>> = {
  GetItem: getItem,
  BatchGetItem: batchGetItem,
  TransactGetItems: transactGetItems,
  Query: query,
  Scan: scan,
  DescribeTable: describeTable,
};

export function read(operation: string, input: Input, world: ReadWorld): ReadResult {
  return readers[operation]?.(input, world) ?? error("UnknownOperationException");
}

export function error(type: string, message = "simulated", status = 400): ReadResult {
  return { status, body: { __type: `com.amazonaws.dynamodb.v20120810#${type}`, message } };
}

const missingTable = () => error("ResourceNotFoundException", "Requested resource not found");
const wrongKey = () => error("ValidationException", "The provided key element does not match the schema");

function getItem(input: Input, world: ReadWorld): ReadResult {
  const life = lifeOf(input.TableName, world);
  const { Key } = input;
  if (life === undefined) return missingTable();
  if (!isObject(Key) || !life.fits(Key)) return wrongKey();
  const item = projected(
    stateOf(life, Key, input.ConsistentRead === true, world),
    input.ProjectionExpression,
  );
  return { status: 200, body: { ...(item && { Item: item }), ...consumed(input, 0.5) } };
}

function batchGetItem(input: Input, world: ReadWorld): ReadResult {
  const Responses: Record<string, Item[]> = {};
  const UnprocessedKeys: Record<string, unknown> = {};
  for (const [table, request] of Object.entries(isObject(input.RequestItems) ? input.RequestItems : {})) {
    const life = lifeOf(table, world);
    if (life === undefined) return missingTable();
    if (!isObject(request) || !Array.isArray(request.Keys)) return error("ValidationException");
    const found: Item[] = [];
    const left: unknown[] = [];
    const names = new Set(request.Keys.map((Key) => life.keyOf(isObject(Key) ? Key : {})));
    if (names.size < request.Keys.length)
      return error("ValidationException", "Provided list of item keys contains duplicates");
    for (const Key of request.Keys) {
      if (!isObject(Key) || !life.fits(Key)) return wrongKey();
      const item = projected(
        stateOf(life, Key, request.ConsistentRead === true, world),
        request.ProjectionExpression,
      );
      if (world.leaves()) left.push(Key);
      else if (item) found.unshift(item);
    }
    Responses[table] = found;
    if (left.length > 0) UnprocessedKeys[table] = { ...request, Keys: left };
  }
  return {
    status: 200,
    body: { Responses, UnprocessedKeys, ...consumed(input, [{ TableName: "t", CapacityUnits: 1 }]) },
  };
}

function transactGetItems(input: Input, world: ReadWorld): ReadResult {
  const Responses: Input[] = [];
  for (const action of Array.isArray(input.TransactItems) ? input.TransactItems : []) {
    const get: unknown = isObject(action) ? action.Get : undefined;
    const life = isObject(get) ? lifeOf(get.TableName, world) : undefined;
    if (!isObject(get) || life === undefined) return missingTable();
    const { Key } = get;
    if (!isObject(Key) || !life.fits(Key)) return wrongKey();
    const item = projected(stateOf(life, Key, true, world), get.ProjectionExpression);
    Responses.push(item ? { Item: item } : {});
  }
  return { status: 200, body: { Responses } };
}

/** Understands "NAME = :p", which is all that the workload asks. */
function query(input: Input, world: ReadWorld): ReadResult {
  const life = lifeOf(input.TableName, world);
  if (life === undefined) return missingTable();
  const values = input.ExpressionAttributeValues;
  const name = String(input.KeyConditionExpression).split(" ")[0] ?? "";
  const wanted = isObject(values) ? textOf(values, ":p") : undefined;
  const { IndexName } = input;
  const key = IndexName === globalIndex ? life.globalKey : life.shape.partition;
  if (key === undefined || !indexExists(IndexName, life))
    return error("ValidationException", "The table does not have the specified index");
  if (name !== key) return error("ValidationException", `Query condition missed key schema element: ${key}`);
  const found = statesOf(life, IndexName, input.ConsistentRead === true, world).filter(
    (item) => textOf(item, key) === wanted,
  );
  return page(input, found.sort(order(IndexName, life)), life);
}

function scan(input: Input, world: ReadWorld): ReadResult {
  const life = lifeOf(input.TableName, world);
  if (life === undefined) return missingTable();
  const { IndexName } = input;
  if (!indexExists(IndexName, life))
    return error("ValidationException", "The table does not have the specified index");
  const key = IndexName === globalIndex ? life.globalKey : undefined;
  const found = statesOf(life, IndexName, input.ConsistentRead === true, world);
  return page(input, key === undefined ? found : found.filter((item) => item[key] !== undefined), life);
}

function page(input: Input, found: readonly Item[], life: TableLife): ReadResult {
  const { Limit } = input;
  const Items = typeof Limit === "number" ? found.slice(0, Limit) : found;
  const last = Items.at(-1);
  const more = last !== undefined && Items.length < found.length;
  const body = {
    ...{ Items, Count: Items.length, ScannedCount: Items.length },
    ...(more && { LastEvaluatedKey: life.pickKey(last) }),
    ...consumed(input, 1),
  };
  return { status: 200, body };
}

function order(IndexName: unknown, life: TableLife): (a: Item, b: Item) => number {
  if (IndexName === localIndex) return byText(localSort);
  return byText(life.shape.sort ?? life.shape.partition);
}

function indexExists(IndexName: unknown, life: TableLife): boolean {
  if (IndexName === globalIndex) return life.globalKey !== undefined;
  return IndexName === undefined || (IndexName === localIndex && life.shape.sort !== undefined);
}

function statesOf(life: TableLife, IndexName: unknown, strong: boolean, world: ReadWorld): Item[] {
  const lag = IndexName === globalIndex ? world.indexLag : world.replicaLag;
  const items = [...life.items.values()].map((history) => stateAt(history, strong ? 0 : lag(), world));
  return items.filter(
    (item) => item !== undefined && (IndexName !== localIndex || item[localSort] !== undefined),
  ) as Item[];
}

function stateOf(life: TableLife, Key: Input, strong: boolean, world: ReadWorld): Item | undefined {
  return stateAt(life.history(life.keyOf(Key) ?? ""), strong ? 0 : world.replicaLag(), world);
}

function stateAt(history: ItemHistory, lagMs: number, world: ReadWorld): Item | undefined {
  return history.commits[history.indexAt(world.nowMs - lagMs)]?.image;
}

function lifeOf(name: unknown, world: ReadWorld): TableLife | undefined {
  return world.tables.get(String(name))?.current;
}

export function projected(item: Item | undefined, expression: unknown): Item | undefined {
  if (item === undefined || typeof expression !== "string") return item;
  const names = expression.split(", ");
  return Object.fromEntries(Object.entries(item).filter(([name]) => names.includes(name)));
}

function consumed(input: Input, units: unknown): Input {
  const wish = input.ReturnConsumedCapacity;
  if (wish !== "TOTAL" && wish !== "INDEXES") return {};
  const one = typeof units === "number" ? { TableName: input.TableName, CapacityUnits: units } : units;
  return { ConsumedCapacity: one };
}

function describeTable(input: Input, world: ReadWorld): ReadResult {
  const life = lifeOf(input.TableName, world);
  if (life === undefined) return missingTable();
  const { partition, sort } = life.shape;
  const element = (AttributeName: string, KeyType: string) => ({ AttributeName, KeyType });
  const KeySchema = [element(partition, "HASH"), ...(sort ? [element(sort, "RANGE")] : [])];
  const local = {
    IndexName: localIndex,
    KeySchema: [element(partition, "HASH"), element(localSort, "RANGE")],
  };
  const global = life.globalKey && { IndexName: globalIndex, KeySchema: [element(life.globalKey, "HASH")] };
  const Table = {
    TableName: life.table,
    TableArn: `arn:aws:dynamodb:eu-central-1:000000000000:table/${life.table}`,
    TableId: `${life.table}-${life.number}`,
    TableStatus: "ACTIVE",
    AttributeDefinitions: ["pk", "sk", "g", "h"].map((AttributeName) => ({
      AttributeName,
      AttributeType: "S",
    })),
    KeySchema,
    ...(sort && { LocalSecondaryIndexes: [local] }),
    ...(global && { GlobalSecondaryIndexes: [global] }),
    ...(life.streamArn && {
      StreamSpecification: { StreamEnabled: true },
      LatestStreamArn: life.streamArn,
    }),
  };
  return { status: 200, body: { Table } };
}
