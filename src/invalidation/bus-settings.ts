// What the bus is given: its options with their defaults, and what it reports while at work.

import type { InvalidationMessage } from "../cache/peer-message.ts";
import type { SharedStore } from "../redis/shared-store.ts";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import type { Freshness } from "./freshness.ts";
import { type Sleep, timerSleep } from "./pause.ts";

/** Why everything cached by this node must go. */
export type BusGap =
  /** It has begun to read the log. */
  | "start"
  /** The store may have forgotten something. */
  | "renewed"
  /** Messages were trimmed before they were read. */
  | "hole"
  /** The log ends before what was read of it: it was flushed, or goes on elsewhere. */
  | "rewound"
  /** A message of another version, or a damaged one. */
  | "unreadable"
  /** A bug in what applies messages. */
  | "internal error";

/** What this process caches. Both are done when they return, for every thread of the process. */
export interface LocalCache {
  /** Forgets what this message makes stale, but for an entry that shows its image. */
  apply(message: InvalidationMessage): void;
  forgetEverything(): void;
}

/** What the bus reports as it happens. */
export interface BusRecorder {
  /** So many messages were read, own ones and heartbeats included. */
  read?(messages: number): void;
  /** A change made by another node was applied. */
  applied?(message: InvalidationMessage): void;
  /** Everything cached by this node was forgotten, for this reason. */
  gap?(reason: BusGap): void;
  /** A heartbeat was read: so long ago is the moment up to which this node has everything. */
  lag?(lagMs: number): void;
  /** A heartbeat of ours was written; "failed": the store was not there. */
  beat?(result: "acknowledged" | "unacknowledged" | "failed"): void;
}

export interface BusOptions {
  readonly store: Pick<SharedStore, "clock" | "beat" | "readLog" | "logTail">;
  /** Random id of this process: its own changes are not applied again. */
  readonly sender: string;
  readonly clock: Clock;
  readonly local: LocalCache;
  /**
   * Up to which moment of this process' clock each stream that it leads has been applied *and told to others*, by name:
   * nothing while a change waits to be told.
   */
  readonly signs: () => ReadonlyMap<string, number>;
  /** What another node's sign means by this process' clock. */
  readonly hear: (name: string, caughtUpAtMs: number) => void;
  readonly freshness: Pick<Freshness, "setBus">;
  readonly log: Logger;
  readonly recorder?: BusRecorder | undefined;
  /** Between two heartbeats in the log, about. */
  readonly heartbeatMs?: number | undefined;
  /** Messages read at a time. */
  readonly readCountMax?: number | undefined;
  /** After messages have come, so long until the log is read again: more of them come at a time. Default 0. */
  readonly readPauseMs?: number | undefined;
  /** Longest pause after failures. */
  readonly backoffMsMax?: number | undefined;
  readonly sleep?: Sleep | undefined;
  /** In [0, 1). */
  readonly random?: (() => number) | undefined;
}

export type BusSettings = {
  readonly [Name in keyof BusOptions]-?: NonNullable<BusOptions[Name]>;
};

export function busSettings(options: BusOptions): BusSettings {
  return {
    ...options,
    recorder: options.recorder ?? {},
    heartbeatMs: options.heartbeatMs ?? 300,
    readCountMax: options.readCountMax ?? 1_000,
    readPauseMs: options.readPauseMs ?? 0,
    backoffMsMax: options.backoffMsMax ?? 1_000,
    sleep: options.sleep ?? timerSleep,
    random: options.random ?? Math.random,
  };
}
