/** Noticing from an answer that a table is not what we think it is: it was changed behind our back. */

import { errorNameOf } from "../dynamodb/errors.ts";
import type { TableSchema } from "../dynamodb/model.ts";
import type { Deps } from "./deps.ts";

// DynamoDB: "The provided key element does not match the schema", "One or more parameter values were invalid: Missing
// the key … in the item / Type mismatch for key …", "Query condition missed key schema element", "The table does not
// have the specified index".
const schemaWords = /key element|the key|for key|schema|specified index/i;

/** Describes the table again if this reply to a request for it says that its keys or indexes differ from ours. */
export function doubtSchema(
  reply: { readonly status: number; readonly body: Uint8Array },
  schema: TableSchema,
  deps: Deps,
): void {
  if (reply.status !== 400) return;
  const name = errorNameOf(reply.body);
  const doubtful =
    name === "ResourceNotFoundException" ||
    (name === "ValidationException" && schemaWords.test(Buffer.from(reply.body).toString()));
  if (doubtful) deps.schemas.refresh(schema.tableId);
}
