/** One rule of `tables` as the user writes it: which tables it is for and what it gives anew for them. */

import { nearest } from "./nearest.ts";
import { choice, custom, type Parsed, type Problem, quote, refuse, type Setting, text } from "./setting.ts";

/** How a table is treated: cached, passed through, or looked up and counted while upstream answers. */
export type CacheMode = "on" | "off" | "shadow";

export interface TableRule {
  /** A table name, or a glob in which `*` stands for any run of characters and `?` for one. */
  readonly match: string;
  readonly cache?: CacheMode;
  readonly itemTtlMs?: number;
  readonly queryTtlMs?: number;
  readonly negativeTtlMs?: number;
  readonly queryCoherence?: "tags" | "ttl";
  readonly settleMs?: number;
  readonly indexSettleMs?: number;
  /** True: every read with a projection; a list: reads with one of these projections. */
  readonly bypassProjections?: boolean | readonly string[];
}

/** The rows that only rules have; the others are taken from the settings table. */
export const RULE_ROWS = {
  match: text("", {
    values: "a table name or a glob with `*` and `?`",
    pattern: /^[A-Za-z0-9_.*?-]{1,255}$/,
    defaultText: "required",
    help: "The tables that the rule is for. The first rule that matches wins.",
  }),
  cache: choice(
    ["on", "off", "shadow"],
    "on",
    "`off` passes everything through. `shadow` looks everything up and counts what would have been a hit, " +
      "but always answers from upstream.",
  ),
  bypassProjections: custom<boolean | readonly string[]>(false, {
    values: "`true`, `false` or a list of projections",
    defaultText: "`false`",
    help:
      "Reads with a projection that go upstream and are not cached: all of them, or those listed, written " +
      'like "id, address.city", names in full; spaces and order do not matter.',
    parse: parseBypass,
  }),
};

function parseBypass(raw: unknown): Parsed<boolean | readonly string[]> {
  if (typeof raw === "boolean") return { value: raw };
  if (Array.isArray(raw) && raw.every((one) => typeof one === "string" && one.trim() !== "")) {
    return { value: raw };
  }
  return refuse(`must be true, false or a list of projections, not ${quote(raw)}`);
}

/** All complaints about one rule, or the rule. */
function parseRule(
  raw: unknown,
  index: number,
  rows: ReadonlyMap<string, Setting<unknown>>,
): { fields: [string, unknown][]; problems: Problem[] } {
  const at = `[${index}]`;
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    return { fields: [], problems: [{ path: at, message: `must be a mapping, not ${quote(raw)}` }] };
  }
  const fields: [string, unknown][] = [];
  const problems: Problem[] = [];
  for (const [name, value] of Object.entries(raw)) {
    const path = `${at}.${name}`;
    const row = rows.get(name);
    if (!row) {
      const guess = nearest(name, [...rows.keys()]);
      const hint =
        guess === undefined ? `a rule may have ${[...rows.keys()].join(", ")}` : `did you mean ${guess}?`;
      problems.push({ path, message: `is not a part of a rule; ${hint}` });
      continue;
    }
    if (value === null) continue;
    const parsed = row.parse(value);
    if (parsed.problems === undefined) fields.push([name, parsed.value]);
    else problems.push(...parsed.problems.map(({ message }) => ({ path, message })));
  }
  if (!("match" in raw) || raw.match === null)
    problems.push({ path: at, message: "needs `match`, a table name or a glob" });
  return { fields, problems };
}

/**
 * Parses the value of `tables`: a list from YAML, or its JSON text from a flag or the environment.
 * `perTable` are the rows of the settings table which a rule may give anew.
 */
export function parseTableRules(
  raw: unknown,
  perTable: Readonly<Record<string, Setting<unknown>>>,
): Parsed<readonly TableRule[]> {
  const list = typeof raw === "string" ? fromJson(raw) : raw;
  if (!Array.isArray(list)) return refuse(`must be a list of rules (as text: JSON), not ${quote(raw)}`);
  const rows = new Map<string, Setting<unknown>>(Object.entries({ ...RULE_ROWS, ...perTable }));
  const rules = list.map((one, index) => parseRule(one, index, rows));
  const problems = rules.flatMap((rule) => rule.problems);
  if (problems.length > 0) return { problems };
  return {
    value: rules.map((rule) => Object.freeze(Object.fromEntries(rule.fields) as unknown as TableRule)),
  };
}

function fromJson(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    return undefined;
  }
}
