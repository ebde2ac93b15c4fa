/** What a recording of a thread is asked for and what it gives: one line of JSON each way between runner and probe. */

import type { CpuProfile } from "./profile-rooms.ts";
import type { Interval } from "./scale-replay.ts";

export interface RecordingWish {
  /** With V8's CPU profile, which costs the thread some of its speed. */
  readonly profile: boolean;
  /** With the moments in which the thread stood still, for which it looks at the clock every millisecond. */
  readonly stalls: boolean;
}

/** A time in which the thread's timer was due and was not called. */
export interface Stall {
  /** By the system's monotonic clock, so that threads and processes can be compared. */
  readonly interval: Interval;
  /** Of it, how long the thread was ready to run and the kernel had its core run something else. */
  readonly waitedMs: number;
}

export interface ThreadRecording {
  /** The system's number of the thread, and Node's own: 0 is the main thread. */
  readonly tid: number;
  readonly thread: number;
  readonly seconds: number;
  /** How often the event loop went round, and how many events of sockets it took. */
  readonly loopTurns: number;
  readonly events: number;
  /** When the garbage collector held the thread. */
  readonly pauses: readonly Interval[];
  readonly stalls: readonly Stall[];
  readonly profile: CpuProfile | undefined;
}
