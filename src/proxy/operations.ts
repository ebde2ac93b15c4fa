/**
 * THE operation table: one row for each operation of DynamoDB and DynamoDB Streams. Metrics' label values,
 * docs/COMPATIBILITY.md and the test that compares with the installed AWS SDK come from it.
 */

import { type Input, isObject } from "../dynamodb/model.ts";

/**
 * - item-read, batch-read, query-read: answered from the cache where that is allowed
 * - transact-read: passed through; what it shows is a change just learned
 * - write: passed through; applied to the cache before the client hears
 * - schema: passed through; drops what is cached of its tables
 * - pass: passed through byte for byte
 */
export type OperationClass =
  | "item-read"
  | "batch-read"
  | "query-read"
  | "transact-read"
  | "write"
  | "schema"
  | "pass";

export interface OperationRow {
  readonly class: OperationClass;
  /** "DynamoDB_20120810" or "DynamoDBStreams_20120810". */
  readonly service: string;
  /** The tables that the request names, by name or ARN, as spelt there. */
  readonly tables: (input: Input) => readonly string[];
  /** Whether it changes nothing at all, so that sending it twice does no harm. */
  readonly readOnly: boolean;
  /** What a success changes, or what the answer depends on, in words (docs/COMPATIBILITY.md). */
  readonly effect: string;
}

export const dynamoDbService = "DynamoDB_20120810";
export const streamsService = "DynamoDBStreams_20120810";

function row(operationClass: OperationClass, tables: OperationRow["tables"], effect: string): OperationRow {
  const readOnly = operationClass.endsWith("-read");
  return { class: operationClass, service: dynamoDbService, tables, readOnly, effect };
}

/** An operation that passes. AWS names those that only read by these verbs. */
function passing(name: string, service: string): OperationRow {
  const readOnly = /^(Describe|List|Get|Search)/.test(name);
  return { ...row("pass", none, "changes nothing that is cached"), readOnly, service };
}

const none = (): readonly string[] => [];

/** Table names that stand in this member of the request, possibly deeper: "A.B" is member B of member A. */
function at(path: string): OperationRow["tables"] {
  const names = path.split(".");
  return (input) => {
    let value: unknown = input;
    for (const name of names) value = isObject(value) ? value[name] : undefined;
    return typeof value === "string" ? [value] : [];
  };
}

/** BatchGetItem, BatchWriteItem: the members of RequestItems. */
function requestItems(input: Input): readonly string[] {
  const items = input.RequestItems;
  return isObject(items) ? Object.keys(items) : [];
}

/** TransactGetItems, TransactWriteItems: each element holds one action, which names its table. */
function transactItems(input: Input): readonly string[] {
  const items = input.TransactItems;
  if (!Array.isArray(items)) return [];
  const tables = new Set<string>();
  for (const item of items) {
    if (!isObject(item)) continue;
    for (const action of Object.values(item)) {
      if (isObject(action) && typeof action.TableName === "string") tables.add(action.TableName);
    }
  }
  return [...tables];
}

const table = at("TableName");
const read = {
  item: "item-read",
  batch: "batch-read",
  query: "query-read",
  transact: "transact-read",
} as const;

const dataRows = {
  GetItem: row(read.item, table, "depends on the item"),
  BatchGetItem: row(read.batch, requestItems, "depends on each item by itself"),
  Query: row(read.query, table, "depends on the partition (table, LSI) or the index partition (GSI)"),
  Scan: row(read.query, table, "depends on any write of the table"),
  TransactGetItems: row(read.transact, transactItems, "never cached; shows the items' newest state"),
  PutItem: row("write", table, "changes the item, its partition, its GSI partitions before and after"),
  UpdateItem: row(
    "write",
    table,
    "changes the item, its partition, its GSI partitions (a GSI if its key changes)",
  ),
  DeleteItem: row("write", table, "changes the item, its partition, its GSI partitions before"),
  BatchWriteItem: row(
    "write",
    requestItems,
    "changes the processed items, their partitions, the tables' GSIs",
  ),
  TransactWriteItems: row(
    "write",
    transactItems,
    "changes the written items, their partitions, the tables' GSIs",
  ),
  ExecuteStatement: row(
    "write",
    none,
    "INSERT, UPDATE, DELETE change the item, or the table if its key cannot be told",
  ),
  BatchExecuteStatement: row("write", none, "as ExecuteStatement, for each statement"),
  ExecuteTransaction: row("write", none, "as ExecuteStatement, for each statement"),
};

/** Where a schema operation names its table. */
const schemaTables = {
  CreateTable: table,
  UpdateTable: table,
  DeleteTable: table,
  UpdateTimeToLive: table,
  CreateGlobalTable: at("GlobalTableName"),
  UpdateGlobalTable: at("GlobalTableName"),
  UpdateGlobalTableSettings: at("GlobalTableName"),
  UpdateTableReplicaAutoScaling: table,
  RestoreTableFromBackup: at("TargetTableName"),
  RestoreTableToPointInTime: at("TargetTableName"),
  ImportTable: at("TableCreationParameters.TableName"),
  StartBulkPutItems: table,
};

const passed = [
  ..."SearchVectors DescribeTable ListTables DescribeLimits DescribeEndpoints DescribeTimeToLive".split(" "),
  ..."DescribeContinuousBackups UpdateContinuousBackups CreateBackup DeleteBackup DescribeBackup".split(" "),
  ..."ListBackups DescribeGlobalTable DescribeGlobalTableSettings ListGlobalTables".split(" "),
  ..."DescribeTableReplicaAutoScaling DescribeContributorInsights UpdateContributorInsights".split(" "),
  ..."ListContributorInsights DescribeKinesisStreamingDestination EnableKinesisStreamingDestination".split(
    " ",
  ),
  ..."UpdateKinesisStreamingDestination DisableKinesisStreamingDestination GetResourcePolicy".split(" "),
  ..."PutResourcePolicy DeleteResourcePolicy TagResource UntagResource ListTagsOfResource".split(" "),
  ..."ExportTableToPointInTime DescribeExport ListExports DescribeImport ListImports".split(" "),
  ..."DescribeBulkOperation ListBulkOperations CancelBulkOperation".split(" "),
];

const streamed = ["ListStreams", "DescribeStream", "GetShardIterator", "GetRecords"];

export const operations: ReadonlyMap<string, OperationRow> = new Map([
  ...Object.entries(dataRows),
  ...Object.entries(schemaTables).map(
    ([name, tables]) => [name, row("schema", tables, "drops everything cached of the table")] as const,
  ),
  ...passed.map((name) => [name, passing(name, dynamoDbService)] as const),
  ...streamed.map((name) => [name, passing(name, streamsService)] as const),
]);

/** An operation by its full name. */
export interface KnownTarget {
  readonly operation: string;
  readonly row: OperationRow;
}

const targets: ReadonlyMap<string, KnownTarget> = new Map(
  [...operations].map(([operation, found]) => [`${found.service}.${operation}`, { operation, row: found }]),
);

/** The row and operation name of an X-Amz-Target, or undefined for one that is not DynamoDB's. */
export function operationOf(target: string): KnownTarget | undefined {
  return targets.get(target);
}
