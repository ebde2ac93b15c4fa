/** DynamoDB Streams behind the Upstream interface, in virtual time: slow, throttling, stalling, losing replies. */

import { parseReply, toBytes } from "../../src/dynamodb/json-codec.ts";
import type { Input } from "../../src/dynamodb/model.ts";
import {
  type Upstream,
  UpstreamFailure,
  type UpstreamReply,
  type UpstreamRequest,
} from "../../src/upstream/upstream.ts";
import type { Random } from "./random.ts";
import type { StreamCircumstances } from "./stream-circumstances.ts";
import type { ModelStream, StreamAnswer } from "./stream-model.ts";
import type { Trace } from "./trace.ts";
import type { VirtualTime } from "./virtual-time.ts";

interface StreamServiceOptions {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly circumstances: StreamCircumstances;
  readonly trace: Trace;
}

const faultNames = ["ThrottlingException", "LimitExceededException", "InternalServerError", "lost"] as const;

const answers: Readonly<Record<string, (stream: ModelStream, input: Input) => StreamAnswer>> = {
  DescribeStream: (stream, input) => stream.describe(input),
  GetShardIterator: (stream, input) => stream.iterator(input),
  GetRecords: (stream, input) => stream.records(input),
};

export class StreamService {
  readonly #options: StreamServiceOptions;
  #stalledUntilMs = 0;

  constructor(options: StreamServiceOptions) {
    this.#options = options;
  }

  /** For a while no reply arrives. */
  stall(forMs: number): void {
    this.#stalledUntilMs = this.#options.time.nowMs() + forMs;
  }

  /** The service as who follows this stream sees it. */
  of(stream: ModelStream): Upstream {
    return { send: (request) => this.#send(stream, request), close: async () => {} };
  }

  #send(stream: ModelStream, request: UpstreamRequest): Promise<UpstreamReply> {
    const { time, random, circumstances, trace } = this.#options;
    const operation = request.target.slice(request.target.indexOf(".") + 1);
    const input = parseReply(request.body);
    const fault = random.chance(circumstances.faults) ? random.pick(faultNames) : undefined;
    const [thereMs, backMs] = [this.#delayMs(), this.#delayMs()];
    return new Promise((resolve, reject) => {
      const events: { run: (() => void) | undefined }[] = [];
      const end = (then: () => void) => {
        for (const event of events) event.run = undefined;
        request.signal?.removeEventListener("abort", leave);
        then();
      };
      const fail = (kind: UpstreamFailure["kind"]) =>
        end(() => reject(new UpstreamFailure(kind, "unknown", "simulated")));
      const reply = (answer: StreamAnswer) => {
        trace.add(() => `stream ${operation} ${JSON.stringify(input)}: ${JSON.stringify(answer)}`);
        if (fault === "lost") return fail("reset");
        end(() => resolve(wire(fault ?? answer)));
      };
      const leave = () => fail("aborted");
      if (request.signal?.aborted) return leave();
      request.signal?.addEventListener("abort", leave, { once: true });
      events.push(time.at(request.deadlineAtMs, () => fail("timeout")));
      events.push(
        time.after(thereMs, () => {
          const answer = answers[operation]?.(stream, input) ?? "UnknownOperationException";
          events.push(time.at(Math.max(time.nowMs() + backMs, this.#stalledUntilMs), () => reply(answer)));
        }),
      );
    });
  }

  #delayMs(): number {
    return this.#options.random.between(0, this.#options.circumstances.delayMs);
  }
}

function wire(answer: StreamAnswer): UpstreamReply {
  const failed = typeof answer === "string";
  const status = !failed ? 200 : answer === "InternalServerError" ? 500 : 400;
  const body = failed
    ? { __type: `com.amazonaws.dynamodb.v20120810#${answer}`, message: "simulated" }
    : answer;
  return {
    status,
    body: toBytes(body),
    requestId: undefined,
    crc32: undefined,
    contentType: undefined,
  };
}
