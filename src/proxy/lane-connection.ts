/** One socket on the fast lane: its bytes into requests, one after the other, and their replies in the same order. */

import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Reply } from "./call.ts";
import type { Client } from "./http-call.ts";
import type { LaneInput } from "./lane-input.ts";
import type { LaneOutput, Receiver } from "./lane-output.ts";
import type { ReplyHeads } from "./lane-reply.ts";
import { FOREIGN, INCOMPLETE, type LaneRequest } from "./lane-request.ts";

/** Bytes that are kept of a client who sends on before it has its reply; then nothing more is read from it. */
const aheadBytesMax = 65_536;
/** Pieces of a request before they are joined: a client that sends byte by byte costs no object for each. */
const piecesMax = 64;
/** Pieces in which a head may come: each is read from the head's beginning. One in more goes to Node. */
const headPiecesMax = 16;

/** What a connection uses of its lane. */
export interface LaneShared {
  /** Answers a complete request, at once or later. */
  readonly answer: (request: LaneRequest, type: string, client: Client) => void;
  readonly request: LaneRequest;
  readonly heads: ReplyHeads;
  readonly input: LaneInput;
  readonly output: LaneOutput;
  readonly isDraining: boolean;
  /** Connections that are not Node's (yet). */
  readonly open: number;
  /** Coarse time for time-outs. */
  readonly nowMs: number;
  /** The connection has ended, or is Node's from now on. */
  forget(connection: LaneConnection): void;
}

/** Says what Node's parser would of a request that ends, or stays, in the middle. */
class RequestError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * - fresh: nothing has come yet
 * - idle: between two requests
 * - arriving: the beginning of a request is there
 * - answering: a request is with the pipeline; what comes meanwhile waits
 * - blocked: the client does not read its replies; nothing more is read from it
 * - closing: the last bytes are on their way out
 * - gone: closed, or Node's
 */
type State = "fresh" | "idle" | "arriving" | "answering" | "blocked" | "closing" | "gone";

export class LaneConnection implements Client, Receiver {
  readonly #lane: LaneShared;
  readonly #server: Server;
  readonly socket: Socket;
  readonly #giveOn: () => void;
  readonly #endReading: () => void;
  readonly #onEnd = (): void => this.#ended();
  readonly #onDrain = (): void => this.#drained();
  readonly #onClose = (): void => this.#closed();
  #state: State = "fresh";
  #sinceMs: number;
  /** Bytes that wait: pieces, joined once enough are there. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  #neededBytes = 0;
  #headPieces = 0;
  /** True while requests are read, so that a reply given at once does not start to read again. */
  #isReading = false;
  /** The client is gone or has ended its side: nothing more is sent. */
  #hasLeft = false;
  #onLeave: (() => void) | undefined;

