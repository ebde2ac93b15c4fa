/**
 * One connection to one Redis server, from its opening to its end: it never reconnects, so an answer always belongs to the
 * server that was looked at when it was opened. The only file that knows ioredis.
 *
 * RESP 2: we need nothing of RESP 3, and ioredis 6 drops its pushes silently.
 */

import { isIP } from "node:net";
import { Command, Redis } from "ioredis";
import type { HostPort } from "../util/redis-address.ts";
import { Asking } from "./asking.ts";
import { Batch, type RedisCommand } from "./batch.ts";
import { Outbox } from "./outbox.ts";
import type { Reply } from "./replies.ts";
import { StoreUnavailable } from "./shared-store.ts";
import { Waiting } from "./waiting.ts";

export interface LinkOptions {
  readonly isTls: boolean;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly db: number;
  /** So many time-outs without an answer in between are the end of a connection. */
  readonly timeoutsMax: number;
}

/** The first words of errors after which this connection is of no use: it has to be looked at anew. */
const FATAL: ReadonlySet<string> = new Set([
  ...["NOSCRIPT", "READONLY", "MOVED", "CLUSTERDOWN", "MASTERDOWN", "LOADING"],
  ...["NOAUTH", "NOPERM", "WRONGPASS", "UNBLOCKED"],
]);
const ERROR_LENGTH_MAX = 160;
const CONNECTION_NAME = "dynatier";

