/** For people: how each table is cached, and why. `dynatier check` and GET /api/tables. */

import type { ResolvedRule } from "../config/table-rules.ts";
import type { TableSchema } from "../dynamodb/model.ts";

export interface TableReport {
  readonly table: string;
  /** "yes", "shadow", "no" or "in part". */
  readonly cached: string;
  readonly why: string;
}

/** @param schema undefined = the table could not be described */
export function reportTable(
  TableName: string,
  schema: TableSchema | undefined,
  rule: ResolvedRule,
): TableReport {
  const table = TableName;
  const source = rule.match === undefined ? "no rule matches, so the defaults hold" : `rule "${rule.match}"`;
  if (schema === undefined) {
    return {
      table,
      cached: "no",
      why: "it cannot be described (not active, or no permission for DescribeTable)",
    };
  }
  if (rule.cache === "off") return { table, cached: "no", why: `cache: off (${source})` };
  const items = rule.itemTtlMs > 0 ? `items ${seconds(rule.itemTtlMs)}` : "items not (itemTtlMs 0)";
  const queries = rule.queryTtlMs > 0 ? `queries ${seconds(rule.queryTtlMs)}` : "queries not (queryTtlMs 0)";
  const coherence =
    rule.queryCoherence === "tags"
      ? "queries are fresh after writes through dynatier"
      : "queries live until their TTL, as in DAX";
  const stream =
    "writes around dynatier are seen when the TTL ends (streams are not followed in this version)";
  const why = `${items}, ${queries}; ${coherence}; ${stream}; ${source}`;
  const nothing = rule.itemTtlMs === 0 && rule.queryTtlMs === 0;
  const part = rule.itemTtlMs === 0 || rule.queryTtlMs === 0;
  if (nothing) return { table, cached: "no", why };
  return { table, cached: rule.cache === "shadow" ? "shadow" : part ? "in part" : "yes", why };
}

function seconds(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`;
}
