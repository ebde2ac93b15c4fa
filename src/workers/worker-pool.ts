/**
 * The worker threads of the process: started, asked for figures, replaced when they die, drained. They serve all requests;
 * this thread serves none.
 */

import type { AccessKey } from "../config/keys-file.ts";
import type { Counters } from "../metrics/counters.ts";
import {
  currentGauges,
  type GaugeSources,
  growingGauges,
  type NumberGauge,
  type WorkerFigures,
} from "../metrics/gauge-sources.ts";
import type { ThreadUse } from "../metrics/process-probe.ts";
import type { ThreadSource } from "../metrics/registry.ts";
import type { ThreadFigures } from "../metrics/thread-figures.ts";
import { ThreadSum } from "../metrics/thread-sum.ts";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import type { Sign, WorkerBoot } from "./messages.ts";
import { expectFree } from "./port-sharing.ts";
import { type Listening, WorkerThread, type WorkerThreadOptions } from "./worker-thread.ts";

export interface WorkerPoolOptions extends Omit<WorkerThreadOptions, "boot"> {
  readonly workers: number;
  /** What a worker that starts now is born with. */
  readonly boot: () => Omit<WorkerBoot, "worker" | "port">;
  /**
   * A worker has died: writes that it had under way have an outcome that nobody will learn. Awaited before its
   * replacement starts.
   */
  readonly onDeath: (worker: number) => void | Promise<void>;
  readonly tablesMax: number;
  readonly drainMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How long a worker may take to give its figures. */
const figuresMs = 500;
/** How often they are asked for although nobody wants them: what a worker that dies has counted since then is lost. */
const figuresEveryMs = 2_000;
/** Beyond the drain time, before a worker is ended. */
const stopGraceMs = 1_000;
/** Before a worker is replaced: doubled with each death, as long as it does not live for settledMs. */
const restartPause = { baseMs: 100, capMs: 30_000, settledMs: 60_000 };

export type WorkerState = "starting" | "serving" | "dead" | "stopped";

/** A worker through all its lives. */
interface Slot {
  readonly worker: number;
  state: WorkerState;
  thread: WorkerThread | undefined;
  bornAtMs: number;
  /** The last figures of this life. */
  figures: ThreadFigures | undefined;
  restarts: number;
  /** Deaths in a row. */
  deaths: number;
  endedBusySeconds: number;
}

/** One worker, for people. */
export interface WorkerReport {
  readonly worker: number;
  readonly state: WorkerState;
  readonly restarts: number;
  readonly connections: number;
  readonly requestsInFlight: number;
  readonly memory: object | undefined;
}

export class WorkerPool implements ThreadSource {
  readonly #options: WorkerPoolOptions;
  readonly #slots: readonly Slot[];
  readonly #sum: ThreadSum;
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Where all workers listen, once the first does. */
  #listening: Listening | undefined;
  #host = "";
  #isStopping = false;
  #late = 0;
  #gathering: Promise<void> | undefined;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#sum = new ThreadSum(options.tablesMax);
    this.#slots = Array.from({ length: options.workers }, (_, index) => ({
      worker: index + 1,
      state: "starting",
      thread: undefined,
      bornAtMs: 0,
      figures: undefined,
      restarts: 0,
      deaths: 0,
      endedBusySeconds: 0,
    }));
  }

  /** Starts all workers; gives the address that clients use. The first finds the port, the others share it. */
  async start(host: string, port: number): Promise<string> {
    this.#host = host;
    await expectFree(host, port);
    const [first, ...others] = this.#slots;
    if (first === undefined) throw new RangeError("no workers");
    this.#listening = await this.#spawn(first, port);
    const { url, port: found } = this.#listening;
    await Promise.all(others.map((slot) => this.#spawn(slot, found)));
    const timer = setInterval(() => void this.gather(), figuresEveryMs);
    this.#timers.add(timer.unref());
    return url;
  }

  /** Drains all workers; one that does not end in time is ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#slots.map((slot) => this.#stopOne(slot)));
  }

  /** Whether calls are answered. */
  get serving(): number {
    return this.#slots.filter(({ state }) => state === "serving").length;
  }

  postSigns(signs: readonly Sign[], busCaughtUpAtMs: number): void {
    for (const { thread } of this.#slots) thread?.post({ kind: "signs", signs, busCaughtUpAtMs });
  }

  postKeys(keys: readonly AccessKey[]): void {
    for (const { thread } of this.#slots) thread?.post({ kind: "keys", keys });
  }

  /** Those who ask at the same time share one round of questions. */
  gather(): Promise<void> {
    this.#gathering ??= this.#ask().finally(() => {
      this.#gathering = undefined;
    });
    return this.#gathering;
  }

  total(own: Counters): Counters {
    return this.#sum.counters(own.figures(), this.#living());
  }

  uses(): readonly ThreadUse[] {
    return this.#sum.uses(this.#living());
  }

  /** The workers' figures added up, by their last word. `own` are this thread's, which count as well. */
  gaugeSources(own: GaugeSources): GaugeSources {
    const gauges = () => this.#sum.gauges(this.#living());
    // No number where no thread has one: then there is nothing to show.
    const number = (name: NumberGauge) => () => {
      const [theirs, ours] = [gauges().numbers[name], own[name]?.()];
      return theirs === undefined && ours === undefined ? Number.NaN : (theirs ?? 0) + (ours ?? 0);
    };
    const numbers = [...currentGauges, ...growingGauges].map((name) => [name, number(name)]);
    return {
      ...Object.fromEntries(numbers),
      caches: () => gauges().caches,
      workerFiguresLate: () => this.#late,
      workers: () => this.#slots.map(workerFigures),
    };
  }

  report(): WorkerReport[] {
    return this.#slots.map(({ worker, state, restarts, figures }) => ({
      worker,
      state,
      restarts,
      connections: figures?.gauges.numbers.clientConnections ?? 0,
      requestsInFlight: figures?.gauges.numbers.requestsInFlight ?? 0,
      memory: figures?.gauges.caches.find(({ tier }) => tier === "memory"),
    }));
  }

  #living(): ThreadFigures[] {
    return this.#slots.flatMap(({ figures }) => (figures === undefined ? [] : [figures]));
  }

  async #ask(): Promise<void> {
    await Promise.all(
      this.#slots.map(async (slot) => {
        const { thread } = slot;
        if (thread === undefined || slot.state !== "serving") return;
        const figures = await thread.figures(figuresMs);
        if (slot.thread !== thread) return; // It has died meanwhile; its last figures are in the sum.
        if (figures === undefined) this.#late += 1;
        else slot.figures = figures;
      }),
    );
  }

  async #spawn(slot: Slot, port: number): Promise<Listening> {
    const { entry, boot, describe, refresh, clock } = this.#options;
    const thread = new WorkerThread({
      ...{ entry, describe, refresh },
      boot: { ...boot(), worker: slot.worker, port },
    });
    slot.state = "starting";
    slot.thread = thread;
    slot.bornAtMs = clock.nowMs();
    void thread.ended.then((reason) => this.#bury(slot, reason));
    const listening = await thread.started;
    slot.state = "serving";
    return listening;
  }

  /** The thread is gone, whatever it was doing. */
  async #bury(slot: Slot, reason: Error): Promise<void> {
    const hadServed = slot.state === "serving";
    slot.state = this.#isStopping ? "stopped" : "dead";
    slot.thread = undefined;
    if (slot.figures !== undefined) {
      slot.endedBusySeconds += slot.figures.use.loopBusySeconds;
      this.#sum.end(slot.figures);
      slot.figures = undefined;
    }
    if (this.#isStopping) return;
    if (hadServed) await this.#mourn(slot.worker, reason);
    // At start, the one that waits for it says why; nothing is replaced before everything has been there once.
    if (this.#listening === undefined || (!hadServed && slot.deaths === 0)) return;
    this.#replaceLater(slot);
  }

  #replaceLater(slot: Slot): void {
    const { clock, log } = this.#options;
    const { baseMs, capMs, settledMs } = restartPause;
    slot.deaths = clock.nowMs() - slot.bornAtMs > settledMs ? 1 : slot.deaths + 1;
    const pauseMs = Math.min(capMs, baseMs * 2 ** (slot.deaths - 1));
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void this.#replace(slot).catch((error: unknown) =>
        log.error({ worker: slot.worker, error }, "a worker could not be replaced; trying again"),
      );
    }, pauseMs);
    this.#timers.add(timer);
  }

  async #replace(slot: Slot): Promise<void> {
    if (this.#isStopping || this.#listening === undefined) return;
    slot.restarts += 1;
    await this.#spawn(slot, this.#listening.port);
    this.#options.log.info({ worker: slot.worker, host: this.#host }, "the worker serves again");
  }

  async #stopOne({ thread, state, worker }: Slot): Promise<void> {
    if (thread === undefined) return;
    if (state === "starting") return thread.terminate();
    thread.post({ kind: "stop" });
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<"late">((resolve) => {
      timer = setTimeout(resolve, this.#options.drainMs + stopGraceMs, "late");
    });
    const outcome = await Promise.race([thread.ended, patience]);
    clearTimeout(timer);
    if (outcome !== "late") return;
    await thread.terminate();
    await this.#mourn(worker, new Error("it did not end within the drain time"));
  }

  async #mourn(worker: number, reason: Error): Promise<void> {
    const { onDeath, log } = this.#options;
    log.error({ worker, error: reason }, "a worker has died: what is cached is dropped");
    try {
      await onDeath(worker);
    } catch (error) {
      log.error({ worker, error }, "a bug: what a dead worker left behind could not be invalidated");
    }
  }
}

function workerFigures(slot: Slot): WorkerFigures {
  const { worker, state, restarts, figures, endedBusySeconds } = slot;
  return {
    worker,
    isServing: state === "serving",
    connections: figures?.gauges.numbers.clientConnections ?? 0,
    restarts,
    busySeconds: endedBusySeconds + (figures?.use.loopBusySeconds ?? 0),
  };
}
