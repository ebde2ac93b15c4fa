/** What the system has counted of the threads of a process: proc_pid_stat(5), proc_pid_status(5), schedstat. */

import { readdirSync, readFileSync } from "node:fs";

export interface ThreadTimes {
  readonly tid: number;
  readonly name: string;
  readonly userSeconds: number;
  readonly systemSeconds: number;
  /** How long it was ready to run and something else ran. */
  readonly waitedSeconds: number;
  /** It went to sleep by itself; it was taken off its core. */
  readonly voluntary: number;
  readonly involuntary: number;
}

/** /proc counts in USER_HZ, which Linux fixes at 100 for programs. */
const ticksPerSecond = 100;

/** Of all threads of these processes, so far. */
export function threadTimes(pids: readonly number[]): ThreadTimes[] {
  return pids.flatMap((pid) => {
    const folder = `/proc/${pid}/task`;
    return namesIn(folder).flatMap((tid) => timesOf(`${folder}/${tid}`, Number(tid)) ?? []);
  });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // It has ended.
  }
}

function timesOf(folder: string, tid: number): ThreadTimes | undefined {
  try {
    const stat = readFileSync(`${folder}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const status = readFileSync(`${folder}/status`, "utf8");
    const counted = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)$`, "m").exec(status)?.[1]);
    return {
      tid,
      name: stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")")),
      userSeconds: Number(fields[11]) / ticksPerSecond,
      systemSeconds: Number(fields[12]) / ticksPerSecond,
      waitedSeconds: Number(readFileSync(`${folder}/schedstat`, "utf8").split(" ")[1]) / 1e9,
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
    const grown = (figure: Exclude<keyof ThreadTimes, "name" | "tid">) => now[figure] - (then?.[figure] ?? 0);
    return {
      ...{ tid: now.tid, name: now.name },
      ...{ userSeconds: grown("userSeconds"), systemSeconds: grown("systemSeconds") },
      waitedSeconds: grown("waitedSeconds"),
      ...{ voluntary: grown("voluntary"), involuntary: grown("involuntary") },
    };
  });
}
