/** The rule `bypassProjections`: reads whose projection makes them not worth caching. */

import type { ResolvedRule } from "../config/table-rules.ts";
import { type Input, isObject } from "../dynamodb/model.ts";

/** True if this read has a projection that the table's rule sends past the cache. */
export function bypasses(input: Input, rule: ResolvedRule): boolean {
  const { bypassProjections } = rule;
  if (bypassProjections === false) return false;
  const spelled = spelledPaths(input);
  if (spelled === undefined) return false;
  return (
    bypassProjections === true || bypassProjections.some((one) => normalForm(one.split(",")) === spelled)
  );
}

/** The projected paths with names in full, sorted; undefined without a projection. */
function spelledPaths(input: Input): string | undefined {
  const { ProjectionExpression, AttributesToGet, ExpressionAttributeNames } = input;
  if (Array.isArray(AttributesToGet)) return normalForm(AttributesToGet.map(String));
  if (typeof ProjectionExpression !== "string") return undefined;
  const names = isObject(ExpressionAttributeNames) ? ExpressionAttributeNames : {};
  const full = ProjectionExpression.replace(/#[A-Za-z0-9_]+/g, (alias) =>
    Object.hasOwn(names, alias) ? String(names[alias]) : alias,
  );
  return normalForm(full.split(","));
}

function normalForm(paths: readonly string[]): string {
  return paths
    .map((path) => path.replace(/\s+/g, ""))
    .sort()
    .join(",");
}
