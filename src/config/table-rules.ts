/** Which rule of `tables` a table falls under, and what then holds for it. */

import type { Settings } from "./settings.ts";
import type { CacheMode, TableRule } from "./table-rule.ts";

/** What holds for one table: the first matching rule over the top-level settings. */
export interface ResolvedRule {
  readonly cache: CacheMode;
  readonly itemTtlMs: number;
  readonly queryTtlMs: number;
  readonly negativeTtlMs: number;
  readonly queryCoherence: "tags" | "ttl";
  readonly settleMs: number;
  readonly indexSettleMs: number;
  readonly bypassProjections: boolean | readonly string[];
  /** `match` of the rule that applies; undefined where none does. */
  readonly match: string | undefined;
}

/** Answers already worked out. Settings are immutable, so their identity is enough. */
const memory = new WeakMap<Settings, Map<string, ResolvedRule>>();

/**
 * The rule for a table, by its name (not its ARN). The first match wins; what the rule leaves open is
 * filled in from the top-level settings. Remembered for at most `tablesMax` names: names come from clients,
 * who may invent them.
 */
export function ruleFor(tableName: string, settings: Settings): ResolvedRule {
  let known = memory.get(settings);
  if (!known) {
    known = new Map();
    memory.set(settings, known);
  }
  const found = known.get(tableName);
  if (found) return found;
  const rule = resolve(
    settings.tables.find(({ match }) => globMatches(match, tableName)),
    settings,
  );
  if (known.size >= settings.tablesMax) known.clear();
  known.set(tableName, rule);
  return rule;
}

function resolve(rule: TableRule | undefined, settings: Settings): ResolvedRule {
  return Object.freeze({
    cache: rule?.cache ?? "on",
    itemTtlMs: rule?.itemTtlMs ?? settings.itemTtlMs,
    queryTtlMs: rule?.queryTtlMs ?? settings.queryTtlMs,
    negativeTtlMs: rule?.negativeTtlMs ?? settings.negativeTtlMs,
    queryCoherence: rule?.queryCoherence ?? settings.queryCoherence,
    settleMs: rule?.settleMs ?? settings.settleMs,
    indexSettleMs: rule?.indexSettleMs ?? settings.indexSettleMs,
    bypassProjections: rule?.bypassProjections ?? false,
    match: rule?.match,
  });
}

/**
 * True if the whole name matches the glob. `*` is any run of characters, `?` exactly one. Case counts, as
 * in table names. Runs in at most (name × glob) steps; a regular expression made of many `*` would not.
 */
export function globMatches(glob: string, name: string): boolean {
  let at = 0;
  let inGlob = 0;
  let star = -1;
  let starAt = 0;
  while (at < name.length) {
    if (glob[inGlob] === "*") {
      star = inGlob++;
      starAt = at;
    } else if (inGlob < glob.length && (glob[inGlob] === "?" || glob[inGlob] === name[at])) {
      inGlob++;
      at++;
    } else if (star >= 0) {
      // The last star takes one character more, and what follows it is tried again from there.
      inGlob = star + 1;
      at = ++starAt;
    } else {
      return false;
    }
  }
  while (glob[inGlob] === "*") inGlob++;
  return inGlob === glob.length;
}
