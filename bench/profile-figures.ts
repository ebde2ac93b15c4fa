/** Figures of a recording: what a reply costs, and what each event loop did with its time. Pure. */

import type { Recorded } from "./profile-recorder.ts";
import type { ThreadRecording } from "./profile-recording.ts";
import type { Standing } from "./profile-stalls.ts";
import type { ThreadTimes } from "./profile-times.ts";
import type { Interval } from "./scale-replay.ts";

/** For one reply, in microseconds of CPU time. */
export interface Costs {
  readonly userUs: number;
  readonly systemUs: number;
  /** Of both, that of threads without an event loop: V8's collector and compiler beside the main thread. */
  readonly helpersUs: number;
}

/** One event loop's thread. */
export interface LoopFigures {
  readonly tid: number;
  readonly thread: number;
  /** Shares of the time, 0 to 1: it ran; it was ready while its core ran something else; its collector held it. */
  readonly ran: number;
  readonly waited: number;
  readonly collector: number;
  readonly turnsPerSecond: number;
  /** It went to sleep by itself; it was taken off its core. */
  readonly sleepsPerSecond: number;
  readonly preemptionsPerSecond: number;
}

/** A loop that did less is not worth a line. */
const ranMin = 0.01;
const ran = ({ userSeconds, systemSeconds }: ThreadTimes): number => userSeconds + systemSeconds;

export function costsOf(recorded: Recorded, repliesPerSecond: number): Costs {
  const { times, seconds } = recorded;
  const replies = repliesPerSecond * seconds;
  const us = (of: readonly ThreadTimes[], figure: (one: ThreadTimes) => number): number =>
    (of.reduce((sum, one) => sum + figure(one), 0) * 1e6) / replies;
  const loops = loopsOf(recorded).map(({ tid }) => tid);
  const pids = times.filter(({ tid }) => loops.includes(tid)).map(({ pid }) => pid);
  const helpers = times.filter(({ pid, tid }) => pids.includes(pid) && !loops.includes(tid));
  return {
    userUs: us(times, ({ userSeconds }) => userSeconds),
    systemUs: us(times, ({ systemSeconds }) => systemSeconds),
    helpersUs: us(helpers, ran),
  };
}

export function loopsOf({ times, threads, seconds }: Recorded): LoopFigures[] {
  return threads.flatMap((recording): LoopFigures[] => {
    const counted = times.find(({ tid }) => tid === recording.tid);
    if (counted === undefined || ran(counted) / seconds < ranMin) return [];
    return [
      {
        ...{ tid: recording.tid, thread: recording.thread },
        ran: ran(counted) / seconds,
        waited: counted.waitedSeconds / seconds,
        collector: sumMs(recording.pauses) / 1000 / seconds,
        turnsPerSecond: recording.loopTurns / recording.seconds,
        sleepsPerSecond: counted.voluntary / seconds,
        preemptionsPerSecond: counted.involuntary / seconds,
      },
    ];
  });
}

export const pausesOf = ({ threads }: Recorded): Interval[] => threads.flatMap(({ pauses }) => pauses);

/** Of its main thread, for processes with one event loop. */
export function standingOf({ threads }: Recorded): Standing {
  const [main]: readonly (ThreadRecording | undefined)[] = threads;
  return { stalls: main?.stalls ?? [], pauses: main?.pauses ?? [] };
}

function sumMs(intervals: readonly Interval[]): number {
  return intervals.reduce((sum, [fromMs, toMs]) => sum + toMs - fromMs, 0);
}
