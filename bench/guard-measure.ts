/**
 * Counts what one kind of request costs: a proxy of its own in a process of its own, one connection that sends the next
 * request when it has its reply, and what the process says it has used before and after.
 *
 * What is counted must not hang on what else the machine does: no times, V8 compiles on the main thread, and its young
 * generation has a fixed size. So after so many requests it has always compiled and collected the same (without a fixed size
 * BatchGetItem's bytes differed by 5 % from run to run, with it by less than 1 %).
 */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type RedisServer, startRedis } from "../test/support/redis-server.ts";
import { testKey } from "../test/support/signing.ts";
import { type GuardRow, requestsOf } from "./guard-rows.ts";
import type { Ask, Used } from "./guard-subject.ts";
import { type AnyKeyUpstream, startAnyKeyUpstream } from "./servers/any-key.ts";

/** For one reply. Undefined: not told here, or there is no Redis in it. */
export interface Counts {
  readonly heapBytes: number;
  readonly writes: number | undefined;
  readonly promises: number;
  readonly timers: number;
  readonly upstreamRequests: number;
  readonly redisCommands: number | undefined;
  /** How often Redis read from its connections: what was asked in one round trip is one. */
  readonly redisReads: number | undefined;
}

export interface GuardOptions {
  /** Replies before anything is counted, and replies that are counted, in a row of share 1. */
  readonly warmReplies: number;
  readonly replies: number;
  /** A module that the proxy's process loads first: for a test that makes it worse. */
  readonly preload?: string;
}

export const guardOptions: GuardOptions = { warmReplies: 60_000, replies: 40_000 };

const steadily = ["--single-threaded", "--min-semi-space-size=64", "--max-semi-space-size=64"];
/** Replies in the pass that counts promises and timers. */
const watchedReplies = 500;
/** Contact with Redis takes a moment, and answers travel there after the reply. */
const fillAttemptsMax = 40;
const fillPauseMs = 200;
const flags = "--region=us-east-1 --port=0 --admin-port=0 --log-level=silent".split(" ");
const ttls = "--item-ttl-ms=3600000 --query-ttl-ms=3600000 --negative-ttl-ms=3600000".split(" ");

/** @throws Error if a reply is not what the row says */
export async function measureRow(row: GuardRow, options: GuardOptions): Promise<Counts> {
  const folder = mkdtempSync(path.join(tmpdir(), "dynatier-guard-"));
  const upstream = await startAnyKeyUpstream();
  const redis = row.needsRedis && (await startRedis());
  try {
    const keysFile = path.join(folder, "keys.yaml");
    writeFileSync(keysFile, JSON.stringify([testKey]));
    const subject = await startSubject(
      [
        ...[`--upstream=${upstream.url}`, ...flags, ...ttls, ...(row.flags ?? [])],
        ...(row.isSigned ? ["--auth=sigv4", `--keys=${keysFile}`] : []),
        ...(redis ? [`--redis=${redis.url}`] : []),
      ],
      options.preload,
    );
    try {
      return await count(row, options, subject, upstream, redis || undefined);
    } finally {
      subject.end();
    }
  } finally {
    upstream.close();
    if (redis) await redis.stop();
    rmSync(folder, { recursive: true });
  }
}

async function count(
  row: GuardRow,
  options: GuardOptions,
  subject: Subject,
  upstream: AnyKeyUpstream,
  redis: RedisServer | undefined,
): Promise<Counts> {
  const requests = await requestsOf(row);
  await fill(row, subject.url, requests);
  const line = await Line.open(subject.url, requests);
  const sample = async () => ({
    ...(await subject.ask("used")),
    upstreamRequests: upstream.count,
    ...(redis && (await redisCounts(redis))),
  });
  await line.send(Math.round(options.warmReplies * row.share), row.cache);
  const replies = Math.round(options.replies * row.share);
  const before = await sample();
  await line.send(replies, row.cache);
  const after = await sample();
  const watchedFrom = await subject.ask("watch");
  await line.send(watchedReplies, row.cache);
  const watchedTo = await subject.ask("used");
  line.close();
  return {
    heapBytes: Math.round((after.heapBytes - before.heapBytes) / replies),
    writes: each(before.writes, after.writes, replies),
    promises: rounded((watchedTo.promises - watchedFrom.promises) / watchedReplies),
    timers: rounded((watchedTo.timers - watchedFrom.timers) / watchedReplies),
    upstreamRequests: rounded((after.upstreamRequests - before.upstreamRequests) / replies),
    redisCommands: each(before.redisCommands, after.redisCommands, replies),
    redisReads: each(before.redisReads, after.redisReads, replies),
  };
}

