/** The machine by itself: what stops the clock of a process that does nothing. */

import { spawnSync } from "node:child_process";
import path from "node:path";
import { serverCore, startProgram, stop, untilSaid } from "./processes.ts";
import { standingOf } from "./profile-figures.ts";
import type { Recorder } from "./profile-recorder.ts";
import { attribute, type CauseFigures } from "./profile-stalls.ts";

export interface Control {
  readonly pids: readonly number[];
  end(): Promise<void>;
}

/** Before everything else on its core, where that may be said (as root): what it still sees, the proxy has not done. */
const beforeOthers = spawnSync("chrt", ["-f", "1", "true"]).status === 0 ? ["chrt", "-f", "1"] : [];

/** @param flags Node's own */
export async function startControl(flags: readonly string[], ...words: readonly string[]): Promise<Control> {
  const script = path.join(import.meta.dirname, "profile-control.ts");
  const first = words.length === 0 ? beforeOthers : [];
  const child = startProgram(serverCore, [...first, process.execPath, ...flags, script, ...words]);
  await untilSaid(child, /^url/m);
  return { pids: [child.pid ?? 0], end: () => stop(child) };
}

/** The server's core with nothing on it but a process that never sleeps. */
export async function measureMachine(recorder: Recorder, seconds: number): Promise<readonly CauseFigures[]> {
  const control = await startControl(recorder.flags, "spin");
  try {
    const [recorded] = await recorder.record([{ ...control, profile: false, stalls: true }], seconds);
    return attribute([], { "a process that spins": standingOf(recorded!) }).causes;
  } finally {
    await control.end();
  }
}
