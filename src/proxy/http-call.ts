/** A Call that came by HTTP, and the client behind it. */

import type { Input } from "../dynamodb/model.ts";
import type { CacheControl, Call, Reply } from "./call.ts";

/** Who waits for the reply to one call. */
export interface Client {
  /**
   * Sends the reply, in one write where that is cheaper; does nothing where the client has left.
   * @param type the media type of a reply that names none itself
   * @throws Error if the reply cannot be sent as it is; then nothing was sent
   */
  send(reply: Reply, type: string): void;
  /** True once the connection is gone and what was sent cannot have reached it. */
  readonly hasLeft: boolean;
  /** Calls back once if the client leaves before its reply is sent. */
  onLeave(listener: () => void): void;
}

/** A call whose abort signal exists only once somebody asks for it: a hit never does. */
export class HttpCall implements Call {
  readonly target: string;
  readonly operation: string;
  readonly body: Uint8Array;
  readonly input: Input | undefined;
  readonly deadlineAtMs: number;
  readonly control: CacheControl;
  readonly #client: Client;
  #abort: AbortController | undefined;

  constructor(
    target: string,
    operation: string,
    body: Uint8Array,
    input: Input | undefined,
    deadlineAtMs: number,
    control: CacheControl,
    client: Client,
  ) {
    this.target = target;
    this.operation = operation;
    this.body = body;
    this.input = input;
    this.deadlineAtMs = deadlineAtMs;
    this.control = control;
    this.#client = client;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = new AbortController();
      this.#abort = abort;
      this.#client.onLeave(() => abort.abort());
    }
    return this.#abort.signal;
  }
}
