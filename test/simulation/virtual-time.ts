/**
 * Time and its events, owned by the simulation. One event runs, then everything that it has set in motion
 * (promises) runs to its end, then comes the next. Events of one millisecond come in an order that the seed
 * decides.
 */

import type { Clock } from "../../src/util/clock.ts";
import type { Random } from "./random.ts";

interface Event {
  readonly atMs: number;
  readonly tie: number;
  run: (() => void) | undefined;
}

/** What code under test gets from setTimeout while the simulation owns it. */
interface VirtualTimer {
  clear(): void;
  unref(): VirtualTimer;
}

/** Whose timer it is, if the run has several processes: what is to happen when it is due. */
export type TimerOwner = (run: () => void) => () => void;

export class VirtualTime implements Clock {
  readonly #random: Random;
  readonly #owner: TimerOwner;
  readonly #heap: Event[] = [];
  #nowMs = 100_000;
  #turn = 0;

  constructor(random: Random, owner: TimerOwner = (run) => run) {
    this.#random = random;
    this.#owner = owner;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  /** The number of the event that runs now: orders what happens within one millisecond. */
  get turn(): number {
    return this.#turn;
  }

  /** Runs `run` at this moment, or now if it has passed. */
  at(atMs: number, run: () => void): Event {
    const event = { atMs: Math.max(atMs, this.#nowMs), tie: this.#random.next(), run };
    push(this.#heap, event);
    return event;
  }

  after(delayMs: number, run: () => void): Event {
    return this.at(this.#nowMs + delayMs, run);
  }

  /** Ends the run: what is still to come does not happen. */
  stop(): void {
    this.#heap.length = 0;
  }

  /** Runs events until there are none; setTimeout and clearTimeout are virtual meanwhile. */
  async run(): Promise<void> {
    const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
    Object.assign(globalThis, {
      setTimeout: (run: () => void, delayMs = 0) => this.#timer(run, delayMs),
      clearTimeout: (timer: VirtualTimer | undefined) => timer?.clear(),
    });
    try {
      for (let event = pop(this.#heap); event !== undefined; event = pop(this.#heap)) {
        if (event.run === undefined) continue;
        this.#nowMs = event.atMs;
        this.#turn += 1;
        const { run } = event;
        run();
        // A tick asked for from within a promise job comes when no promise job is left.
        await new Promise<void>((resolve) => process.nextTick(resolve));
      }
    } finally {
      Object.assign(globalThis, real);
    }
  }

  #timer(run: () => void, delayMs: number): VirtualTimer {
    let cleared = false;
    const due = this.#owner(() => {
      if (!cleared) run();
    });
    const event = this.after(delayMs, due);
    const clear = () => {
      cleared = true;
      event.run = undefined;
    };
    const timer = { clear, unref: () => timer };
    return timer;
  }
}

function before(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.tie < b.tie);
}

function push(heap: Event[], event: Event): void {
  let at = heap.push(event) - 1;
  while (at > 0) {
    const up = (at - 1) >> 1;
    const parent = heap[up];
    if (parent === undefined || !before(event, parent)) break;
    heap[at] = parent;
    at = up;
  }
  heap[at] = event;
}

function pop(heap: Event[]): Event | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let at = 0;
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    const right = heap[child + 1];
    if (right !== undefined && before(right, heap[child]!)) child += 1;
    if (!before(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
  return first;
}
