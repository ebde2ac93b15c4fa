// One request and its one reply over undici, with a deadline, and the knowledge of whether bytes may have
// left.
//
//   queued in undici ─→ onRequestStart ─→ bytes leave ─→ onResponseStart ─→ onResponseData… ─→ onResponseEnd
//   └──── outcome "none" ────┘└──────────────────── outcome "unknown" ────────────────────┘

import type { Dispatcher } from "undici";
import { UpstreamFailure, type UpstreamReply } from "./upstream.ts";

export interface ExchangeRequest {
  readonly path: string;
  /** Name, value, name, value… */
  readonly headers: string[];
  readonly body: Uint8Array;
  /** How long to wait for the whole reply. */
  readonly timeoutMs: number;
  /** A longer reply is a failure. */
  readonly replyBytesMax: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends the request once. Rejects with an UpstreamFailure and nothing else. `onDone` is called exactly once,
 * when undici has let go of the request: possibly after the promise was rejected (a connection that is still
 * being made).
 */
export function exchange(
  dispatcher: Dispatcher,
  request: ExchangeRequest,
  onDone: () => void,
): Promise<UpstreamReply> {
  return new Promise((resolve, reject) => {
    const handler = new Exchange(request, resolve, reject, onDone);
    const { path, headers, body } = request;
    dispatcher.dispatch({ method: "POST", path, headers, body }, handler);
  });
}

class Exchange implements Dispatcher.DispatchHandler {
  readonly #replyBytesMax: number;
  readonly #resolve: (reply: UpstreamReply) => void;
  readonly #reject: (failure: UpstreamFailure) => void;
  readonly #onDone: () => void;
  readonly #timer: NodeJS.Timeout;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#abandon("aborted", "the caller left");
  #controller: Dispatcher.DispatchController | undefined;
  #settled = false;
  #status = 0;
  #headers: Readonly<Record<string, string | string[] | undefined>> = {};
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(
    request: ExchangeRequest,
    resolve: (reply: UpstreamReply) => void,
    reject: (failure: UpstreamFailure) => void,
    onDone: () => void,
  ) {
    this.#replyBytesMax = request.replyBytesMax;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#onDone = onDone;
    this.#signal = request.signal;
    this.#signal?.addEventListener("abort", this.#onAbort);
    this.#timer = setTimeout(
      () => this.#abandon("timeout", "no reply before the deadline"),
      Math.max(0, request.timeoutMs),
    );
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Called a second time if undici wanted to send the request again on another socket: that is not its to
    // decide.
    const again = this.#controller !== undefined;
    this.#controller ??= controller;
    if (again || this.#settled) controller.abort(new Error("not to be sent"));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    this.#status = status;
    this.#headers = headers;
    const encoding = headers["content-encoding"];
    if (encoding !== undefined && encoding !== "identity") {
      this.#abandon("reset", `the reply is encoded as ${String(encoding)}, though identity was asked for`);
    }
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.byteLength;
    if (this.#bytes > this.#replyBytesMax) {
      this.#abandon("reset", `the reply is longer than ${this.#replyBytesMax} bytes`);
    } else {
      this.#chunks.push(chunk);
    }
  }

  onResponseEnd(): void {
    const [first] = this.#chunks;
    const body = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    if (this.#settle()) {
      this.#resolve({
        status: this.#status,
        body,
        requestId: single(this.#headers["x-amzn-requestid"]),
        crc32: single(this.#headers["x-amz-crc32"]),
        contentType: single(this.#headers["content-type"]),
      });
    }
    this.#onDone();
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.#settle()) this.#reject(failureOf(error, this.#controller !== undefined));
    this.#onDone();
  }

  #abandon(kind: "timeout" | "aborted" | "reset", message: string): void {
    const outcome = this.#controller === undefined ? "none" : "unknown";
    if (this.#settle()) this.#reject(new UpstreamFailure(kind, outcome, message));
    this.#controller?.abort(new Error(message)); // Closes the socket: the reply, if it comes, is nobody's.
  }

  /** True for the first who wants to answer. */
  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#chunks = [];
    return true;
  }
}

function failureOf(error: Error, started: boolean): UpstreamFailure {
  const code = "code" in error ? String(error.code) : error.name;
  const message = `${error.message || code}`;
  if (started) return new UpstreamFailure("reset", "unknown", message, error);
  const kind = code === "UND_ERR_CONNECT_TIMEOUT" ? "timeout" : "refused";
  return new UpstreamFailure(kind, "none", message, error);
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
