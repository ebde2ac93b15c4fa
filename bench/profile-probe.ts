/**
 * Preloaded into a process that is profiled (`node --import …/profile-probe.ts?folder=F`), in every thread of it: listens at
 * F/PID-THREAD.sock. Each connection is one recording: a RecordingWish as a line of JSON begins it, the answer is a line, the
 * next line ends it, and a ThreadRecording comes.
 */

import { openSync, readlinkSync, readSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { createServer, type Socket } from "node:net";
import path from "node:path";
import { PerformanceObserver, performance } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { threadId } from "node:worker_threads";
import type { RecordingWish, Stall, ThreadRecording } from "./profile-recording.ts";
import type { CpuProfile } from "./profile-rooms.ts";
import type { Interval } from "./scale-replay.ts";

const sampleUs = 200;
const tickMs = 1;
/** So much later than its time the timer has to come to count as a stall. */
const stallMs = 1;
/** What is to be added to performance.now() to have the system's monotonic clock. */
const monotonicMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();
const interval = (fromMs: number, toMs: number): Interval => [fromMs + monotonicMs, toMs + monotonicMs];

/** The run-queue's wait of the thread that opened it, so far; proc_pid_schedstat: nanoseconds run, waited, slices. */
const schedstat = openSync("/proc/thread-self/schedstat", "r");
const text = Buffer.alloc(64);
function waitedMs(): number {
  const bytes = readSync(schedstat, text, 0, text.length, 0);
  return Number(text.toString("latin1", 0, bytes).split(" ")[1]) / 1e6;
}

class Recording {
  readonly #wish: RecordingWish;
  readonly #pauses: Interval[] = [];
  readonly #stalls: Stall[] = [];
  readonly #observer = new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries())
      this.#pauses.push(interval(startTime, startTime + duration));
  });
  readonly #session = new Session();
  #ticks: NodeJS.Timeout | undefined;
  #beganAtMs = 0;
  #before = performance.nodeTiming.uvMetricsInfo;

  constructor(wish: RecordingWish) {
    this.#wish = wish;
  }

  async begin(): Promise<void> {
    if (this.#wish.profile) {
      this.#session.connect();
      await this.#session.post("Profiler.enable");
      await this.#session.post("Profiler.setSamplingInterval", { interval: sampleUs });
      await this.#session.post("Profiler.start");
    }
    this.#observer.observe({ entryTypes: ["gc"] });
    if (this.#wish.stalls) this.#watch();
    this.#beganAtMs = performance.now();
    this.#before = performance.nodeTiming.uvMetricsInfo;
  }

  async end(): Promise<ThreadRecording> {
    const { loopCount, events } = performance.nodeTiming.uvMetricsInfo;
    const seconds = (performance.now() - this.#beganAtMs) / 1000;
    clearInterval(this.#ticks);
    let profile: CpuProfile | undefined;
    if (this.#wish.profile) {
      ({ profile } = await this.#session.post("Profiler.stop"));
      this.#session.disconnect();
    }
    // The observer hears of a collection after it.
    await new Promise((resolve) => setTimeout(resolve, 10));
    this.#observer.disconnect();
    return {
      tid: Number(path.basename(readlinkSync("/proc/thread-self"))),
      thread: threadId,
      seconds,
      loopTurns: loopCount - this.#before.loopCount,
      events: events - this.#before.events,
      ...{ pauses: this.#pauses, stalls: this.#stalls, profile },
    };
  }

  /** Its own timer is the only thing that it adds to the thread's work. */
  #watch(): void {
    let [lastMs, lastWaitedMs] = [performance.now(), waitedMs()];
    this.#ticks = setInterval(() => {
      const [nowMs, nowWaitedMs] = [performance.now(), waitedMs()];
      const dueMs = lastMs + tickMs;
      if (nowMs - dueMs > stallMs)
        this.#stalls.push({ interval: interval(dueMs, nowMs), waitedMs: nowWaitedMs - lastWaitedMs });
      [lastMs, lastWaitedMs] = [nowMs, nowWaitedMs];
    }, tickMs);
  }
}

async function serve(socket: Socket): Promise<void> {
  socket.unref();
  const lines = createInterface(socket)[Symbol.asyncIterator]();
  const { value = "" } = await lines.next();
  const recording = new Recording(JSON.parse(value));
  await recording.begin();
  socket.write("begun\n");
  await lines.next();
  socket.end(JSON.stringify(await recording.end()));
}

const folder = new URL(import.meta.url).searchParams.get("folder");
if (folder === null) throw new Error("profile-probe.ts?folder=…: where to listen");
createServer((socket) => void serve(socket))
  .listen(path.join(folder, `${process.pid}-${threadId}.sock`))
  .unref();
