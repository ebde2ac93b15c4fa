// What the auditor knows of one key: the states it has had, in the order of their commits, and when each was acknowledged.

/** How a write reached DynamoDB. */
export type Via = "through" | "around";

export interface State {
  /** The place in the order of commits: an item's version; one half more for its absence after that version. */
  readonly order: number;
  /** Everything that can differ between two states of the item; undefined = there is none. */
  readonly text: string | undefined;
  /** The index partition it is in; undefined = in none. */
  readonly kind: string | undefined;
  readonly via: Via;
  readonly ackedAtMs: number;
  /** When a strongly consistent read through the proxy had first shown it; Infinity = none has. */
  shownAtMs: number;
}

/** One look at the key's history. */
export interface Verdict {
  /** The newest state that the read may have seen; undefined = it saw something that never was. */
  readonly seen: State | undefined;
  /** The states that the read has missed, newest first. */
  readonly missed: readonly State[];
  readonly broken: Rule | undefined;
  /** How long the oldest missed state had been acknowledged when the read began. */
  readonly staleMs: number;
}

/** The promises of docs/CONSISTENCY.md that a read can break. */
export type Rule =
  | "same node: older than a write acknowledged through it"
  | "same node: older than a strong read has shown"
  | "around: older than the bound allows"
  | "strong read: not the newest"
  | "never was";

export interface Look {
  readonly startedAtMs: number;
  readonly isStrong: boolean;
  /** GetItem and BatchGetItem: bound also by what a strong read of the item has shown. */
  readonly isItem: boolean;
  readonly matches: (state: State) => boolean;
}

/** How long a state is kept after a newer one: longer than any read takes. */
const keepMs = 60_000;

export class KeyHistory {
  readonly name: string;
  readonly #boundMs: number;
  /** Oldest first. Bounded by keepMs. */
  readonly #states: State[] = [];
  readonly #open = new Set<Promise<void>>();
  /** A write's outcome was never learned: what is read may be what it wrote. */
  isDoubtful = false;

  constructor(name: string, boundMs: number) {
    this.name = name;
    this.#boundMs = boundMs;
    this.#states.push({ ...absent, via: "around", ackedAtMs: Number.NEGATIVE_INFINITY });
  }

  /** The newest state that is known. */
  get latest(): State {
    return this.#states.at(-1)!;
  }

  get states(): readonly State[] {
    return this.#states;
  }

  get writesOpen(): number {
    return this.#open.size;
  }

  /** A write is on its way; the function that is given ends it. */
  opens(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#open.add(promise);
    return () => {
      this.#open.delete(promise);
      resolve();
    };
  }

  /** The end of all writes that are on their way now. */
  async settled(): Promise<void> {
    await Promise.all(this.#open);
  }

  add(state: State): void {
    let at = this.#states.length;
    while (at > 0 && this.#states[at - 1]!.order > state.order) at -= 1;
    if (this.#states[at - 1]?.order === state.order)
      throw new Error(`${this.name}: two writes have made version ${state.order}`);
    this.#states.splice(at, 0, state);
    this.#forget(state.ackedAtMs - keepMs);
  }

  /** Holds what a read saw against what was acknowledged when it began. */
  look({ startedAtMs, isStrong, isItem, matches }: Look): Verdict {
    const missed: State[] = [];
    let broken: Rule | undefined;
    let staleMs = 0;
    for (let at = this.#states.length - 1; at >= 0; at -= 1) {
      const state = this.#states[at]!;
      if (matches(state)) return { seen: state, missed, broken, staleMs };
      missed.push(state);
      staleMs = Math.max(staleMs, startedAtMs - state.ackedAtMs);
      broken ??= this.#broken(state, startedAtMs, isStrong, isItem);
    }
    return { seen: undefined, missed, broken: "never was", staleMs: 0 };
  }

  #broken(missed: State, startedAtMs: number, isStrong: boolean, isItem: boolean): Rule | undefined {
    const forMs = startedAtMs - missed.ackedAtMs;
    if (isStrong && forMs > 0) return "strong read: not the newest";
    if (missed.via === "through" && forMs > 0) return "same node: older than a write acknowledged through it";
    if (missed.via === "around" && forMs > this.#boundMs) return "around: older than the bound allows";
    if (isItem && startedAtMs > missed.shownAtMs) return "same node: older than a strong read has shown";
    return undefined;
  }

  /** Drops what was replaced by something acknowledged before this moment. */
  #forget(beforeMs: number): void {
    let first = 0;
    while (first + 1 < this.#states.length && this.#states[first + 1]!.ackedAtMs < beforeMs) first += 1;
    if (first > 0) this.#states.splice(0, first);
  }
}

const absent = { order: 0, text: undefined, kind: undefined, shownAtMs: Number.POSITIVE_INFINITY };
