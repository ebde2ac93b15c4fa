/**
 * What nodes share, as the cache and the bus need it: tags with tokens, entries, one ordered log, leases and
 * checkpoints. Redis or Valkey stands behind it (redis-store.ts); the simulation has a model of it. Both pass
 * test/contract/shared-store.ts.
 *
 * Nothing here retries, and nothing is queued: a call that has no answer in time rejects with StoreUnavailable, and may
 * have been carried out all the same. All times are *reference time*: UNIX milliseconds by the clock of the server that
 * keeps the log, of which each process knows an earliest and a latest estimate.
 */

/** Names an entry, and the tag whose slot of a Cluster it shares. */
export interface EntryName {
  readonly key: string;
  readonly tag: string;
}

/** One tag as it stands. */
export interface TagState {
  /** Unguessable and new with every change: a counter could be rewound by a failover. */
  readonly token: string;
  /** When its last change was over; 0 = it never changed. Never goes back. */
  readonly changedAtMs: number;
  /** When it was created, if what stood there before may have been removed with its marks; 0 = nothing was. */
  readonly bornAtMs: number;
  /** Writers that may still be changing it, and until when. Ended marks are left out: they count as changes. */
  readonly marks: ReadonlyMap<string, number>;
}

export interface Look {
  readonly entry: Uint8Array | undefined;
  /** In the order of the question; undefined = absent, which never matches anything. */
  readonly tags: readonly (TagState | undefined)[];
}

export interface TagChange {
  /** Without repetition. */
  readonly tags: readonly string[];
  readonly changedAtMs: number;
  /** Whose marks are meant. */
  readonly writer: string;
  /** 0 = the writer's mark is removed; otherwise it is set to this time: the change may land until then. */
  readonly pendingUntilMs: number;
  /** Of tags that are absent, as for `ensure`. */
  readonly bornAtMs: number;
  /**
   * Confirm or kill: if this entry shows this image and carries the token that `tags[0]` has now, it is given the new one.
   */
  readonly confirm?: { readonly name: EntryName; readonly imageHash: string } | undefined;
  /** What the log is told, after all tags have changed. */
  readonly message: Uint8Array;
}

export interface ChangedTag {
  readonly token: string;
  /** The token that it replaced; undefined = the tag was absent. */
  readonly before: string | undefined;
  /** As in TagState. */
  readonly bornAtMs: number;
  /** Whether another writer's mark stands. */
  readonly markedByOthers: boolean;
}

export interface Changed {
  readonly tags: readonly ChangedTag[];
  readonly confirmed: boolean;
}

export interface LogMessage {
  /** Dense: the next message has the next number. A hole is a gap. */
  readonly sequence: number;
  readonly body: Uint8Array;
}

/** Bounds of the reference time at a moment of this process' clock. Before the first contact: −Infinity and Infinity. */
export interface ReferenceClock {
  earliestMs(localMs: number): number;
  latestMs(localMs: number): number;
}

/** No answer: it is down, slow, full, read-only, or said something that we do not understand. */
export class StoreUnavailable extends Error {
  readonly reason: "down" | "timeout" | "refused";
  constructor(reason: "down" | "timeout" | "refused", message: string) {
    super(message);
    this.reason = reason;
  }
}

/** For people and metrics. */
export interface StoreFacts {
  readonly isUp: boolean;
  readonly mode: "single" | "sentinel" | "cluster";
  /** "redis 7.0.15", "valkey 8.1.0"; undefined before the first contact. */
  readonly server: string | undefined;
  /** Of one master that has the fewest, where there are several. */
  readonly replicas: number | undefined;
  readonly evictionPolicy: string | undefined;
  /** 0 = unbounded. */
  readonly memoryBytesMax: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly evictedKeys: number | undefined;
  /** Why it is down, or was last. */
  readonly lastError: string | undefined;
}

/**
 * Called before the store counts as up: at the first contact, after every lost connection and every time-out that took it
 * down. `renewed`: the server may have forgotten something (another run, a failover, a flush, a clock set back).
 * The store works for the callee while everybody else is still refused. If it rejects, the store stays down and tries again.
 */
export type OnContact = (renewed: boolean) => Promise<void>;

export interface SharedStore {
  readonly clock: ReferenceClock;
  readonly isUp: boolean;
  /** Names the servers that this contact is with: another name after one of them was replaced. "" before the first contact. */
  readonly identity: string;
  /** True where it removes, or may soon remove, what it was not told to: a tag that is absent may then have been changing. */
  readonly mayEvict: boolean;

  /** Connects in the background, for ever. Not awaited by anything. */
  start(onContact: OnContact): void;
  close(): Promise<void>;
  facts(): StoreFacts;

  /**
   * An entry and its tags in one round trip. Bounded by the look-up time-out. Refused where a server that had replicas has
   * none that still acknowledges: it may have been replaced, and what it shows may be old.
   */
  look(name: EntryName, tags: readonly string[]): Promise<Look>;
  /**
   * The tags as they stand, after creating the absent ones; one that is created counts as changed at `bornAtMs`, and keeps
   * that as its birth (0 = nothing can have been removed). Bounded by the look-up time-out.
   */
  ensure(tags: readonly string[], bornAtMs: number): Promise<readonly TagState[]>;
  /** Stores an entry for `expireMs`. */
  put(name: EntryName, value: Uint8Array, expireMs: number): Promise<void>;

  /** New tokens for all tags, then the message. Bounded by the invalidation time-out. */
  change(change: TagChange): Promise<Changed>;
  /**
   * Marks tags as being changed by this writer until then: new tokens. Resolves once a replica has them, where there is one.
   * `also`: further tags to look at, not marked. `bornAtMs`: as for `ensure`. Bounded by the invalidation time-out.
   */
  mark(
    tags: readonly string[],
    writer: string,
    untilMs: number,
    also: readonly string[],
    bornAtMs: number,
  ): Promise<{ readonly marked: readonly TagState[]; readonly also: readonly (TagState | undefined)[] }>;
  /** Removes this writer's marks: its write was refused. */
  unmark(tags: readonly string[], writer: string): Promise<void>;

  /** Appends a heartbeat. `acknowledged`: a replica has it, or there is none to be had. */
  beat(body: Uint8Array): Promise<{ readonly sequence: number; readonly acknowledged: boolean }>;
  /** Messages after this number, oldest first; waits up to `waitMs` for the first one. Works on a connection of its own. */
  readLog(after: number, countMax: number, waitMs: number): Promise<readonly LogMessage[]>;
  /** The number of the newest message; 0 = there is none. */
  logTail(): Promise<number>;

  /** Takes or renews a lease of this name; false = somebody else holds it. */
  lease(name: string, holder: string, forMs: number): Promise<boolean>;
  /** Gives it back, if this holder has it. */
  release(name: string, holder: string): Promise<void>;
  /** Sets fields of a checkpoint (an empty value removes the field) and keeps it for so long. */
  saveCheckpoint(name: string, fields: ReadonlyMap<string, string>, keepMs: number): Promise<void>;
  loadCheckpoint(name: string): Promise<ReadonlyMap<string, string>>;
  dropCheckpoint(name: string): Promise<void>;
}
