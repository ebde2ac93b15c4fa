/** For people: how each table is cached, and why. `dynatier check` and GET /api/tables. */

import type { ResolvedRule } from "../config/table-rules.ts";
import type { TableSchema } from "../dynamodb/model.ts";
import type { StreamReport } from "../invalidation/stream-supervisor.ts";

export interface TableReport {
  readonly table: string;
  /** "yes", "shadow", "no" or "in part". */
  readonly cached: string;
  readonly why: string;
  /** How writes around dynatier are noticed: "followed", "TTL only" or "off", and why. */
  readonly stream: string;
  /** What would have them noticed sooner: a command or a setting; or what following costs. */
  readonly hint?: string;
}

/**
 * @param schema undefined = the table could not be described
 * @param stream how its stream is treated
 */
export function reportTable(
  TableName: string,
  schema: TableSchema | undefined,
  rule: ResolvedRule,
  stream: StreamReport | undefined,
): TableReport {
  const table = TableName;
  const source = rule.match === undefined ? "no rule matches, so the defaults hold" : `rule "${rule.match}"`;
  if (schema === undefined) {
    const why = "it cannot be described (not active, or no permission for DescribeTable)";
    return { table, cached: "no", why, stream: "off" };
  }
  if (rule.cache === "off") return { table, cached: "no", why: `cache: off (${source})`, stream: "off" };
  const items = rule.itemTtlMs > 0 ? `items ${seconds(rule.itemTtlMs)}` : "items not (itemTtlMs 0)";
  const queries = rule.queryTtlMs > 0 ? `queries ${seconds(rule.queryTtlMs)}` : "queries not (queryTtlMs 0)";
  const coherence =
    rule.queryCoherence === "tags"
      ? "queries are fresh after writes through dynatier"
      : "queries live until their TTL, as in DAX";
  const why = `${items}, ${queries}; ${coherence}; ${source}`;
  const nothing = rule.itemTtlMs === 0 && rule.queryTtlMs === 0;
  const part = rule.itemTtlMs === 0 || rule.queryTtlMs === 0;
  if (nothing) return { table, cached: "no", why, stream: "off" };
  const cached = rule.cache === "shadow" ? "shadow" : part ? "in part" : "yes";
  return { table, cached, why, ...(stream === undefined ? { stream: "off" } : streamWords(stream)) };
}

function streamWords({ verdict, state, leader, cost }: StreamReport): { stream: string; hint?: string } {
  if (verdict.kind === "off") return { stream: `off (${verdict.why})` };
  if (verdict.kind === "ttl") return { stream: `TTL only: ${verdict.why}`, hint: verdict.hint };
  if (leader === "another node") return { stream: "followed by another node", hint: cost };
  if (state === undefined) return { stream: "followed once serving", hint: cost };
  return {
    stream: state.kind === "following" ? "followed" : `TTL only: its stream is ${state.kind}`,
    hint: cost,
  };
}

function seconds(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`;
}
