/**
 * Holds every answer of the proxy against docs/CONSISTENCY.md. Each write makes a new version of its item, and the
 * order of versions is the order of commits (audit-load.ts says how); so for each read it is known which writes had
 * been acknowledged when it began, and which of them it must show:
 * - same node: every write acknowledged through it, and (items) whatever a strong read through it has shown;
 * - another node, and around: every write acknowledged by another node, or by DynamoDB itself, more than `boundMs` ago;
 * - and nothing that never was.
 * A node that was killed and started again is another one: what it knew is gone.
 * The times are those of this process: a write counts as acknowledged when its reply was read here, a read as begun
 * when it was about to be sent. Both err in the proxy's favour.
 */

import { KeyHistory, type Rule, type State, type Verdict, type Via } from "./audit-history.ts";

/** One read of the proxy. */
export interface Read {
  readonly what: string;
  readonly startedAtMs: number;
  readonly isStrong: boolean;
  readonly isItem: boolean;
  readonly isIndex: boolean;
  /** The process that answered; "" where there is only one. */
  readonly node: string;
  /** The reply's x-dynatier-cache. */
  readonly cache: string;
}

/** What a read said of one key. */
export type Seen =
  | { readonly text: string | undefined }
  /** It was not among the items of this index partition. */
  | { readonly notOfKind: string };

export interface Commit {
  readonly order: number;
  readonly text: string | undefined;
  readonly kind: string | undefined;
}

/** A write that is under way. */
export interface OpenWrite {
  /** DynamoDB has answered that it is done. */
  committed(commit: Commit): void;
  /** DynamoDB has answered that it is not done. */
  refused(): void;
  /** There was no answer. */
  unknown(): void;
}

export interface AuditReport {
  readonly checks: number;
  /** Those among them that were not judged: they began while the key was in doubt, or not long after. */
  readonly unjudged: number;
  readonly hits: number;
  /** Those among them that came from Redis. */
  readonly redisHits: number;
  readonly commits: Readonly<Record<Via, number>>;
  readonly refused: number;
  readonly unknown: number;
  readonly violations: Readonly<Partial<Record<Rule, number>>>;
  /** Outcomes that were not learned and have been found out since. */
  readonly resolved: number;
  /**
   * The worst that an answer was behind writes through its own node, through another, and around them, when its read
   * began.
   */
  readonly staleMsMax: Readonly<Record<Via | "another", number>>;
  /** The first violations, for people. */
  readonly traces: readonly string[];
}

const tracesMax = 3;
const eventsKept = 60;

export class Auditor {
  readonly boundMs: number;
  readonly #keys = new Map<string, KeyHistory>();
  readonly #events = new Map<string, string[]>();
  readonly #deferred = new Set<Promise<void>>();
  readonly #violations = new Map<Rule, number>();
  readonly #traces: string[] = [];
  readonly #staleMsMax = { through: 0, another: 0, around: 0 };
  readonly #commits = { through: 0, around: 0 };
  #checks = 0;
  #unjudged = 0;
  #hits = 0;
  #redisHits = 0;
  #resolved = 0;
  #refused = 0;
  #unknown = 0;

  /**
   * @param boundMs when a write around the proxy must be visible through it, counted from its acknowledgement:
   * max(freshWithinMs + the stream's delay, degradedMaxAgeMs + replica lag), and some slack
   */
  constructor(boundMs: number) {
    this.boundMs = boundMs;
  }