  /** @param giveOn makes the socket Node's */
  constructor(lane: LaneShared, server: Server, socket: Socket, giveOn: () => void) {
    this.#lane = lane;
    this.#server = server;
    this.socket = socket;
    this.#giveOn = giveOn;
    this.#sinceMs = lane.nowMs;
    this.#endReading = lane.input.read(socket, (bytes) => this.#take(bytes));
    socket.on("end", this.#onEnd);
    socket.on("drain", this.#onDrain);
    socket.on("close", this.#onClose);
    socket.on("error", ignore);
  }

  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  onLeave(listener: () => void): void {
    if (this.#hasLeft) listener();
    else this.#onLeave = listener;
  }

  send(reply: Reply, type: string): void {
    if (this.#hasLeft) return;
    const { isDraining, heads, output, open } = this.#lane;
    const head = heads.head(reply, type, isDraining);
    this.#onLeave = undefined;
    this.#enter("idle");
    output.add(this, head, reply.body, isDraining || open === 1);
    if (isDraining) {
      this.#enter("closing");
      this.socket.destroySoon();
      return;
    }
    if (this.#state === "idle" && !this.#isReading) this.#goOn();
  }

  written(takesMore: boolean): void {
    // Where a request is with the pipeline, its own reply will tell.
    if (takesMore || (this.#state !== "idle" && this.#state !== "arriving")) return;
    this.#enter("blocked");
    this.socket.pause();
  }

  closeIfIdle(): void {
    if (this.#state === "idle") this.close();
  }

  /** For a lane that drains: also where nothing has come since before that moment. */
  closeIfSilent(sinceMs: number): void {
    if (this.#state === "fresh" && this.#sinceMs < sinceMs) this.close();
    this.closeIfIdle();
  }

  /** Closes it if its client has let the given moments (of the lane's coarse clock) pass without a byte that was due. */
  closeIfOverdue(idleSinceMs: number, arrivingSinceMs: number): void {
    const state = this.#state;
    if (state === "idle" || state === "blocked" || state === "closing") {
      if (this.#sinceMs < idleSinceMs) this.close();
    } else if (state === "fresh" || state === "arriving") {
      if (this.#sinceMs < arrivingSinceMs)
        this.#refuse(new RequestError("ERR_HTTP_REQUEST_TIMEOUT", "the request did not arrive in time"));
    }
  }

  close(): void {
    this.socket.destroy();
  }

  #enter(state: State): void {
    this.#state = state;
    this.#sinceMs = this.#lane.nowMs;
  }

  #take(bytes: Buffer): void {
    const state = this.#state;
    if (state === "closing") return;
    if (state === "answering" || state === "blocked") {
      this.#hold(bytes);
      if (this.#heldBytes >= aheadBytesMax) this.socket.pause();
      return;
    }
    if (this.#heldBytes === 0) {
      this.#read(bytes);
      return;
    }
    this.#hold(bytes);
    if (this.#heldBytes >= this.#neededBytes) this.#read(this.#joined());
  }

  /** Keeps bytes that are only good until we return. */
  #hold(bytes: Buffer): void {
    this.#held.push(Buffer.from(bytes));
    this.#heldBytes += bytes.length;
    if (this.#held.length > piecesMax) this.#held = [Buffer.concat(this.#held, this.#heldBytes)];
  }

  #joined(): Buffer {
    const held = this.#held;
    const all = held.length === 1 ? held[0]! : Buffer.concat(held, this.#heldBytes);
    this.#held = [];
    this.#heldBytes = 0;
    this.#neededBytes = 0;
    return all;
  }

  /** Reads requests until the bytes end, or one has to be waited for. */
  #read(bytes: Buffer): void {
    const { request, answer } = this.#lane;
    this.#isReading = true;
    let at = 0;
    while (
      at < bytes.length &&
      (this.#state === "idle" || this.#state === "fresh" || this.#state === "arriving")
    ) {
      const length = request.parse(bytes, at);
      if (length === FOREIGN) {
        this.#toNode(bytes.subarray(at));
        break;
      }
      if (length === INCOMPLETE) {
        if (this.#state !== "arriving") this.#enter("arriving");
        this.#neededBytes = request.neededBytes;
        this.#headPieces += 1;
        if (this.#headPieces > headPiecesMax) this.#toNode(bytes.subarray(at));
        break;
      }
      at += length;
      this.#headPieces = 0;
      this.#enter("answering");
      answer(request, request.type, this);
    }
    this.#isReading = false;
    if (this.#isOpen && at < bytes.length) this.#hold(at === 0 ? bytes : bytes.subarray(at));
  }

  /** Whether there is anything to be read from it, now or later. */
  get #isOpen(): boolean {
    return this.#state !== "gone" && this.#state !== "closing";
  }

  /** After a reply that was waited for: what came meanwhile, and what comes now. */
  #goOn(): void {
    if (this.#heldBytes > 0) this.#read(this.#joined());
    const state = this.#state;
    if (!this.#isOpen || state === "blocked" || !this.socket.isPaused()) return;
    if (state !== "answering" || this.#heldBytes < aheadBytesMax) this.socket.resume();
  }

  #drained(): void {
    if (this.#state !== "blocked") return;
    this.#enter("idle");
    this.#goOn();
  }

  /** The client ends its side. As Node does: between requests so do we; in the middle of one it is a wrong request. */
  #ended(): void {
    if (this.#state === "arriving") {
      this.#refuse(new RequestError("HPE_INVALID_EOF_STATE", "the request ends in the middle"));
      return;
    }
    this.#leave();
    this.#enter("closing");
    this.#lane.output.flush();
    this.socket.end();
  }

  #closed(): void {
    this.#leave();
    this.#release();
  }

  #leave(): void {
    this.#hasLeft = true;
    const listener = this.#onLeave;
    this.#onLeave = undefined;
    listener?.();
  }

  /** Ends it as Node ends a connection that sends no request: the listeners of clientError say how. */
  #refuse(error: RequestError): void {
    this.#enter("closing");
    this.#lane.output.flush();
    if (this.#server.emit("clientError", error, this.socket)) return;
    const status = error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? "408 Request Timeout" : "400 Bad Request";
    this.socket.write(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
    this.socket.destroy();
  }

  /** The socket is Node's from here on, with the bytes that the lane has not answered. */
  #toNode(bytes: Buffer): void {
    const { socket } = this;
    this.#lane.output.flush();
    this.#release();
    socket.off("error", ignore);
    if (socket.destroyed) return;
    // A flowing stream would not look at what is put back until more comes.
    socket.pause();
    socket.unshift(Buffer.from(bytes));
    this.#giveOn();
    socket.resume();
  }

  #release(): void {
    if (this.#state === "gone") return;
    this.#state = "gone";
    this.#held = [];
    this.#heldBytes = 0;
    this.#lane.forget(this);
    const { socket } = this;
    this.#endReading();
    socket.off("end", this.#onEnd);
    socket.off("drain", this.#onDrain);
    socket.off("close", this.#onClose);
  }
}

/** A connection that breaks is followed by its end, which is what we act on. */
function ignore(): void {}
