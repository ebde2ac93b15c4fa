// One DescribeTable call, and what its answer means.

import { errorNameOf } from "../dynamodb/errors.ts";
import type { TableSchema } from "../dynamodb/model.ts";
import { tableSchemaOf } from "./table-description.ts";
import type { Upstream } from "./upstream.ts";

/** "absent": there is nothing here for us. "failed": nobody could say. */
export type Description =
  | { readonly kind: "table"; readonly schema: TableSchema }
  | { readonly kind: "absent" | "failed" };

/** Asks what a table looks like; never rejects. */
export type Describe = (reference: string, deadlineAtMs: number) => Promise<Description>;

const target = "DynamoDB_20120810.DescribeTable";
/** Errors that are an answer: there is nothing here for us. Any other says nothing about the table. */
const absentErrors: ReadonlySet<unknown> = new Set([
  "ResourceNotFoundException",
  "TableNotFoundException",
  "AccessDeniedException",
  "ValidationException",
]);

export function describeVia(upstream: Upstream): Describe {
  return async (reference, deadlineAtMs) => {
    const body = Buffer.from(JSON.stringify({ TableName: reference }));
    try {
      const reply = await upstream.send({ target, body, idempotent: true, deadlineAtMs });
      if (reply.status === 200) {
        const schema = tableSchemaOf(reply.body);
        return schema === undefined ? { kind: "absent" } : { kind: "table", schema };
      }
      const definite = reply.status === 400 && absentErrors.has(errorNameOf(reply.body));
      return { kind: definite ? "absent" : "failed" };
    } catch {
      return { kind: "failed" }; // Counted where it happened, in the upstream's own metrics.
    }
  };
}