export class Link {
  readonly at: HostPort;
  readonly #options: LinkOptions;
  readonly #redis: Redis;
  readonly #outbox: Outbox;
  readonly #waiting = new Waiting((batch) => this.#late(batch));
  readonly #asking = new Asking({
    answered: (batch) => this.#answered(batch),
    failed: (batch, error) => this.#refuse(batch, error),
  });
  readonly #onEnd: ((reason: string) => void)[] = [];
  #ended: string | undefined;
  #lastError: string | undefined;
  #timeouts = 0;

  /** Connects, authenticates and chooses the database. Rejects with StoreUnavailable, at the latest after `timeoutMs`. */
  static async open(at: HostPort, options: LinkOptions, timeoutMs: number): Promise<Link> {
    const link = new Link(at, options);
    try {
      await link.#opened(timeoutMs);
      await link.#introduce(timeoutMs);
      return link;
    } catch (error) {
      link.end(error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  private constructor(at: HostPort, options: LinkOptions) {
    this.at = at;
    this.#options = options;
    // Own timers, own greeting, no queue, no second attempt at anything: a link that is lost stays lost.
    this.#redis = new Redis({
      host: at.host,
      port: at.port,
      lazyConnect: true,
      protocol: 2,
      retryStrategy: null,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      enableReadyCheck: false,
      disableClientInfo: true,
      connectTimeout: 0,
      ...(options.isTls ? { tls: isIP(at.host) ? {} : { servername: at.host } } : {}),
    });
    this.#outbox = new Outbox(this.#redis);
    this.#redis.on("error", (error) => this.#fails(error));
    this.#redis.on("connect", () => this.#guardQueue());
    for (const event of ["close", "end"] as const) {
      this.#redis.on(event, () => this.end(this.#lastError ?? "the connection was closed"));
    }
  }

  /** Why it is over; undefined while it is not. */
  get ended(): string | undefined {
    return this.#ended;
  }

  /** Called once when it is over, at once if it is already. */
  whenEnded(callee: (reason: string) => void): void {
    if (this.#ended === undefined) this.#onEnd.push(callee);
    else callee(this.#ended);
  }

  /** Ends it: everybody who waits is refused now. */
  end(reason: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#redis.disconnect();
    this.#redis.stream?.destroy();
    for (const batch of this.#waiting.removeAll()) batch.fail(new StoreUnavailable("down", reason));
    for (const callee of this.#onEnd.splice(0)) callee(reason);
  }

  /**
   * Sends commands in one piece, in this order; the replies in the same order. Rejects with StoreUnavailable as soon as
   * one of them is an error, the connection ends, or `timeoutMs` pass: all of them may have been carried out even so.
   */
  send(commands: readonly RedisCommand[], timeoutMs: number): Promise<readonly Reply[]> {
    if (this.#ended !== undefined) return Promise.reject(new StoreUnavailable("down", this.#ended));
    if (commands.length === 0) return Promise.resolve([]);
    const batch = new Batch(commands.length, performance.now() + timeoutMs);
    const isAlone = this.#waiting.isEmpty;
    this.#waiting.add(batch);
    this.#asking.ask(commands, batch, this.#write);
    if (isAlone) this.#outbox.flush();
    else this.#outbox.flushSoon();
    return batch.outcome;
  }

  /** The server's words, shortened and without our password. */
  clean(text: string): string {
    const { password } = this.#options;
    const line = text.split(/[\r\n]/, 1)[0] ?? "";
    return (password ? line.replaceAll(password, "[secret]") : line).slice(0, ERROR_LENGTH_MAX);
  }

  async #opened(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      await Promise.race([
        this.#redis.connect(),
        new Promise((_, reject) => {
          const late = () => reject(new StoreUnavailable("timeout", "no connection in time"));
          timer = setTimeout(late, timeoutMs);
        }),
      ]);
    } catch (error) {
      if (error instanceof StoreUnavailable) throw error;
      const text = this.#lastError ?? (error instanceof Error ? error.message : String(error));
      throw new StoreUnavailable("down", this.clean(text));
    } finally {
      clearTimeout(timer);
    }
  }

  /** AUTH and SELECT are ours, so that an error of theirs is an answer like others. */
  async #introduce(timeoutMs: number): Promise<void> {
    const { user, password, db } = this.#options;
    if (password !== undefined) {
      const words: RedisCommand = user === undefined ? ["AUTH", password] : ["AUTH", user, password];
      await this.send([words], timeoutMs).catch((error: unknown) => {
        // A server that wants no password does not mind one.
        if (!(error instanceof Error && /without any password configured/.test(error.message))) throw error;
      });
    }
    if (db !== 0) await this.send([["SELECT", String(db)]], timeoutMs);
    // For the operator's CLIENT LIST; who may not say it is no worse off.
    this.#write(new Command("CLIENT", ["SETNAME", CONNECTION_NAME], {}, () => {}));
    this.#outbox.flush();
  }

  /** Everything goes through the outbox: what was written past it would be answered before its turn. */
  #write = (command: Command): void => {
    this.#redis.sendCommand(command, this.#outbox);
  };

  #answered(batch: Batch): void {
    this.#timeouts = 0;
    if (batch.isAnswered && this.#waiting.remove(batch)) batch.succeed();
  }

  #late(batch: Batch): void {
    batch.fail(new StoreUnavailable("timeout", "Redis did not answer in time"));
    this.#timeouts += 1;
    if (this.#timeouts >= this.#options.timeoutsMax) this.end(`${this.#timeouts} time-outs in a row`);
  }

  #refuse(batch: Batch, error: Error): void {
    if (error.name !== "ReplyError") {
      this.end(this.clean(this.#lastError ?? error.message));
      return;
    }
    this.#timeouts = 0;
    const text = this.clean(error.message);
    const [word = ""] = text.split(" ", 1);
    if (this.#waiting.remove(batch)) batch.fail(new StoreUnavailable("refused", text));
    if (FATAL.has(word)) this.end(text);
  }

  #fails(error: Error): void {
    this.#lastError = this.clean(error.message);
    // An error of the parser leaves the answers behind it without their questions.
    if (this.#redis.status === "connect" || this.#redis.status === "ready") this.end(this.#lastError);
  }

  /**
   * ioredis throws outside of all handlers if an answer that nobody asked for is null. So while it takes bytes apart its
   * queue never runs empty: what it then gets is an order to hang up. (Emptying the queue after a fatal error must end.)
   */
  #guardQueue(): void {
    const { commandQueue: queue, stream } = this.#redis;
    const shift = queue.shift.bind(queue);
    let isParsing = false;
    let isEmptying = false;
    stream.prependListener("data", () => {
      isParsing = true;
    });
    stream.on("data", () => {
      isParsing = false;
    });
    queue.shift = () => {
      const item = shift();
      if (item || !isParsing || isEmptying) return item;
      this.end("Redis answered what nobody asked");
      const command = new Command("PING");
      command.reject = (error) => {
        isEmptying = error.name !== "ReplyError";
      };
      return { command, stream, select: 0 };
    };
  }
}
