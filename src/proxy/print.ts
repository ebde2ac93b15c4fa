/** docs/COMPATIBILITY.md, printed from the operation table and the error table. */

import { errorTable } from "../dynamodb/errors.ts";
import { type OperationClass, operations } from "./operations.ts";

const classes: Readonly<Record<OperationClass, string>> = {
  "item-read": "cached; strongly consistent reads pass",
  "batch-read": "each item cached by itself; only the misses go upstream",
  "query-read": "pages cached; strongly consistent reads pass",
  "transact-read": "passes; what it shows is a change learned",
  write: "passes; applied to the cache before the client hears",
  schema: "passes; drops what is cached of its tables",
  pass: "passes byte for byte",
};

export function printCompatibility(): string {
  const rows = [...operations].map(([name, row]) => `| ${name} | ${classes[row.class]} | ${row.effect} |`);
  const errors = Object.entries(errorTable).map(
    ([name, row]) =>
      `| ${row.namespace}#${name} | ${row.status} | ${row.retryable ? "yes" : "no"} | ${row.cause} |`,
  );
  return `${head}
## Operations

| operation | how | what it depends on or changes |
|---|---|---|
${rows.join("\n")}

## Errors of our own

All others are DynamoDB's, unchanged.

| __type | HTTP | retried by SDKs | when |
|---|---|---|---|
${errors.join("\n")}
${tail}`;
}

const head = `<!-- Printed from the operation table and the error table by \`npm run docs\`. Change
src/proxy/print.ts, not this page. -->

# Compatibility

DynamoDB's HTTP API (AWS JSON 1.0), version 2012-08-10, and DynamoDB Streams on the same endpoint. Any AWS SDK
works with only its
endpoint changed. \`TableName\` may be a name or an ARN.
`;

const tail = `
## Differences from DynamoDB

- **Identity.** Requests go upstream under dynatier's own credentials and region, so IAM conditions on the
  caller, and CloudTrail, see dynatier.
- **ConsumedCapacity** on a hit, and for a caller who shared another's read, is 0 units in the right shape.
- **BatchGetItem** returns items in the order of the request, which DynamoDB does not promise.
- **Writes that name a member of a JSON object twice** are refused with SerializationException.
- **Unknown operations** are refused rather than forwarded: they might write.
- **PartiQL** reads pass; PartiQL writes make the item stale, or the table where its key cannot be told from the
  statement.
- **Bulk puts and imports** run on after their call has been answered: what they change later is seen when the
  TTL ends. Invalidate the
  table when they are done.
- **ItemCollectionMetrics**, \`ReturnValuesOnConditionCheckFailure\`, \`ThrottlingReasons\` and everything else
  in a reply to a write are DynamoDB's own.

## Differences from DAX

- Any SDK, all operations; DAX has ten operations and clients for five languages.
- A cached query is fresh after a write through dynatier. \`queryCoherence: ttl\` gives DAX's behaviour.
- A TTL of 0 means "not cached". In DAX an item TTL of 0 means "for ever".
- TTLs, coherence and caching itself can be set for each table.
- There is no primary node and no replication lag: on one node every read after a write is fresh.
`;
