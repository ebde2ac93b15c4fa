/** The settings table as text: the settings part of --help, and docs/CONFIGURATION.md. */
import type { Setting } from "./setting.ts";
import { environmentName, flagName, SETTING_GROUPS } from "./settings.ts";
import { PER_TABLE } from "./settings-cache.ts";
import { RULE_ROWS } from "./table-rule.ts";
import { withUnit } from "./units.ts";

/** The default as a person reads it; "" where there is none. */
export function defaultOf(row: Setting<unknown>): string {
  if (row.defaultText !== undefined) return row.defaultText;
  if (row.default === undefined) return "";
  if (typeof row.default !== "number" || row.default === 0 || row.unit === undefined)
    return String(row.default);
  const human = withUnit(row.default, row.unit);
  return human === `${row.default} ${row.unit}` ? human : `${row.default} (${human})`;
}

/** Help of one row, with what a reader must know first. */
function helpOf(row: Setting<unknown>): string {
  return row.built ? row.help : `Not built yet. ${row.help}`;
}

/** Breaks text into lines of at most `width` characters, at spaces. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return line === "" ? lines : [...lines, line];
}

/** The settings part of `--help`. Settings whose feature is not built yet are left out. */
export function printSettingsHelp(width = 100): string {
  const parts: string[] = [];
  for (const { title, rows } of SETTING_GROUPS) {
    const built = Object.entries(rows).filter(([, row]) => row.built);
    if (built.length === 0) continue;
    parts.push(`${title}:`);
    for (const [name, row] of built) {
      const initial = defaultOf(row);
      const suffix = initial === "" ? "" : ` [${initial.replaceAll("`", "")}]`;
      parts.push(`  ${flagName(name)}${row.isSwitch ? "" : ` <${row.values.replaceAll("`", "")}>`}${suffix}`);
      parts.push(...wrap(row.help.replaceAll("`", ""), width - 6).map((line) => `      ${line}`));
    }
    parts.push("");
  }
  return parts.join("\n");
}

const INTRODUCTION = `# Configuration

Every setting has one name and can be given in three places; the later wins:

1. the settings file, YAML, \`./dynatier.yaml\` or the file that \`--config\` names: \`itemTtlMs: 300000\`
2. the environment: \`DYNATIER_ITEM_TTL_MS=300000\` (an empty variable counts as unset)
3. the command line: \`--item-ttl-ms 300000\` or \`--itemTtlMs=300000\`

Durations are milliseconds and sizes are bytes; both may carry a unit: \`5s\`, \`1m\`, \`2h\`, \`256MiB\`,
\`1GB\`. Unknown names, wrong values and settings that do not fit together are reported all at once, with the
nearest valid name, before anything starts; the exit code is then 2. \`dynatier check\` also tries the
upstream and says for each table how it will be cached.

AWS credentials are not settings of dynatier: they come from the AWS default chain (environment, profile, SSO,
container, instance, web identity).

\`\`\`yaml
# dynatier.yaml
upstream: aws
region: eu-central-1
cacheBytesMax: 1GiB
itemTtlMs: 10m
tables:
  - match: sessions        # the first rule that matches wins
    cache: off
  - match: "orders-*"
    queryTtlMs: 30s
    cache: shadow          # count what would be hits, answer from upstream
\`\`\`
`;

const RULES = `## Rules for tables

\`tables\` is a list of rules, tried in order; the first whose \`match\` fits the table's name applies, and
what it leaves open is filled in from the settings above. In a flag or the environment the list is JSON:
\`DYNATIER_TABLES='[{"match": "sessions", "cache": "off"}]'\`.
`;

/** docs/CONFIGURATION.md. */
export function printConfigurationPage(): string {
  const parts = [
    "<!-- Printed from the settings table by `npm run docs`. Change src/config/, not this page. -->\n",
  ];
  parts.push(INTRODUCTION);
  for (const { title, rows } of SETTING_GROUPS) {
    parts.push(`## ${title}\n`);
    parts.push("| Setting | Environment | Default | Values | Meaning |\n|---|---|---|---|---|");
    for (const [name, row] of Object.entries(rows)) {
      const shownDefault = row.defaultText ?? (defaultOf(row) === "" ? "none" : `\`${defaultOf(row)}\``);
      parts.push(
        cells([`\`${name}\``, `\`${environmentName(name)}\``, shownDefault, row.values, helpOf(row)]),
      );
    }
    parts.push("");
  }
  parts.push(RULES);
  parts.push("| Key | Default | Values | Meaning |\n|---|---|---|---|");
  for (const [name, row] of Object.entries<Setting<unknown>>(RULE_ROWS)) {
    parts.push(cells([`\`${name}\``, row.defaultText ?? `\`${defaultOf(row)}\``, row.values, helpOf(row)]));
  }
  for (const [name, row] of Object.entries<Setting<unknown>>(PER_TABLE)) {
    parts.push(cells([`\`${name}\``, `the setting \`${name}\``, row.values, `As the setting \`${name}\`.`]));
  }
  return `${parts.join("\n")}\n`;
}

function cells(texts: readonly string[]): string {
  return `| ${texts.map((text) => text.replaceAll("|", "\\|")).join(" | ")} |`;
}
