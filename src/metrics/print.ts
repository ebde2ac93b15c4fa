/** Prints docs/METRICS.md from the catalogue. */
import { type MetricName, metricCatalogue } from "./catalogue.ts";
import { daxMetrics } from "./dax-metrics.ts";
import {
  fillSlots,
  kindSlots,
  lookupSlots,
  noneLabel,
  otherLabel,
  outcomeSlots,
  reasonSlots,
  slotNames,
  sourceSlots,
  statusSlots,
  upstreamSlots,
} from "./label-values.ts";
import { latencyBoundsSeconds } from "./latency.ts";
import type { MetricRow } from "./metric-row.ts";

const introduction = `# Metrics

Printed from \`src/metrics/catalogue.ts\` by \`npm run docs\`; do not edit.

\`GET /metrics\` on the admin port answers all of them in Prometheus' text format. Counters count from the
start of the process; read them with \`rate()\` or \`increase()\`. A series appears with its first event, and
a figure that nothing in this process can give is left out rather than shown as 0.

The hit ratio of a table, as a query:

\`\`\`
sum by (table) (rate(dynatier_lookups_total{result=~"hit|negative_hit"}[5m]))
  / sum by (table) (rate(dynatier_lookups_total{result!="shadow_hit"}[5m]))
\`\`\`
`;

const labelNotes = `## Labels

- \`table\`: the table's name. A bounded number of tables is counted by name; the tables after them share
  \`${otherLabel}\`. Calls that name no table, or several, are counted under \`${noneLabel}\`.
- \`operation\`: DynamoDB's name of the operation; \`${otherLabel}\` for a name that DynamoDB does not have.
- \`error\`: the error's name, the part of \`__type\` behind the \`#\`; \`${noneLabel}\` if it has none.
- \`tier\`: \`memory\` or \`redis\`.
`;

/** Label values with a table of their own: heading, and the slots that name them. */
const valueTables: readonly (readonly [string, Readonly<Record<string, number>>])[] = [
  ["`outcome` of requests and latencies", outcomeSlots],
  ["`status`", statusSlots],
  ["`reason`", reasonSlots],
  ["`cache`", kindSlots],
  ["`result` of look-ups", lookupSlots],
  ["`outcome` of fills", fillSlots],
  ["`source`", sourceSlots],
  ["`result` of upstream requests", upstreamSlots],
];

/** Text in a cell of a Markdown table, where a bar would end the cell even inside code. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function code(text: string): string {
  return `\`${cell(text)}\``;
}

function metricLine(name: MetricName, row: MetricRow): string {
  const labels = row.labels.map(code).join(", ");
  return `| ${code(name)} | ${row.type} | ${labels} | ${row.unit} | ${cell(row.help)} |`;
}

function daxLine(name: string): string {
  const row = daxMetrics[name]!;
  const ours = "query" in row ? code(row.query) : `not applicable: ${cell(row.notApplicable)}`;
  return `| ${code(name)} | ${ours} |`;
}

/** The whole text of docs/METRICS.md. */
export function printMetrics(): string {
  const names = Object.keys(metricCatalogue) as MetricName[];
  return [
    introduction,
    "## All metrics\n",
    "| Metric | Type | Labels | Unit | Meaning |",
    "|---|---|---|---|---|",
    ...names.map((name) => metricLine(name, metricCatalogue[name])),
    "",
    `Histograms have the buckets ${latencyBoundsSeconds.join(", ")} seconds.\n`,
    labelNotes,
    ...valueTables.map(([heading, slots]) => `- ${heading}: ${slotNames(slots).map(code).join(", ")}.`),
    "",
    "## DAX metric → ours\n",
    "DAX reports these to CloudWatch (namespace AWS/DAX), for each node and cluster; CPU here is in percent",
    "of one core.\n",
    "| DAX | Here |",
    "|---|---|",
    ...Object.keys(daxMetrics).map(daxLine),
    "",
  ].join("\n");
}