  get violations(): number {
    return [...this.#violations.values()].reduce((sum, count) => sum + count, 0);
  }

  history(name: string): KeyHistory {
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const created = new KeyHistory(name, this.boundMs);
    this.#keys.set(name, created);
    return created;
  }

  /** To be called before the write is sent. `node`: through which process; "" where there is only one. */
  write(name: string, via: Via, what: string, node = ""): OpenWrite {
    const history = this.history(name);
    const closes = history.opens();
    const sentAtMs = performance.now();
    const ends = (how: string): void => {
      this.#remember(name, `${moment(sentAtMs)}–${moment(performance.now())} ${via} ${node} ${what}: ${how}`);
      closes();
    };
    return {
      committed: (commit) => {
        const ackedAtMs = performance.now();
        history.add({ ...commit, via, node, sentAtMs, ackedAtMs, shownAtMs: new Map() });
        this.#commits[via] += 1;
        ends(`${commit.order} ${commit.text ?? "absent"}`);
      },
      refused: () => {
        this.#refused += 1;
        ends("refused");
      },
      unknown: () => {
        this.#unknown += 1;
        history.doubt();
        ends("unknown outcome");
      },
    };
  }

  /** To be called with each key that the reply tells of, as soon as the reply is there. */
  check(name: string, read: Read, seen: Seen): void {
    const history = this.history(name);
    const endedAtMs = performance.now();
    if (this.#judge(history, read, seen, endedAtMs, history.writesOpen === 0)) return;
    // It may have seen what a write has done whose reply is still on its way.
    const later = history.settled().then(() => void this.#judge(history, read, seen, endedAtMs, true));
    const deferred = later.finally(() => this.#deferred.delete(deferred));
    this.#deferred.add(deferred);
  }

  /** What has become of a key in doubt (KeyHistory.resolve). */
  resolved(name: string, found: Parameters<KeyHistory["resolve"]>[0]): void {
    this.history(name).resolve(found);
    this.#resolved += 1;
    this.#remember(name, `${moment(performance.now())} the doubt is over: ${found.text ?? "absent"}`);
  }

  async report(): Promise<AuditReport> {
    await Promise.all(this.#deferred);
    return {
      checks: this.#checks,
      unjudged: this.#unjudged,
      hits: this.#hits,
      redisHits: this.#redisHits,
      commits: { ...this.#commits },
      refused: this.#refused,
      unknown: this.#unknown,
      resolved: this.#resolved,
      violations: Object.fromEntries(this.#violations),
      staleMsMax: {
        through: Math.round(this.#staleMsMax.through),
        another: Math.round(this.#staleMsMax.another),
        around: Math.round(this.#staleMsMax.around),
      },
      traces: this.#traces,
    };
  }

  /** False if it seems to have missed something, and this is not the last word. */
  #judge(history: KeyHistory, read: Read, seen: Seen, endedAtMs: number, isFinal: boolean): boolean {
    const matches =
      "notOfKind" in seen
        ? (state: State) => state.kind !== seen.notOfKind
        : (state: State) => state.text === seen.text;
    const verdict = history.look({ ...read, endedAtMs, matches });
    if (!isFinal && (verdict.seen === undefined || verdict.missed.length > 0)) return false;
    this.#checks += 1;
    if (!history.isJudged(read.startedAtMs)) this.#unjudged += 1;
    if (read.cache.includes("hit")) this.#hits += 1;
    if (read.cache.includes("hit; tier=redis")) this.#redisHits += 1;
    // In doubt, what it saw may be the work of the lost write, and look like something older.
    const isJudged = history.isJudged(read.startedAtMs);
    if (isJudged) this.#learn(read, verdict, endedAtMs);
    const saw = "notOfKind" in seen ? `not in ${seen.notOfKind}` : (seen.text ?? "absent");
    const line =
      `${moment(read.startedAtMs)}–${moment(endedAtMs)} ${read.node} ${read.what}${read.isStrong ? " (strong)" : ""} ` +
      `[${read.cache}]: ${saw}`;
    if ("text" in seen || verdict.missed.length > 0) this.#remember(history.name, line);
    if (verdict.broken === undefined || !isJudged) return true;
    this.#violations.set(verdict.broken, (this.#violations.get(verdict.broken) ?? 0) + 1);
    if (this.#traces.length < tracesMax) this.#traces.push(this.#trace(history, verdict.broken, line));
    return true;
  }

  #learn(read: Read, { seen, surelySeen, missed }: Verdict, endedAtMs: number): void {
    if (seen === undefined) return;
    for (const { via, node, ackedAtMs } of read.isIndex ? [] : missed) {
      const from = via === "through" && node !== read.node ? "another" : via;
      this.#staleMsMax[from] = Math.max(this.#staleMsMax[from], read.startedAtMs - ackedAtMs);
    }
    if (surelySeen === undefined || !read.isItem) return;
    const shownAtMs = surelySeen.shownAtMs.get(read.node) ?? Number.POSITIVE_INFINITY;
    if (shownAtMs > endedAtMs) surelySeen.shownAtMs.set(read.node, endedAtMs);
  }

  #remember(name: string, line: string): void {
    const events = this.#events.get(name) ?? [];
    this.#events.set(name, events);
    events.push(line);
    if (events.length > eventsKept) events.shift();
  }

  #trace(history: KeyHistory, rule: Rule, line: string): string {
    const states = history.states.slice(-12).map(({ order, text, via, node, ackedAtMs }) => {
      return `    ${moment(ackedAtMs)} ${via} ${node} ${order} ${text ?? "absent"}`;
    });
    const events = (this.#events.get(history.name) ?? []).map((event) => `    ${event}`);
    return [
      `${rule}\n  ${history.name}: ${line}`,
      "  states and when they were acknowledged:",
      ...states,
      "  latest calls:",
      ...events,
    ].join("\n");
  }
}

function moment(atMs: number): string {
  return atMs.toFixed(1);
}
