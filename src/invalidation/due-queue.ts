// Work that falls due at certain moments, done by a bounded number of hands: the one loop in which everything
// that following a stream needs is done. One entry costs a few words of memory, not a timer or a promise.

import type { Clock } from "../util/clock.ts";
import type { Sleep } from "./pause.ts";

export interface DueQueueOptions<Work> {
  /** How much is done at a time. */
  readonly handsMax: number;
  readonly clock: Clock;
  readonly sleep: Sleep;
  /** Does one piece of work; it may push more, or the same again. Must not reject. */
  readonly perform: (work: Work) => Promise<void>;
}

interface Entry<Work> {
  readonly dueAtMs: number;
  /** Of two that are due at the same moment, the one pushed first comes first. */
  readonly turn: number;
  readonly work: Work;
}

export class DueQueue<Work> {
  readonly #options: DueQueueOptions<Work>;
  /** A binary heap, the earliest first. */
  readonly #heap: Entry<Work>[] = [];
  #turn = 0;
  #busy = 0;
  #wake: () => void = () => {};

  constructor(options: DueQueueOptions<Work>) {
    this.#options = options;
  }

  push(work: Work, dueAtMs: number): void {
    this.#turn += 1;
    const entry = { dueAtMs, turn: this.#turn, work };
    rise(this.#heap, entry);
    if (this.#heap[0] === entry) this.#wake();
  }

  /** Works until nothing is left or the signal is aborted; what is being done then is waited for. */
  drain(signal: AbortSignal): Promise<void> {
    return this.#run(signal, () => this.#heap.length + this.#busy > 0);
  }

  /** Works until the signal is aborted; what is being done then is waited for. */
  run(signal: AbortSignal): Promise<void> {
    return this.#run(signal, () => true);
  }

  async #run(signal: AbortSignal, more: () => boolean): Promise<void> {
    const onAbort = (): void => this.#wake();
    signal.addEventListener("abort", onAbort);
    while (!signal.aborted && more()) {
      this.#begin(signal);
      await this.#somethingHappens(signal);
    }
    while (this.#busy > 0) await new Promise<void>((resolve) => this.#awaken(resolve));
    signal.removeEventListener("abort", onAbort);
  }

  /** Hands out what is due. */
  #begin(signal: AbortSignal): void {
    const { handsMax, clock } = this.#options;
    while (this.#busy < handsMax && !signal.aborted) {
      const [first] = this.#heap;
      if (first === undefined || first.dueAtMs > clock.nowMs()) return;
      sink(this.#heap);
      this.#busy += 1;
      void this.#perform(first.work);
    }
  }

  async #perform(work: Work): Promise<void> {
    await this.#options.perform(work);
    this.#busy -= 1;
    this.#wake();
  }

  /** Until work is done or pushed, some falls due that a hand is free for, or the signal is aborted. */
  async #somethingHappens(signal: AbortSignal): Promise<void> {
    const { handsMax, clock, sleep } = this.#options;
    const [first] = this.#heap;
    if (signal.aborted) return;
    const waitMs =
      first !== undefined && this.#busy < handsMax ? first.dueAtMs - clock.nowMs() : Number.POSITIVE_INFINITY;
    if (waitMs <= 0) return;
    await new Promise<void>((resolve) => {
      const alarm = new AbortController();
      this.#awaken(() => {
        alarm.abort();
        resolve();
      });
      if (waitMs < Number.POSITIVE_INFINITY) void sleep(waitMs, alarm.signal).then(resolve);
    });
    this.#awaken(() => {});
  }

  #awaken(wake: () => void): void {
    this.#wake = wake;
  }
}

function before<Work>(a: Entry<Work>, b: Entry<Work>): boolean {
  return a.dueAtMs < b.dueAtMs || (a.dueAtMs === b.dueAtMs && a.turn < b.turn);
}

function rise<Work>(heap: Entry<Work>[], entry: Entry<Work>): void {
  let at = heap.push(entry) - 1;
  while (at > 0) {
    const up = (at - 1) >> 1;
    const parent = heap[up];
    if (parent === undefined || !before(entry, parent)) break;
    heap[at] = parent;
    at = up;
  }
  heap[at] = entry;
}

/** Takes the first entry off. */
function sink<Work>(heap: Entry<Work>[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
    if (left === undefined) break;
    const next = right !== undefined && before(right, left) ? 2 * at + 2 : 2 * at + 1;
    const child = heap[next];
    if (child === undefined || !before(child, last)) break;
    heap[at] = child;
    at = next;
  }
  heap[at] = last;
}
