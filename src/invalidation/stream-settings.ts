// What following one stream is given: its options with their defaults, and what it reports while at work.

import type { TableSchema } from "../dynamodb/model.ts";
import type { PollResult } from "../metrics/outcome.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { Clock } from "../util/clock.ts";
import type { ChangeSink, GapReason } from "./change-source.ts";
import { type Sleep, timerSleep } from "./pause.ts";
import type { CheckpointPort } from "./stream-checkpoint.ts";

/** What a follower reports as it happens. */
export interface FollowerRecorder {
  /** What became of one GetRecords. */
  poll?(result: PollResult): void;
  /** Service's time of a record to its application, in milliseconds; one second of it may be rounding. */
  lag?(lagMs: number): void;
  /** A call, of whichever operation, failed or was throttled. */
  failed?(errorName: string): void;
  unreadable?(): void;
  /** Everything cached of the table was forgotten, for this reason ("start" is not reported). */
  gap?(reason: GapReason): void;
  /** Nothing more will come: the stream is gone, disabled, or too large. */
  stopped?(reason: GapReason): void;
}

export interface StreamFollowerOptions {
  readonly streamArn: string;
  readonly schema: TableSchema;
  readonly upstream: Upstream;
  readonly sink: ChangeSink;
  readonly clock: Clock;
  readonly recorder?: FollowerRecorder | undefined;
  /** UNIX milliseconds, to compare with the records' times. */
  readonly wallClockMs?: (() => number) | undefined;
  readonly sleep?: Sleep | undefined;
  /** In [0, 1), for the jitter of back-offs. */
  readonly random?: (() => number) | undefined;
  /** Pause after a page with records. */
  readonly pollMs?: number | undefined;
  /** Longest pause after empty pages. */
  readonly idlePollMs?: number | undefined;
  /** Longest back-off after failures. */
  readonly backoffMsMax?: number | undefined;
  readonly requestTimeoutMs?: number | undefined;
  /** Calls to the stream at a time; as many pages of records are held at most. */
  readonly pollersMax?: number | undefined;
  /** Records applied without once coming up to the present, before forgetting everything is cheaper. */
  readonly backlogRecordsMax?: number | undefined;
  /** Shards followed, and as many closed ones remembered; with more open ones the follower stops. */
  readonly shardsMax?: number | undefined;
  /** How often a shard that has ended is looked after before its children are sought among all shards. */
  readonly childTriesMax?: number | undefined;
  /** How often all shards are listed to find any that was missed; after the start sooner, with twice the pause each time. */
  readonly auditMs?: number | undefined;
  /** A shard not read for so long may have lost records unseen: TRIM_HORIZON says nothing of it. */
  readonly retentionMs?: number | undefined;
  /**
   * A page that is not full has all there was when it was asked for. Not so on AWS ("it might take multiple
   * calls"); so in DynamoDB Local, whose record times are whole minutes. Default: by the ARN.
   */
  readonly shortPageIsWhole?: boolean | undefined;
  /** Where to resume from, and what to leave for the next leader; undefined = every start begins anew. */
  readonly checkpoint?: CheckpointPort | undefined;
}

export type StreamSettings = {
  readonly [Name in Exclude<keyof StreamFollowerOptions, "checkpoint">]-?: NonNullable<
    StreamFollowerOptions[Name]
  >;
} & Pick<Required<StreamFollowerOptions>, "checkpoint">;

const hourMs = 3_600_000;

const defaults = {
  recorder: {},
  wallClockMs: Date.now,
  sleep: timerSleep,
  random: Math.random,
  pollMs: 250,
  idlePollMs: 1_000,
  backoffMsMax: 10_000,
  requestTimeoutMs: 5_000,
  pollersMax: 16,
  backlogRecordsMax: 100_000,
  shardsMax: 20_000,
  childTriesMax: 8,
  auditMs: 300_000,
  // Streams keep records for 24 hours.
  retentionMs: 23 * hourMs,
};

export function streamSettings(options: StreamFollowerOptions): StreamSettings {
  const isEmulator = options.streamArn.startsWith("arn:aws:dynamodb:ddblocal:");
  return {
    streamArn: options.streamArn,
    schema: options.schema,
    upstream: options.upstream,
    sink: options.sink,
    clock: options.clock,
    recorder: options.recorder ?? defaults.recorder,
    wallClockMs: options.wallClockMs ?? defaults.wallClockMs,
    sleep: options.sleep ?? defaults.sleep,
    random: options.random ?? defaults.random,
    pollMs: options.pollMs ?? defaults.pollMs,
    idlePollMs: options.idlePollMs ?? defaults.idlePollMs,
    backoffMsMax: options.backoffMsMax ?? defaults.backoffMsMax,
    requestTimeoutMs: options.requestTimeoutMs ?? defaults.requestTimeoutMs,
    pollersMax: options.pollersMax ?? defaults.pollersMax,
    backlogRecordsMax: options.backlogRecordsMax ?? defaults.backlogRecordsMax,
    shardsMax: options.shardsMax ?? defaults.shardsMax,
    childTriesMax: options.childTriesMax ?? defaults.childTriesMax,
    auditMs: options.auditMs ?? defaults.auditMs,
    retentionMs: options.retentionMs ?? defaults.retentionMs,
    checkpoint: options.checkpoint,
    shortPageIsWhole: options.shortPageIsWhole ?? isEmulator,
  };
}
