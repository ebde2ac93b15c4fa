/**
 * What a million cached answers cost (docs/decisions/0006, targets P7 and P8): `node bench/memory.ts [flags]`, about ten minutes.
 *   --parts a,b     only these: candidates, bounds, proxy
 *   --entries N     default 1000000
 *   --seconds N     measured time of each load on the proxy (default 5)
 *   --repeats N     of the loads on the proxy (default 3)
 */

import { once } from "node:events";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import type { BoundFigures } from "./memory-bound.ts";
import type { CandidateFigures } from "./memory-child.ts";
import { measureProxy, type ProxyReport } from "./memory-proxy.ts";
import { serverCore, startNode } from "./processes.ts";
import { machine, table, writeReport } from "./report.ts";
import type { Spread } from "./statistics.ts";

const candidateNames = [
  "lru-cache, a Buffer each",
  "lru-cache, a one-byte string each",
  "lru-cache over segments",
  "entry store",
];
const bodyBytes = 300;
const MIB = 2 ** 20;
const bounds = [64, 256, 1_024].flatMap((mib) => [30, 300, 3_000, 20_000].map((bytes) => ({ mib, bytes })));

const { values } = parseArgs({
  options: {
    parts: { type: "string", default: "candidates,bounds,proxy" },
    entries: { type: "string", default: "1000000" },
    seconds: { type: "string", default: "5" },
    repeats: { type: "string", default: "3" },
  },
});
const entries = Number(values.entries);
const isAsked = (part: string) => values.parts.split(",").includes(part);

/** One line of JSON from a process of its own, in which the young generation has one size. */
async function measured<Figures>(script: string, parameters: readonly (string | number)[]): Promise<Figures> {
  const flags = ["--expose-gc", "--min-semi-space-size=4", "--max-semi-space-size=4"];
  const child = startNode(serverCore, script, parameters.map(String), [
    ...flags,
    "--max-old-space-size=8192",
  ]);
  const [said, [code]] = await Promise.all([text(child.stdout!), once(child, "exit")]);
  if (code !== 0) throw new Error(`${script} ended with ${code}`);
  return JSON.parse(said);
}

const whole = (value: number) => String(Math.round(value));
const mib = (bytes: number) => (bytes / MIB).toFixed(0);
const span = ({ median, min, max }: Spread, digits = 2) =>
  `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;

async function candidateTable(): Promise<{ figures: object; text: string }> {
  const figures: Record<string, CandidateFigures> = {};
  for (const name of candidateNames) {
    figures[name] = await measured<CandidateFigures>("bench/memory-child.ts", [name, entries, bodyBytes]);
    console.error(name);
  }
  const rows = Object.entries(figures).map(([name, one]) => [
    name,
    whole(one.overheadBytes),
    mib(one.heapBytes),
    whole(one.hitNs),
    whole(one.smallHitNs),
    whole(one.putNs),
    one.stallMs.toFixed(1),
    one.gcMs.toFixed(1),
    mib(one.swellingBytes),
  ]);
  const head = [
    "kept in",
    "overhead B",
    "heap MiB",
    "hit ns",
    "hit ns, 1,000",
    "put ns",
    "longest put ms",
    "GC ms",
  ];
  return { figures, text: table([[...head, "swelling MiB"], ...rows]) };
}

async function boundTable(): Promise<{ figures: object; text: string }> {
  const figures: (BoundFigures & { readonly mib: number; readonly bytes: number })[] = [];
  for (const { mib: bound, bytes } of bounds) {
    const one = await measured<BoundFigures>("bench/memory-bound.ts", [bound * MIB, bytes]);
    figures.push({ mib: bound, bytes, ...one });
  }
  const rows = figures.map((one) => [
    `${one.mib} MiB`,
    String(one.bytes),
    String(one.entries),
    (one.countedBytes / (one.mib * MIB)).toFixed(3),
    (one.mostBytes / (one.mib * MIB)).toFixed(3),
  ]);
  const head = ["bound", "body B", "entries", "counted / bound", "resident / bound"];
  return { figures, text: table([head, ...rows]) };
}

function proxyTable(report: ProxyReport): string {
  const { halfLoad } = report;
  return table([
    ["the proxy", "", "target"],
    ["entries, bytes of a body", `${report.entries}, ${report.bodyBytes}`, ""],
    ["resident MiB, of it heap", `${mib(report.residentBytes)}, ${mib(report.heapBytes)}`, ""],
    ["overhead bytes an entry (P8)", whole(report.overheadBytes), "≤ 350"],
    ["hits/s", span(report.hitsPerSecond, 0), ""],
    [`hits/s with ${report.fewEntries} entries`, span(report.hitsPerSecondFew, 0), ""],
    ["throughput × that (P7)", span(report.versusFew), "≥ 0.85"],
    ["CPU µs a hit", span(report.cpuUs), ""],
    [`CPU µs a hit with ${report.fewEntries} entries`, span(report.cpuUsFew), ""],
    ["CPU × that", span(report.cpuVersusFew), ""],
    ["half load: p50 ms", span(halfLoad.p50Ms), ""],
    ["half load: p99.9 ms (P7)", span(halfLoad.p999Ms), "≤ 3"],
    [`half load: p99.9 ms with ${report.fewEntries} entries`, span(halfLoad.p999MsFew), ""],
    ["of it the collector's", span(report.gcUs), ""],
    [`the collector's with ${report.fewEntries} entries`, span(report.gcUsFew), ""],
    ["longest pause of the collector, ms", report.gcMsMax.toFixed(1), ""],
  ]);
}

const legend = `Bodies of ${bodyBytes} bytes, ${entries} entries. "overhead": resident memory over that of the bodies, by entry.
"hit", "put": CPU of one; "longest put", "GC": while each put put somebody else out; "swelling": the most resident memory
meanwhile over what it was before.
Bounds: the memory tier filled with three times what fits, the young generation held at one size; resident: the most that
was seen. Bodies above 4 KiB are freed by the collector, which lets some pile up.`;

const about = machine();
const sections: string[] = [
  "# Memory",
  Object.entries(about)
    .map(([name, value]) => `${name} ${value}`)
    .join(" · "),
];
const report: Record<string, object> = { about };
if (isAsked("candidates")) {
  const { figures, text: rows } = await candidateTable();
  report.candidates = figures;
  sections.push(rows);
}
if (isAsked("bounds")) {
  const { figures, text: rows } = await boundTable();
  report.bounds = figures;
  sections.push(rows);
}
if (isAsked("proxy")) {
  const options = { entries, seconds: Number(values.seconds), repeats: Number(values.repeats) };
  const proxy = await measureProxy(options, (line) => console.error(line));
  report.proxy = proxy;
  sections.push(proxyTable(proxy));
}
sections.push(legend);
console.log(sections.join("\n\n"));
writeReport(report, `${sections.join("\n\n")}\n`, "memory");
