/** Records processes for a time: what the system counts of their threads, and what the probes in them tell. */

import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { RecordingWish, ThreadRecording } from "./profile-recording.ts";
import { since, type ThreadTimes, threadTimes } from "./profile-times.ts";
import type { Interval } from "./scale-replay.ts";

/** Processes that are recorded together; those without a probe are only counted. */
export interface Subject extends RecordingWish {
  readonly pids: readonly number[];
}

export interface Recorded {
  /** By the system's monotonic clock. */
  readonly interval: Interval;
  readonly seconds: number;
  /** All threads of the processes. */
  readonly times: readonly ThreadTimes[];
  /** Those of them that have a probe, the main thread first. */
  readonly threads: readonly ThreadRecording[];
}

const settleMs = 200;
const byTid = (one: ThreadRecording, other: ThreadRecording): number => one.tid - other.tid;

export class Recorder {
  readonly #folder = mkdtempSync(path.join(tmpdir(), "dynatier-profile-"));

  /** Node's flags for a process that is to be recorded. */
  get flags(): readonly string[] {
    const probe = new URL("profile-probe.ts", import.meta.url);
    probe.searchParams.set("folder", this.#folder);
    return ["--import", probe.href];
  }

  end(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** @returns one for each subject */
  async record(subjects: readonly Subject[], seconds: number): Promise<Recorded[]> {
    const probes = await Promise.all(subjects.map((subject) => this.#begin(subject)));
    // A stall from before the first look explains replies after it.
    await sleep(settleMs);
    const look = () => ({ atMs: monotonicMs(), times: subjects.map(({ pids }) => threadTimes(pids)) });
    const before = look();
    await sleep(seconds * 1000);
    const after = look();
    const threads = await Promise.all(probes.map((sockets) => Promise.all(sockets.map(ended))));
    return subjects.map((_, at) => ({
      interval: [before.atMs, after.atMs],
      seconds: (after.atMs - before.atMs) / 1000,
      times: since(before.times[at]!, after.times[at]!),
      threads: threads[at]!.sort(byTid),
    }));
  }

  #begin({ pids, profile, stalls }: Subject): Promise<Socket[]> {
    const wish: RecordingWish = { profile, stalls };
    const files = readdirSync(this.#folder).filter((file) => pids.includes(Number.parseInt(file, 10)));
    return Promise.all(
      files.map(async (file) => {
        const socket = connect(path.join(this.#folder, file));
        socket.write(`${JSON.stringify(wish)}\n`);
        await once(socket, "data");
        return socket;
      }),
    );
  }
}

const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

async function ended(socket: Socket): Promise<ThreadRecording> {
  socket.write("end\n");
  return JSON.parse(await text(socket));
}
