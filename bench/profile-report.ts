/** The profiles as Markdown that reads well as plain text too. */

import type { Case } from "./profile-cases.ts";
import type { Costs, LoopFigures } from "./profile-figures.ts";
import type { PartFigures } from "./profile-measure.ts";
import { groupsOf, type Share, type Shares, withoutCrumbs } from "./profile-rooms.ts";
import { type CauseFigures, causes } from "./profile-stalls.ts";
import { machine, table } from "./report.ts";

export interface MeasuredCase {
  readonly id: string;
  readonly target: string;
  readonly title: string;
  readonly parts: readonly (PartFigures & { readonly profiled: Case["parts"][number]["profiled"] })[];
}

export interface ProfileReport {
  readonly about: Readonly<Record<string, string | number | boolean>>;
  /** What a process that never sleeps saw before anything else was started. */
  readonly machine: readonly CauseFigures[];
  readonly cases: readonly MeasuredCase[];
  readonly skipped: readonly string[];
}

const legend = `Every part is measured twice. As it is: throughput, latencies, CPU time and switches by the system's count, the
collector's pauses. Then under V8's profiler, a sample every 200 µs: only the shares are taken from there, and "µs" is that share
of the CPU time that the event loops use without the profiler. Sleeping is left out. "helpers" are V8's other threads (collector,
compiler); their part is in user and system time. JSON.parse has no frame of its own: it is in the function around it, parseObject
of src/dynamodb/json-codec.ts. Writing and looking for events together come near to the system time, if the machine is quiet; on a
busy one, and of threads that sleep often, the profiler sees too much of the second. One core for the server and what answers
it, one for the load.`;

export function aboutProfile(seconds: number): ProfileReport["about"] {
  return { ...machine(), seconds };
}

export function profileMarkdown({ about, machine, cases, skipped }: ProfileReport): string {
  const facts = Object.entries(about).map(([name, value]) => `${name} ${value}`);
  return [
    "# Profiles",
    facts.join(" · "),
    legend,
    ...(machine.length > 0
      ? [
          "## The machine before anything else runs: who stood still for more than 1 ms",
          causeTable(machine, false),
        ]
      : []),
    ...cases.flatMap(caseText),
    ...(skipped.length > 0 ? [`Not measured: ${skipped.join("; ")}.`] : []),
  ]
    .join("\n\n")
    .concat("\n");
}

function caseText({ id, target, title, parts }: MeasuredCase): string[] {
  const isClient = parts.some(({ profiled }) => profiled === "load");
  return [
    `## ${title} (${target}, --cases ${id})`,
    table([costHead, ...parts.map(costCells)]),
    ...(isClient ? [table([callHead, ...parts.map(callCells)])] : []),
    ...loopText(parts),
    ...parts.flatMap(stallText),
    ...parts.flatMap((part) => sharesText(part)),
  ];
}

const costHead = [
  "a reply",
  "replies/s",
  "p50 ms",
  "p99 ms",
  "p99.9 ms",
  "CPU µs",
  "user",
  "system",
  "helpers",
];

function costCells({ title, perSecond, p50Ms, p99Ms, p999Ms, server }: PartFigures): string[] {
  const { userUs, systemUs, helpersUs } = server;
  const us = [userUs + systemUs, userUs, systemUs, helpersUs].map((value) => value.toFixed(1));
  return [title, perSecond.toFixed(0), p50Ms.toFixed(2), p99Ms.toFixed(2), p999Ms?.toFixed(2) ?? "", ...us];
}

const callHead = ["a call, µs", "in all", "client's CPU", "server's CPU", "neither"];

/**
 * One call at a time: what neither core computes is spent on the wire and on waking up. What both do at once (a server that has
 * answered still has to go to sleep) is taken off that.
 */
function callCells({ title, perSecond, load, server }: PartFigures): string[] {
  const [all, client, answering] = [1e6 / perSecond, total(load), total(server)];
  return [title, ...[all, client, answering, all - client - answering].map((us) => us.toFixed(0))];
}

/** Without what helpers do beside it. */
const total = ({ userUs, systemUs, helpersUs }: Costs): number => userUs + systemUs - helpersUs;

const loopHead = [
  "event loop",
  "ran",
  "waited",
  "collector",
  "turns/s",
  "replies/turn",
  "sleeps/s",
  "preempted/s",
];

function loopText(parts: readonly PartFigures[]): string[] {
  const rows = parts.flatMap(({ title, loops, perSecond }) =>
    loops.map((loop) => [`${title}, ${nameOf(loop)}`, ...loopCells(loop, perSecond / loops.length)]),
  );
  return rows.length > 0 ? [table([loopHead, ...rows])] : [];
}

const nameOf = ({ thread }: LoopFigures): string => (thread === 0 ? "main thread" : `worker ${thread}`);

function loopCells(loop: LoopFigures, perSecond: number): string[] {
  const shares = [loop.ran, loop.waited, loop.collector].map(percent);
  const rates = [loop.sleepsPerSecond, loop.preemptionsPerSecond].map((rate) => rate.toFixed(0));
  return [...shares, loop.turnsPerSecond.toFixed(0), (perSecond / loop.turnsPerSecond).toFixed(1), ...rates];
}

function stallText({ title, attribution, beside, longestPauseMs }: PartFigures): string[] {
  if (attribution === undefined) return [];
  const { slow, unexplained } = attribution;
  return [
    `### ${title}: who stood still for more than 1 ms`,
    `${slow} replies took more than 3 ms; ${unexplained} of them for none of these reasons. ` +
      `Longest pause of the proxy's collector: ${longestPauseMs.toFixed(1)} ms.`,
    causeTable(attribution.causes, true),
    "Meanwhile a process that does nothing, on the proxy's core and before it in the queue, saw:",
    causeTable(beside, false),
  ];
}

function causeTable(figures: readonly CauseFigures[], hasReplies: boolean): string {
  const seen = figures.filter(({ stalls }) => stalls > 0);
  if (seen.length === 0) return "(nothing)";
  const head = ["who, and why", "times", "longest ms", "in all ms", ...(hasReplies ? ["slow replies"] : [])];
  const rows = seen.map(({ who, cause, stalls, longestMs, sumMs, slowReplies }) => [
    `${who}: ${causes[cause]}`,
    ...[String(stalls), longestMs.toFixed(1), sumMs.toFixed(0)],
    ...(hasReplies ? [String(slowReplies)] : []),
  ]);
  return table([head, ...rows]);
}

const crumbs = 0.01;

function sharesText({ title, shares, ...part }: MeasuredCase["parts"][number]): string[] {
  if (shares === undefined) return [];
  const us = total(part.profiled === "load" ? part.load : part.server);
  const whose = part.profiled === "load" ? "the client" : "the server";
  const rows = (of: readonly Share[]) =>
    of.map(({ name, share }) => [name, percent(share), (share * us).toFixed(2)]);
  const { rooms, functions }: Shares = shares;
  const groups = groupsOf(rooms).map(
    ({ name, share }) => `${name} ${percent(share)}, ${(share * us).toFixed(1)} µs`,
  );
  return [
    `### ${title}: where ${whose}'s ${us.toFixed(1)} µs go`,
    ...(part.profiled === "server" ? [`${groups.join("; ")}.`] : []),
    table([["room", "share", "µs"], ...rows(withoutCrumbs(rooms, crumbs))]),
    table([["function", "share", "µs"], ...rows(functions)]),
  ];
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
