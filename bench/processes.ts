/** The servers and the load as processes: each pinned to its core, started once, idle while others are measured. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "..");
const startMsMax = 60_000;
/** /proc counts in USER_HZ, which Linux fixes at 100 for programs. */
const ticksPerSecond = 100;

/** False on machines without taskset or with one core only: then nothing is pinned, and the report says so. */
export const pinned = availableParallelism() >= 2 && spawnSync("taskset", ["-c", "0", "true"]).status === 0;

export const serverCore = 0;
export const loadCore = 1;

export const python = "python3";

/**
 * Runs one of our scripts on a core.
 * @param flags Node's own
 */
export function startNode(
  core: number,
  script: string,
  parameters: readonly string[],
  flags: readonly string[] = [],
): ChildProcess {
  return startProgram(core, [process.execPath, ...flags, path.join(root, script), ...parameters]);
}

/** Runs a program on a core, from a folder without settings and without settings in the environment. */
export function startProgram(core: number, words: readonly string[]): ChildProcess {
  const [command = "", ...rest] = pinned ? ["taskset", "-c", String(core), ...words] : words;
  const environment = Object.entries(process.env).filter(
    ([name]) => !/^(DYNATIER_|AWS_|NODE_OPTIONS$)/.test(name),
  );
  const child = spawn(command, rest, {
    cwd: tmpdir(),
    env: Object.fromEntries(environment),
    stdio: ["pipe", "pipe", "inherit"],
  });
  // It may end before it has read everything.
  child.stdin.on("error", () => {});
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Ends a process that startNode has started, and waits for its end. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.stdin?.end();
  child.kill("SIGTERM");
  await ended;
}

/** Standard output until it matches; gives the match. `busySeconds`: how long it has something else to do. */
export async function untilSaid(
  child: ChildProcess,
  pattern: RegExp,
  busySeconds = 0,
): Promise<RegExpExecArray> {
  const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
  let said = "";
  const listen = (text: string): void => {
    said += text;
    const match = pattern.exec(said);
    if (match !== null) resolve(match);
  };
  child.stdout?.setEncoding("utf8").on("data", listen);
  child.once("exit", (code) =>
    reject(new Error(`a process ended with ${code} before it was ready: ${said}`)),
  );
  child.once("error", reject);
  const patience = setTimeout(
    () => reject(new Error(`not ready in time: ${said}`)),
    startMsMax + busySeconds * 1000,
  );
  try {
    return await promise;
  } finally {
    clearTimeout(patience);
    child.stdout?.off("data", listen);
    child.stdout?.resume();
  }
}

/** The process and all below it. */
export function familyOf(pid: number): number[] {
  if (process.platform !== "linux") return [pid];
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    const fields = statFields(Number(name));
    if (fields !== undefined) parents.set(Number(name), Number(fields[1]));
  }
  const family = [pid];
  for (let at = 0; at < family.length; at += 1)
    for (const [child, parent] of parents) if (parent === family[at]) family.push(child);
  return family;
}

/** CPU time used so far by these processes in seconds; undefined where it cannot be told. */
export function cpuSeconds(pids: readonly number[]): number | undefined {
  if (process.platform !== "linux") return undefined;
  let ticks = 0;
  for (const pid of pids) {
    const fields = statFields(pid);
    ticks += Number(fields?.[11] ?? 0) + Number(fields?.[12] ?? 0);
  }
  return ticks / ticksPerSecond;
}

/** /proc/PID/stat from its third field on (state, parent, …, user and system time); see proc_pid_stat(5). */
function statFields(pid: number): string[] | undefined {
  if (!Number.isSafeInteger(pid)) return undefined;
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}