/** Asks for everything until the replies are what they shall be. */
async function fill(row: GuardRow, url: string, requests: readonly string[]): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const line = await Line.open(url, requests);
    try {
      return await line.send(row.distinct, row.cache);
    } catch (error) {
      if (attempt === fillAttemptsMax) throw error;
    } finally {
      line.close();
    }
    const others = await Line.open(url, requests);
    await others.send(row.distinct).finally(() => others.close());
    await sleep(fillPauseMs);
  }
}

function each(before: number | undefined, after: number | undefined, replies: number): number | undefined {
  return before === undefined || after === undefined ? undefined : rounded((after - before) / replies);
}

/** The rest is heartbeats, and other things that there are a few of in a second. */
function rounded(count: number): number {
  return Math.round(count * 10) / 10;
}

async function redisCounts(redis: RedisServer): Promise<{ redisCommands: number; redisReads: number }> {
  const info = String(await redis.cli("INFO", "stats"));
  const figure = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)?.[1]);
  return { redisCommands: figure("total_commands_processed"), redisReads: figure("total_reads_processed") };
}

interface Subject {
  readonly url: string;
  ask(ask: Ask): Promise<Used>;
  end(): void;
}

async function startSubject(settings: readonly string[], preload: string | undefined): Promise<Subject> {
  const execArgv = [...steadily, ...(preload === undefined ? [] : ["--import", preload])];
  const script = path.join(import.meta.dirname, "guard-subject.ts");
  const child = fork(script, settings, { execArgv, env: { PATH: process.env.PATH } });
  const { url } = await message<{ url: string }>(child);
  return {
    url,
    ask(ask) {
      child.send(ask);
      return message<Used>(child);
    },
    end: () => {
      if (child.connected) child.disconnect();
    },
  };
}

async function message<Message>(child: ChildProcess): Promise<Message> {
  const ended = new AbortController();
  const fail = (): void => ended.abort(new Error("the guarded process has ended"));
  child.once("exit", fail);
  const [received] = await once(child, "message", { signal: ended.signal });
  child.off("exit", fail);
  return received;
}

/** One connection that sends its requests in turn, each when the reply to the last one has come. */
class Line {
  readonly #socket: Socket;
  readonly #requests: readonly string[];
  #next = 0;

  private constructor(socket: Socket, requests: readonly string[]) {
    this.#socket = socket;
    this.#requests = requests;
  }

  static async open(url: string, requests: readonly string[]): Promise<Line> {
    const socket = connect(Number(new URL(url).port), "127.0.0.1").setNoDelay(true);
    await once(socket, "connect");
    return new Line(socket, requests);
  }

  /**
   * @param cache what x-dynatier-cache must say in every reply; undefined = whatever it says
   * @throws Error at the first reply that is another
   */
  send(count: number, cache?: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = this.#socket;
    let left = count;
    let awaitedBytes = 0;
    const ask = (): void => {
      socket.write(this.#requests[this.#next++ % this.#requests.length]!);
    };
    const finish = (error?: Error): void => {
      socket.off("data", take).off("close", closed);
      if (error === undefined) resolve();
      else reject(error);
    };
    const closed = (): void => finish(new Error("the proxy has closed the connection"));
    const take = (chunk: Buffer): void => {
      if (awaitedBytes === 0) {
        const bytes = replyBytes(chunk, cache);
        if (bytes === undefined) {
          finish(new Error(`wanted ${cache ?? "any reply"}, got ${chunk.toString().slice(0, 1000)}`));
          return;
        }
        awaitedBytes = bytes;
      }
      awaitedBytes -= chunk.length;
      if (awaitedBytes > 0) return;
      left -= 1;
      if (left === 0) finish();
      else ask();
    };
    socket.on("data", take).once("close", closed);
    ask();
    return promise;
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** How long the reply is that begins here. Undefined: it is not what was wanted. */
function replyBytes(chunk: Buffer, cache: string | undefined): number | undefined {
  const text = chunk.toString("latin1");
  const [head = "", length] = /^HTTP\/1\.1 200 .*?content-length: (\d+)\r\n.*?\r\n\r\n/s.exec(text) ?? [];
  if (length === undefined) return undefined;
  if (cache !== undefined && !head.includes(`\r\nx-dynatier-cache: ${cache}\r\n`)) return undefined;
  return head.length + Number(length);
}
