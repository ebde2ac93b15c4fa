/** The clock of the server that keeps the log, as far as this process can know it: an earliest and a latest estimate. */

import type { ReferenceClock } from "./shared-store.ts";

/** How far two clocks may part: what NTP allows itself when it slews. */
const DRIFT = 500e-6;

export class ServerClock implements ReferenceClock {
  /** Bounds of (server's clock − ours) at #sampledAtMs. */
  #least = Number.NEGATIVE_INFINITY;
  #most = Number.POSITIVE_INFINITY;
  #sampledAtMs = 0;

  earliestMs(localMs: number): number {
    return localMs + this.#least - DRIFT * Math.abs(localMs - this.#sampledAtMs);
  }

  latestMs(localMs: number): number {
    return localMs + this.#most + DRIFT * Math.abs(localMs - this.#sampledAtMs);
  }

  /**
   * Takes the server's answer to TIME, asked and heard at these moments of our clock: the server read its clock in
   * between. False if it contradicts what was known: one of the two clocks was set, or stood still. The new sample counts
   * then, and nothing that was concluded from the old ones.
   */
  sample(serverMs: number, askedAtMs: number, heardAtMs: number): boolean {
    const drift = DRIFT * Math.abs(heardAtMs - this.#sampledAtMs);
    const [least, most] = [this.#least - drift, this.#most + drift];
    // While the question was under way our own clock went on, and may have drifted too.
    const slack = DRIFT * (heardAtMs - askedAtMs);
    const [low, high] = [serverMs - heardAtMs - slack, serverMs - askedAtMs + slack];
    const agrees = low <= most && high >= least;
    this.#least = agrees ? Math.max(low, least) : low;
    this.#most = agrees ? Math.min(high, most) : high;
    this.#sampledAtMs = heardAtMs;
    return agrees;
  }

  /** Another server keeps the log now: what was known of the old one's clock says nothing. */
  forget(): void {
    this.#least = Number.NEGATIVE_INFINITY;
    this.#most = Number.POSITIVE_INFINITY;
  }
}
