// What a follower counts: for its state, and to tell what following costs.

import type { Clock } from "../util/clock.ts";
import type { StreamError } from "./stream-api.ts";
import type { FollowerRecorder } from "./stream-settings.ts";

const windowMs = 30_000;
const leastMs = 1_000;
/** Thirty days. */
const monthMs = 30 * 24 * 3_600_000;

export class StreamCounts {
  readonly #clock: Clock;
  readonly #recorder: FollowerRecorder;
  records = 0;
  unreadable = 0;
  gaps = 0;
  polls = 0;
  throttled = 0;
  backlogRecords = 0;
  lastError: string | undefined;
  #windowFromMs: number;
  #windowPolls = 0;
  #pollsPerMs: number | undefined;

  constructor(clock: Clock, recorder: FollowerRecorder) {
    this.#clock = clock;
    this.#recorder = recorder;
    this.#windowFromMs = clock.nowMs();
  }

  /** A GetRecords is about to be sent. */
  poll(): void {
    const now = this.#clock.nowMs();
    const elapsedMs = now - this.#windowFromMs;
    if (elapsedMs >= windowMs) {
      this.#pollsPerMs = this.#windowPolls / elapsedMs;
      this.#windowFromMs = now;
      this.#windowPolls = 0;
    }
    this.polls += 1;
    this.#windowPolls += 1;
  }

  /** GetRecords calls in 30 days at the present pace; a guess during the first half minute. */
  pollsPerMonth(): number {
    const elapsedMs = Math.max(leastMs, this.#clock.nowMs() - this.#windowFromMs);
    const pollsPerMs =
      this.#pollsPerMs === undefined || elapsedMs > 2 * windowMs
        ? this.#windowPolls / elapsedMs
        : this.#pollsPerMs;
    return Math.round(pollsPerMs * monthMs);
  }

  /** A call failed, by the service's or the network's fault. */
  failed(error: StreamError): void {
    this.lastError = error.name;
    if (error.kind === "throttled") this.throttled += 1;
    this.#recorder.failed?.(error.name);
  }

  /** A call went well. */
  succeeded(): void {
    this.lastError = undefined;
  }
}
