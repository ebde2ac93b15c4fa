/** The curves as an SVG: for each factor throughput on the left and the slowest replies on the right. Pure. */

import { type Factor, factors } from "./scale-points.ts";
import type { ScaleFigures } from "./scale-report.ts";
import type { Spread } from "./statistics.ts";

const width = 860;
const panel = { width: 330, height: 130, left: 70, gap: 90, top: 50, bottom: 58 } as const;
const rowHeight = panel.height + panel.bottom + 34;
const lineColour = { throughput: "#1f6fb4", latency: "#b4541f" } as const;
const style = 'font-family="sans-serif" font-size="11" fill="#333"';
/** Fewer points are no curve. */
const pointsMin = 3;

interface Axis {
  readonly ticks: readonly number[];
  /** 0 at the bottom, 1 at the top. */
  readonly share: (value: number) => number;
  readonly text: (value: number) => string;
}

export function scalePlot(curves: readonly ScaleFigures[]): string {
  const shown = (Object.keys(factors) as Factor[])
    .map((factor) => curves.filter((row) => row.factor === factor))
    .filter((rows) => rows.length >= pointsMin);
  const height = panel.top + shown.length * rowHeight;
  const rows = shown.flatMap((points, row) => {
    const top = panel.top + row * rowHeight + 20;
    const right = panel.left + panel.width + panel.gap;
    const throughputs = points.map(({ repliesPerSecond }) => repliesPerSecond);
    const latencies = points.map(({ p999Ms }) => p999Ms);
    return [
      chart(points, throughputs, linear(throughputs), lineColour.throughput, panel.left, top),
      chart(points, latencies, logarithmic(latencies), lineColour.latency, right, top),
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ${style}>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    heading(panel.left, "Replies a second"),
    heading(panel.left + panel.width + panel.gap, "p99.9 in ms at half of that rate (logarithmic)"),
    ...rows,
    "</svg>\n",
  ].join("\n");
}

function heading(x: number, text: string): string {
  return `<text x="${x}" y="30" font-size="14" font-weight="bold">${text}</text>`;
}

function chart(
  points: readonly ScaleFigures[],
  values: readonly Spread[],
  axis: Axis,
  colour: string,
  left: number,
  top: number,
): string {
  const bottom = top + panel.height;
  const x = (at: number): number => left + (panel.width * (at + 0.5)) / points.length;
  const y = (value: number): number => bottom - panel.height * axis.share(value);
  const grid = axis.ticks.map(
    (tick) =>
      `<line x1="${left}" x2="${left + panel.width}" y1="${y(tick)}" y2="${y(tick)}" stroke="#ddd"/>` +
      `<text x="${left - 6}" y="${y(tick) + 4}" text-anchor="end">${axis.text(tick)}</text>`,
  );
  const line = values.map(({ median }, at) => `${x(at)},${y(median).toFixed(1)}`).join(" ");
  const marks = values.map(
    ({ median, min, max }, at) =>
      `<line x1="${x(at)}" x2="${x(at)}" y1="${y(min).toFixed(1)}" y2="${y(max).toFixed(1)}" stroke="${colour}"/>` +
      `<circle cx="${x(at)}" cy="${y(median).toFixed(1)}" r="3" fill="${colour}"/>` +
      `<text x="${x(at)}" y="${bottom + 16}" text-anchor="middle">${points[at]?.label}</text>`,
  );
  const factor = points[0]?.factor;
  const title = factor === undefined ? "" : factors[factor];
  return [
    ...grid,
    `<polyline points="${line}" fill="none" stroke="${colour}" stroke-width="1.5"/>`,
    ...marks,
    `<text x="${left + panel.width / 2}" y="${bottom + 34}" text-anchor="middle" font-weight="bold">${title}</text>`,
  ].join("\n");
}

function linear(values: readonly Spread[]): Axis {
  const most = Math.max(...values.map(({ max }) => max), 1);
  const magnitude = 10 ** Math.floor(Math.log10(most));
  const step = [0.2, 0.5, 1, 2].map((one) => one * magnitude).find((one) => most / one <= 5) ?? magnitude;
  const top = Math.ceil(most / step) * step;
  return {
    ticks: Array.from({ length: Math.round(top / step) + 1 }, (_, at) => at * step),
    share: (value) => value / top,
    text: (value) => Math.round(value).toLocaleString("en"),
  };
}

function logarithmic(values: readonly Spread[]): Axis {
  const known = values.flatMap(({ min, max }) => [min, max]).filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(...known, 1)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...known, 1))));
  return {
    ticks: Array.from({ length: high - low + 1 }, (_, at) => 10 ** (low + at)),
    share: (value) => (Math.log10(Math.max(value, 10 ** low)) - low) / (high - low),
    text: (value) => String(value),
  };
}
