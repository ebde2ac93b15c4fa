/** What the system has counted of the threads of a process: proc_pid_stat(5), proc_pid_status(5), schedstat. */

import { readdirSync, readFileSync } from "node:fs";

export interface ThreadTimes {
  readonly pid: number;
  readonly tid: number;
  readonly userSeconds: number;
  readonly systemSeconds: number;
  /** How long it was ready to run and something else ran. */
  readonly waitedSeconds: number;
  /** It went to sleep by itself; it was taken off its core. */
  readonly voluntary: number;
  readonly involuntary: number;
}

/** Of all threads of these processes, so far. */
export function threadTimes(pids: readonly number[]): ThreadTimes[] {
  return pids.flatMap((pid) => {
    const folder = `/proc/${pid}/task`;
    return namesIn(folder).flatMap((tid) => timesOf(`${folder}/${tid}`, pid, Number(tid)) ?? []);
  });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // It has ended.
  }
}

function timesOf(folder: string, pid: number, tid: number): ThreadTimes | undefined {
  try {
    const stat = readFileSync(`${folder}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const status = readFileSync(`${folder}/status`, "utf8");
    const counted = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)$`, "m").exec(status)?.[1]);
    // Ticks are too coarse but for the proportion of the two.
    const [ranNs = 0, waitedNs = 0] = readFileSync(`${folder}/schedstat`, "utf8").split(" ").map(Number);
    const [userTicks, systemTicks] = [Number(fields[11]), Number(fields[12])];
    const userShare = userTicks / Math.max(1, userTicks + systemTicks);
    return {
      ...{ pid, tid },
      userSeconds: (ranNs / 1e9) * userShare,
      systemSeconds: (ranNs / 1e9) * (1 - userShare),
      waitedSeconds: waitedNs / 1e9,
      voluntary: counted("voluntary_ctxt_switches"),
      involuntary: counted("nonvoluntary_ctxt_switches"),
    };
  } catch {
    return undefined; // It has ended.
  }
}

/** What came between two looks. */
export function since(before: readonly ThreadTimes[], after: readonly ThreadTimes[]): ThreadTimes[] {
  return after.map((now) => {
    const then = before.find(({ tid }) => tid === now.tid);
    const grown = (figure: Exclude<keyof ThreadTimes, "pid" | "tid">) => now[figure] - (then?.[figure] ?? 0);
    return {
      ...{ pid: now.pid, tid: now.tid },
      ...{ userSeconds: grown("userSeconds"), systemSeconds: grown("systemSeconds") },
      waitedSeconds: grown("waitedSeconds"),
      ...{ voluntary: grown("voluntary"), involuntary: grown("involuntary") },
    };
  });
}
