/** The main rows as bars, an SVG of our own: replies a second, and the server's CPU time for one reply. */

import type { Report } from "./report.ts";
import type { RowFigures, Spread } from "./statistics.ts";

interface Panel {
  readonly title: string;
  readonly of: (row: RowFigures) => Spread | undefined;
  readonly digits: number;
}

const panels: readonly Panel[] = [
  { title: "replies a second (more is better)", of: (row) => row.repliesPerSecond, digits: 0 },
  {
    title: "CPU µs of the server for one reply (less is better)",
    of: (row) => row.cpuMicroseconds,
    digits: 1,
  },
];

const width = 1000;
const nameWidth = 290;
const panelWidth = 340;
const gap = 15;
const barHeight = 16;
const rowHeight = 24;
const top = 76;
/** For a bar's figure, right of it. */
const figureWidth = 70;
// One grey that can be read on white and on black, and two colours of middle lightness.
const grey = "#767676";
const own = "#2f81f7";
const other = "#a371a0";

/** Bars are medians, the thin lines go from min to max. */
export function plot(report: Report): string {
  const rows = report.rows.filter(({ short }) => short !== undefined);
  const height = top + rows.length * rowHeight + 36;
  const { cpu, node, commit, date } = report.about;
  const machine = `${cpu} · Node ${node} · commit ${commit} · ${date} · one core each for server and load, median of repeats`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
      `role="img" font-family="system-ui, sans-serif" font-size="12" fill="${grey}">`,
    `<title>dynatier and its neighbours on one core</title>`,
    text(8, 22, "dynatier and its neighbours on one core", `font-size="17" font-weight="600"`),
    text(8, 42, machine, `font-size="11"`),
    ...rows.map(({ short = "" }, at) =>
      text(
        nameWidth - 8,
        yOf(at) + 12.5,
        short,
        `text-anchor="end"${isOwn(short) ? ' font-weight="600"' : ""}`,
      ),
    ),
    ...panels.flatMap((panel, at) => panelOf(panel, nameWidth + at * (panelWidth + gap), rows)),
    "</svg>\n",
  ].join("\n");
}

function yOf(row: number): number {
  return top + row * rowHeight;
}

function isOwn(name: string): boolean {
  return name.startsWith("dynatier");
}

function panelOf({ title, of, digits }: Panel, left: number, rows: readonly RowFigures[]): string[] {
  const longest = Math.max(1e-9, ...rows.map((row) => of(row)?.max ?? 0));
  const scale = (panelWidth - figureWidth) / longest;
  const bars = rows.flatMap((row, at) => {
    const value = of(row);
    if (value === undefined) return [];
    const [y, middle] = [yOf(at), yOf(at) + barHeight / 2];
    const [min, median, max] = [value.min, value.median, value.max].map((one) => (one * scale).toFixed(1));
    const colour = isOwn(row.short ?? "") ? own : other;
    return [
      `<rect x="${left}" y="${y}" width="${median}" height="${barHeight}" fill="${colour}"/>`,
      `<path d="M${left + Number(min)} ${middle}H${left + Number(max)}" stroke="${grey}"/>`,
      text(left + Number(max) + 5, middle + 4.5, grouped(value.median, digits)),
    ];
  });
  return [text(left, top - 12, title, `font-weight="600"`), ...bars];
}

function grouped(value: number, digits: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: digits, minimumFractionDigits: digits });
}

function text(x: number, y: number, words: string, attributes = ""): string {
  const escaped = words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escaped}</text>`;
}
