/** What the process itself uses: CPU, memory and the event loop. */
import { monitorEventLoopDelay, performance } from "node:perf_hooks";

/** The monitor's own period, which every delay that it reports contains. */
const lagResolutionMs = 20;
/** A window is shown once it is this old, so that scrapers do not shorten each other's. */
const lagWindowMs = 10_000;

/** Event loop lag in seconds, by quantile. */
export interface LoopLag {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** What one thread uses. */
export interface ThreadUse {
  readonly heapUsedBytes: number;
  readonly heapTotalBytes: number;
  readonly externalBytes: number;
  /** Since its start. */
  readonly loopBusySeconds: number;
  readonly lag: LoopLag;
}

export class ProcessProbe {
  readonly #delay = monitorEventLoopDelay({ resolution: lagResolutionMs });
  #windowStartedAtMs = performance.now();
  #lag: LoopLag | undefined;

  constructor() {
    this.#delay.enable();
  }

  cpuSeconds(): { readonly user: number; readonly system: number } {
    const { user, system } = process.cpuUsage();
    return { user: user / 1e6, system: system / 1e6 };
  }

  /** Time since the start in which the event loop had work, in seconds. */
  loopBusySeconds(): number {
    return performance.eventLoopUtilization().active / 1000;
  }

  /** What this thread uses. */
  use(): ThreadUse {
    const { heapUsed, heapTotal, external } = process.memoryUsage();
    return {
      heapUsedBytes: heapUsed,
      heapTotalBytes: heapTotal,
      externalBytes: external,
      loopBusySeconds: this.loopBusySeconds(),
      lag: this.loopLag(),
    };
  }

  /** The lag in the last finished window; in the window under way as long as none has finished. */
  loopLag(): LoopLag {
    const nowMs = performance.now();
    const current = this.#read();
    if (nowMs - this.#windowStartedAtMs < lagWindowMs) return this.#lag ?? current;
    this.#lag = current;
    this.#windowStartedAtMs = nowMs;
    this.#delay.reset();
    return current;
  }

  close(): void {
    this.#delay.disable();
  }

  #read(): LoopLag {
    const delay = this.#delay;
    const seconds = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - lagResolutionMs / 1000);
    return {
      p50: seconds(delay.percentile(50)),
      p99: seconds(delay.percentile(99)),
      max: seconds(delay.max),
    };
  }
}
