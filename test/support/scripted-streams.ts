// A DynamoDB Streams server over real sockets whose shards, times and faults a test decides: for splits,
// merges, expired iterators, trimmed shards and ten thousand shards, which DynamoDB Local cannot show. Where
// both can do a thing, test/contract/stream-server.test.ts holds them to the same answers.

import { setTimeout as sleep } from "node:timers/promises";
import {
  type ScriptedAnswer,
  ScriptedReply,
  type ScriptedRequest,
  scriptedError,
  startScriptedUpstream,
} from "./scripted-upstream.ts";
import { arnOfIterator, type StreamModel } from "./stream-model.ts";

export type StreamOperation = "DescribeStream" | "GetShardIterator" | "GetRecords";

export interface StreamFault {
  readonly operation: StreamOperation;
  /** An error instead of the answer; a status from 500 on says it is the service's own fault. */
  readonly error?: string;
  readonly status?: number;
  /** Anything else instead of the answer. */
  readonly reply?: ScriptedReply;
  readonly delayMs?: number;
  /** Which requests it is for; default all of the operation. */
  readonly match?: (input: Readonly<Record<string, unknown>>) => boolean;
  /** How often it applies; default once. */
  readonly times?: number;
}

/** What comes before an answer is made. */
export type Before = (operation: StreamOperation, input: ScriptedRequest["input"]) => void | Promise<void>;

export interface ScriptedStreams {
  readonly url: string;
  /** Serves one more stream. */
  add(model: StreamModel): void;
  /** The stream is gone, as after 24 hours without a table. */
  drop(model: StreamModel): void;
  fault(fault: StreamFault): void;
  clearFaults(): void;
  before: Before;
  count(operation: StreamOperation): number;
  /** The inputs of one operation, in order. */
  inputs(operation: StreamOperation): ScriptedRequest["input"][];
  /** Forgets what was asked. */
  reset(): void;
  /** The most GetRecords calls that were being answered at a time since the last reset. */
  readonly inFlightMax: number;
  close(): Promise<void>;
}

interface LiveFault {
  readonly fault: StreamFault;
  left: number;
}

/** Starts it on a free loopback port. */
export async function startScriptedStreams(...models: readonly StreamModel[]): Promise<ScriptedStreams> {
  const served = new Map(models.map((model) => [model.arn, model]));
  const server = await startScriptedUpstream();
  let faults: LiveFault[] = [];
  let [inFlight, inFlightMax] = [0, 0];
  const streams: ScriptedStreams = {
    url: server.url,
    add: (model) => void served.set(model.arn, model),
    drop: (model) => void served.delete(model.arn),
    fault: (fault) => void faults.push({ fault, left: fault.times ?? 1 }),
    clearFaults() {
      faults = [];
    },
    before: () => undefined,
    count: (operation) => server.count(operation),
    inputs: (operation) =>
      server.requests.filter((one) => one.operation === operation).map(({ input }) => input),
    reset() {
      server.requests.length = 0;
      inFlightMax = inFlight;
    },
    get inFlightMax() {
      return inFlightMax;
    },
    close: () => server.close(),
  };
  const answers: Record<StreamOperation, (model: StreamModel, input: ScriptedRequest["input"]) => object> = {
    DescribeStream: (model, input) => model.describe(input),
    GetShardIterator: (model, input) => model.iterator(input),
    GetRecords: (model, input) => model.records(input),
  };
  const answer = async (
    operation: StreamOperation,
    input: ScriptedRequest["input"],
  ): Promise<ScriptedAnswer> => {
    await streams.before(operation, input);
    const live = faults.find(
      ({ fault, left }) => left > 0 && fault.operation === operation && (fault.match?.(input) ?? true),
    );
    if (live !== undefined) {
      live.left -= 1;
      const { error, status = 400, reply, delayMs } = live.fault;
      if (delayMs !== undefined) await sleep(delayMs);
      if (reply !== undefined) return reply;
      if (error !== undefined) return scriptedError(error, error, status);
    }
    const model = served.get(String(input.StreamArn ?? arnOfIterator(input.ShardIterator)));
    if (model === undefined) {
      // DynamoDB finds nothing of its own in an iterator that it did not write.
      const isIterator = String(input.ShardIterator ?? "").includes("|") || input.StreamArn !== undefined;
      const invalid = {
        __type: "com.amazon.coral.validate#ValidationException",
        message: "Invalid ShardIterator",
      };
      return isIterator ? scriptedError("ResourceNotFoundException") : new ScriptedReply(400, invalid);
    }
    return answers[operation](model, input);
  };
  for (const operation of ["DescribeStream", "GetShardIterator", "GetRecords"] as const) {
    server.on(operation, async ({ input }) => {
      if (operation !== "GetRecords") return answer(operation, input);
      inFlight += 1;
      inFlightMax = Math.max(inFlightMax, inFlight);
      try {
        return await answer(operation, input);
      } finally {
        inFlight -= 1;
      }
    });
  }
  return streams;
}
