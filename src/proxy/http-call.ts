/** A Call that came by HTTP. */

import type { ServerResponse } from "node:http";
import type { Input } from "../dynamodb/model.ts";
import type { CacheControl, Call } from "./call.ts";

/** A call whose abort signal exists only once somebody asks for it: a hit never does. */
export class HttpCall implements Call {
  readonly target: string;
  readonly operation: string;
  readonly body: Uint8Array;
  readonly input: Input | undefined;
  readonly deadlineAtMs: number;
  readonly control: CacheControl;
  readonly #response: ServerResponse;
  #abort: AbortController | undefined;

  constructor(
    target: string,
    operation: string,
    body: Uint8Array,
    input: Input | undefined,
    deadlineAtMs: number,
    control: CacheControl,
    response: ServerResponse,
  ) {
    this.target = target;
    this.operation = operation;
    this.body = body;
    this.input = input;
    this.deadlineAtMs = deadlineAtMs;
    this.control = control;
    this.#response = response;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = new AbortController();
      this.#abort = abort;
      this.#response.once("close", () => {
        if (!this.#response.writableFinished) abort.abort();
      });
    }
    return this.#abort.signal;
  }
}
