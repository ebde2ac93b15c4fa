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
  /** The process through which it was written; "" for a write around, and where there is only one. */
  readonly node: string;
  /** A read that had ended by then has not seen it; -Infinity = it is not known when it was sent. */
  readonly sentAtMs: number;
  readonly ackedAtMs: number;
  /** When a strongly consistent read through a node had first shown it, by node. */
  readonly shownAtMs: Map<string, number>;
}

/** One look at the key's history. */
export interface Verdict {
  /** The newest state that the read may have seen; undefined = it saw something that never was. */
  readonly seen: State | undefined;
  /**
   * The oldest state that a strongly consistent read may have seen, if not the same: an item may be absent more than once
   * while a read is under way. Its node is bound by what it has shown for certain.
   */
  readonly surelySeen: State | undefined;
  /** The states that the read has missed, newest first. */
  readonly missed: readonly State[];
  readonly broken: Rule | undefined;
}

/** The promises of docs/CONSISTENCY.md that a read can break. */
export type Rule =
  | "same node: older than a write acknowledged through it"
  | "same node: older than a strong read has shown"
  | "another node: older than the bound allows"
  | "around: older than the bound allows"
  | "strong read: not the newest"
  | "never was";

export interface Look {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** The process that answered; "" where there is only one. */
  readonly node: string;
  readonly isStrong: boolean;
  /** GetItem and BatchGetItem: bound also by what a strong read of the item has shown. */
  readonly isItem: boolean;
  /** A Query of a global index. */
  readonly isIndex: boolean;
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
  /**
   * A write's outcome was not learned: what is read may be what it wrote. Reads that began before this moment are not
   * judged; Infinity = it is not known yet what has become of it.
   */
  #doubtUntilMs = Number.NEGATIVE_INFINITY;

  constructor(name: string, boundMs: number) {
    this.name = name;
    this.#boundMs = boundMs;
    const never = { sentAtMs: Number.NEGATIVE_INFINITY, ackedAtMs: Number.NEGATIVE_INFINITY } as const;
    const nowhere = { text: undefined, kind: undefined, via: "around", node: "" } as const;
    this.#states.push({ order: 0, ...nowhere, ...never, shownAtMs: new Map() });
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

  get isDoubtful(): boolean {
    return this.#doubtUntilMs === Number.POSITIVE_INFINITY;
  }

  /** A write's outcome was not learned. */
  doubt(): void {
    this.#doubtUntilMs = Number.POSITIVE_INFINITY;
  }

  /**
   * The doubt is over: DynamoDB says that this is the state, and nothing more can land. Since nobody knows when it came
   * to be, it counts as written around the proxy now, and reads are judged again once the bound is over.
   */
  resolve(found: Pick<State, "text" | "kind"> & { readonly version: number | undefined }): void {
    const nowMs = performance.now();
    const { latest } = this;
    if (found.text !== latest.text) {
      const order = found.version ?? Math.floor(latest.order) + 0.5;
      const rest = { via: "around", node: "", sentAtMs: Number.NEGATIVE_INFINITY, ackedAtMs: nowMs } as const;
      this.add({ order, text: found.text, kind: found.kind, ...rest, shownAtMs: new Map() });
    }
    this.#doubtUntilMs = nowMs + this.#boundMs;
  }

  /** Whether a read that began then can be judged. */
  isJudged(startedAtMs: number): boolean {
    return startedAtMs >= this.#doubtUntilMs;
  }

  /**
   * Holds what a read saw against what was acknowledged when it began. It may be asked long after the read has ended:
   * what was sent since then is not among what it saw or missed.
   */
  look(look: Look): Verdict {
    const missed: State[] = [];
    for (let at = this.#states.length - 1; at >= 0; at -= 1) {
      const state = this.#states[at]!;
      if (state.sentAtMs > look.endedAtMs) continue;
      if (look.matches(state)) {
        const surelySeen = look.isStrong ? this.#oldestMatch(at, look) : undefined;
        return { seen: state, surelySeen, missed, broken: this.#broken(missed, look) };
      }
      missed.push(state);
    }
    return { seen: undefined, surelySeen: undefined, missed, broken: "never was" };
  }

  /** From the newest match on back: no strong read shows what was replaced by something acknowledged before it began. */
  #oldestMatch(newest: number, look: Look): State {
    let oldest = this.#states[newest]!;
    for (let at = newest; at > 0 && this.#states[at]!.ackedAtMs >= look.startedAtMs; at -= 1)
      if (look.matches(this.#states[at - 1]!)) oldest = this.#states[at - 1]!;
    return oldest;
  }

  /** The first promise that is broken by missing these, from the oldest on. */
  #broken(missed: readonly State[], look: Look): Rule | undefined {
    let followsForeign = false;
    for (let at = missed.length - 1; at >= 0; at -= 1) {
      const state = missed[at]!;
      const isOwn = state.via === "through" && state.node === look.node;
      followsForeign ||= !isOwn;
      // Out of which index partition somebody else has moved the item just before, a write through this node cannot know.
      if (isOwn && look.isIndex && followsForeign && !look.isStrong) continue;
      const broken = this.#brokenBy(state, isOwn, look);
      if (broken !== undefined) return broken;
    }
    return undefined;
  }

  #brokenBy(missed: State, isOwn: boolean, look: Look): Rule | undefined {
    const forMs = look.startedAtMs - missed.ackedAtMs;
    if (look.isStrong && forMs > 0) return "strong read: not the newest";
    if (isOwn && forMs > 0) return "same node: older than a write acknowledged through it";
    if (!isOwn && forMs > this.#boundMs)
      return missed.via === "around"
        ? "around: older than the bound allows"
        : "another node: older than the bound allows";
    const shownAtMs = missed.shownAtMs.get(look.node) ?? Number.POSITIVE_INFINITY;
    if (look.isItem && look.startedAtMs > shownAtMs) return "same node: older than a strong read has shown";
    return undefined;
  }

  /** Drops what was replaced by something acknowledged before this moment. */
  #forget(beforeMs: number): void {
    let first = 0;
    while (first + 1 < this.#states.length && this.#states[first + 1]!.ackedAtMs < beforeMs) first += 1;
    if (first > 0) this.#states.splice(0, first);
  }
}
