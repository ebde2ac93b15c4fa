/** One part of a case, measured twice: as it is, for times and counts; and under the profiler, for shares only. */

import type { Part } from "./profile-cases.ts";
import { type Costs, costsOf, type LoopFigures, loopsOf, pausesOf, standingOf } from "./profile-figures.ts";
import type { LoadFigures, Loads } from "./profile-loads.ts";
import { startControl } from "./profile-machine.ts";
import type { Recorded, Recorder, Subject } from "./profile-recorder.ts";
import { type Shares, sharesOf, sorted } from "./profile-rooms.ts";
import { type Attribution, attribute, type CauseFigures } from "./profile-stalls.ts";
import { factors } from "./scale-points.ts";

export interface PartFigures {
  readonly title: string;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number | undefined;
  readonly server: Costs;
  readonly load: Costs;
  readonly loops: readonly LoopFigures[];
  readonly longestPauseMs: number;
  /** Of the profiled threads. */
  readonly shares: Shares | undefined;
  readonly attribution: Attribution | undefined;
  /** What a process that does nothing has seen on the server's core meanwhile. */
  readonly beside: readonly CauseFigures[];
}

/** From the load's beginning to the recording's, and from its end to the load's. */
const marginSeconds = 0.4;

export async function measurePart(
  part: Part,
  loads: Loads,
  recorder: Recorder,
  seconds: number,
): Promise<PartFigures> {
  const { figures, server, load, control } = await runOnce(part, loads, recorder, seconds, false);
  const { perSecond, p50Ms, p99Ms, p999Ms } = figures;
  const isLoad = part.profiled === "load";
  const slow = figures.slow.filter(([dueMs]) => dueMs >= server.interval[0] && dueMs < server.interval[1]);
  const standing = { "the proxy": standingOf(server), "the load": standingOf(load) };
  return {
    title: part.kind === "row" ? part.row.title : `${factors[part.point.factor]}: ${part.point.label}`,
    ...{ perSecond, p50Ms, p99Ms, p999Ms },
    server: costsOf(server, perSecond),
    load: costsOf(load, perSecond),
    loops: loopsOf(isLoad ? load : server),
    longestPauseMs: Math.max(0, ...pausesOf(server).map(([fromMs, toMs]) => toMs - fromMs)),
    shares:
      part.profiled === "nobody"
        ? undefined
        : profileOf(await runOnce(part, loads, recorder, seconds, true), isLoad),
    attribution: isRated(part) ? attribute(slow, standing) : undefined,
    beside: isRated(part) ? attribute([], { "a control process": standingOf(control) }).causes : [],
  };
}

const isRated = (part: Part): boolean => part.kind === "point" && part.phase === "rated";

interface Run {
  readonly figures: LoadFigures;
  readonly server: Recorded;
  readonly load: Recorded;
  readonly control: Recorded;
}

async function runOnce(
  part: Part,
  loads: Loads,
  recorder: Recorder,
  seconds: number,
  isProfiled: boolean,
): Promise<Run> {
  const stalls = isRated(part);
  const control = stalls ? await startControl(recorder.flags) : undefined;
  try {
    const lasting = { seconds: seconds + 2 * marginSeconds, isFirst: !isProfiled, isProfiled };
    const running = await loads.start(part, lasting);
    await running.begun;
    const subject = (pids: readonly number[], who: Part["profiled"]): Subject => ({
      ...{ pids, stalls, profile: isProfiled && part.profiled === who },
    });
    const [server, load, beside] = await recorder.record(
      [
        subject(running.serverPids, "server"),
        subject([running.pid], "load"),
        subject(control?.pids ?? [], "nobody"),
      ],
      seconds,
    );
    const figures = await running.result;
    const { failures, complaints } = figures;
    if (failures > 0) throw new Error(`${failures} requests failed: ${complaints.join("; ")}`);
    return { figures, server: server!, load: load!, control: beside! };
  } finally {
    await control?.end();
  }
}

/** Node's by the probe; Python's by what its loop has said of itself. */
function profileOf({ figures, server, load }: Run, isLoad: boolean): Shares {
  const { ownSeconds } = figures;
  if (ownSeconds !== undefined) {
    const { rooms, functions } = ownSeconds;
    const total = Object.values(rooms).reduce((sum, seconds) => sum + seconds, 0);
    const shares = (of: Readonly<Record<string, number>>) => sorted(new Map(Object.entries(of)), total);
    return { rooms: shares(rooms), functions: shares(functions) };
  }
  const { threads, times, seconds } = isLoad ? load : server;
  return sharesOf(
    threads.flatMap(({ tid, profile }) => {
      const counted = times.find((one) => one.tid === tid);
      if (profile === undefined || counted === undefined) return [];
      const ranSeconds = counted.userSeconds + counted.systemSeconds;
      const sleptSeconds = Math.max(0, seconds - ranSeconds - counted.waitedSeconds);
      return [{ profile, ranSeconds, sleptSeconds }];
    }),
  );
}
