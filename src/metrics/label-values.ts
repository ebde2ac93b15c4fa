/** The values that the labels of metrics may take: one slot each, so that counting is adding to an array. */
import type {
  CacheOutcome,
  FillResult,
  InvalidationSource,
  LookupKind,
  LookupResult,
  Reason,
  UpstreamResult,
} from "./outcome.ts";

type Slots<Value extends string> = Readonly<Record<Value, number>>;

export const outcomeSlots: Slots<CacheOutcome> = {
  hit: 0,
  "negative-hit": 1,
  coalesced: 2,
  stale: 3,
  miss: 4,
  write: 5,
  pass: 6,
};

export const reasonSlots: Slots<Reason> = {
  "consistent-read": 0,
  "transactional-read": 1,
  partiql: 2,
  operation: 3,
  "table-off": 4,
  shadow: 5,
  "ttl-zero": 6,
  "bypass-rule": 7,
  "no-schema": 8,
  "unproven-request": 9,
  "no-store": 10,
  "no-cache": 11,
  expired: 12,
  unsettled: 13,
  "stale-lease": 14,
  "too-large": 15,
  "not-guarded": 18,
  "upstream-error": 16,
  "not-fresh": 17,
};

export const kindSlots: Slots<LookupKind> = { item: 0, query: 1, scan: 2 };

export const lookupSlots: Slots<LookupResult> = {
  hit: 0,
  negative_hit: 1,
  miss: 2,
  coalesced: 3,
  shadow_hit: 4,
};

export const fillSlots: Slots<FillResult> = { stored: 0, stale_lease: 1, unsettled: 2, too_large: 3 };

export const sourceSlots: Slots<InvalidationSource> = {
  write: 0,
  unknown_outcome: 1,
  strong_read: 2,
  schema: 3,
  operator: 4,
  stream: 5,
  peer: 6,
};

export const upstreamSlots: Slots<UpstreamResult> = { ok: 0, error: 1, timeout: 2, reset: 3, refused: 4 };

/** Classes of the HTTP status; "none" is a client that had gone before there was a reply. */
export const statusSlots = { "2xx": 0, "4xx": 1, "5xx": 2, none: 3 } as const;

/** The slot of an HTTP status in `statusSlots`. */
export function statusSlot(status: number): number {
  if (status >= 500) return statusSlots["5xx"];
  if (status >= 400) return statusSlots["4xx"];
  return status >= 200 ? statusSlots["2xx"] : statusSlots.none;
}

/** The names of a slot table, in the order of their slots. */
export function slotNames(slots: Readonly<Record<string, number>>): readonly string[] {
  return Object.entries(slots)
    .toSorted(([, a], [, b]) => a - b)
    .map(([name]) => name);
}

/** Label value of whatever has no row of its own: unknown operations, tables and errors over their bound. */
export const otherLabel = "_other";
/** Label value of calls that name no table or several, and of errors without a name. */
export const noneLabel = "_none";

/** Every operation of DynamoDB and DynamoDB Streams (catalogue.test.ts compares with the AWS SDK). */
export const operationNames: ReadonlySet<string> = new Set(
  `BatchExecuteStatement BatchGetItem BatchWriteItem CancelBulkOperation CreateBackup CreateGlobalTable
  CreateTable DeleteBackup DeleteItem DeleteResourcePolicy DeleteTable DescribeBackup DescribeBulkOperation
  DescribeContinuousBackups DescribeContributorInsights DescribeEndpoints DescribeExport DescribeGlobalTable
  DescribeGlobalTableSettings DescribeImport DescribeKinesisStreamingDestination DescribeLimits DescribeTable
  DescribeTableReplicaAutoScaling DescribeTimeToLive DisableKinesisStreamingDestination
  EnableKinesisStreamingDestination ExecuteStatement ExecuteTransaction ExportTableToPointInTime GetItem
  GetResourcePolicy ImportTable ListBackups ListBulkOperations ListContributorInsights ListExports
  ListGlobalTables ListImports ListTables ListTagsOfResource PutItem PutResourcePolicy Query
  RestoreTableFromBackup RestoreTableToPointInTime Scan SearchVectors StartBulkPutItems TagResource
  TransactGetItems TransactWriteItems UntagResource UpdateContinuousBackups UpdateContributorInsights
  UpdateGlobalTable UpdateGlobalTableSettings UpdateItem UpdateKinesisStreamingDestination UpdateTable
  UpdateTableReplicaAutoScaling UpdateTimeToLive
  DescribeStream GetRecords GetShardIterator ListStreams`.split(/\s+/),
);
