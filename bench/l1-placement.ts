/**
 * Where worker threads keep their cached answers (docs/decisions/0010): `node bench/l1-placement.ts [seconds]`. Look-ups by
 * two threads at once, 20,000 answers of 1 KiB each, all of them hits:
 * - a tier in each thread over shared versions, which is what dynatier does;
 * - one table of bytes in shared memory: found by hash, guarded by a sequence number, copied out;
 * - one tier in a thread of its own, asked by message, 32 questions under way from each thread.
 */

import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { MessageChannel, type MessagePort, parentPort, Worker, workerData } from "node:worker_threads";
import { VersionClock } from "../src/cache/coherence.ts";
import { MemoryTier } from "../src/cache/memory-tier.ts";
import type { CacheKey, Tag } from "../src/cache/tier.ts";
import { systemClock as clock } from "../src/util/clock.ts";

const entries = 20_000;
const bodyBytes = 1024;
const slots = 2 ** 20;
const threads = 2;
const questionsUnderWay = 32;
const keyBytesMax = 96;
const recordBytes = 8 + keyBytesMax + bodyBytes;
const options = { ageMsMax: 1e9, negativeAgeMsMax: 1e9, settleMs: 0, keepMs: 1e9, guarded: false };

const names = ["one tier in each thread", "one table in shared memory", "one thread that is asked"] as const;
type Way = (typeof names)[number];

interface Job {
  readonly way: Way;
  readonly seconds: number;
  readonly versions: SharedArrayBuffer;
  readonly table: SharedArrayBuffer;
  readonly port: MessagePort | undefined;
}

interface Result {
  readonly lookups: number;
  /** Microseconds that one look-up took, a sample of them, sorted. */
  readonly samplesUs: Float64Array;
}

const keyOf = (n: number) => `i\0arn:aws:dynamodb:us-east-1:000000000000:table/orders\0f\0S:${n}` as CacheKey;
const tagsOf = (n: number) => [`item\0orders\0${n}`, "schema\0orders", "all"].map((name) => name as Tag);
const numbers = Array.from({ length: entries }, (_, n) => n);
const keys = numbers.map(keyOf);
const tags = numbers.map(tagsOf);

function filledTier(versions: SharedArrayBuffer): MemoryTier {
  const shared = new VersionClock({ clock, slots, shared: versions });
  const tier = new MemoryTier({ versions: shared, clock, bytesMax: 2 ** 30, entryBytesMax: 2 ** 20 });
  for (const n of numbers) {
    const { lease } = tier.lookup(keys[n]!, tags[n]!, options);
    const body = Buffer.alloc(bodyBytes, 1);
    lease?.fill({ body, crc32: 0, readAtMs: clock.nowMs(), units: 1, negative: false }, true);
  }
  return tier;
}

function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

/** Open addressing; a record is a sequence number, the key's length, the key and the body. */
class SharedTable {
  readonly #words: Int32Array;
  readonly #bytes: Buffer;
  readonly #rows = 2 ** 16;
  readonly #scratch = Buffer.alloc(keyBytesMax);

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
    this.#bytes = Buffer.from(memory);
  }

  static bytes = 2 ** 16 * recordBytes;

  set(key: string, body: Uint8Array): void {
    let row = hash(key) % this.#rows;
    while (this.#words[(row * recordBytes) / 4 + 1] !== 0) row = (row + 1) % this.#rows;
    const at = row * recordBytes;
    this.#words[at / 4 + 1] = this.#bytes.write(key, at + 8, "latin1");
    this.#bytes.set(body, at + 8 + keyBytesMax);
  }

  get(key: string): Uint8Array | undefined {
    const length = this.#scratch.write(key, "latin1");
    for (let row = hash(key) % this.#rows; ; row = (row + 1) % this.#rows) {
      const at = row * recordBytes;
      const before = Atomics.load(this.#words, at / 4);
      const stored = this.#words[at / 4 + 1]!;
      if (stored === 0) return undefined;
      if (stored !== length || this.#scratch.compare(this.#bytes, at + 8, at + 8 + length, 0, length) !== 0)
        continue;
      // A copy: the next moment another thread may put something else there.
      const body = Buffer.allocUnsafe(bodyBytes);
      this.#bytes.copy(body, 0, at + 8 + keyBytesMax, at + recordBytes);
      if ((before & 1) === 0 && Atomics.load(this.#words, at / 4) === before) return body;
    }
  }
}

/** Runs look-ups of random keys until the time is up; `one` looks up a key and says whether it was there. */
function repeat(seconds: number, one: (n: number) => boolean): Result {
  const samples: number[] = [];
  const end = performance.now() + seconds * 1000;
  let [lookups, n] = [0, 1];
  while (performance.now() < end) {
    // Too short to be timed one by one.
    const began = performance.now();
    for (let i = 0; i < 100; i += 1) {
      n = (n * 7919 + 13) % entries;
      if (!one(n)) throw new Error("a miss");
    }
    samples.push(((performance.now() - began) / 100) * 1000);
    lookups += 100;
  }
  return { lookups, samplesUs: Float64Array.from(samples).sort() };
}

async function ask(port: MessagePort, seconds: number): Promise<Result> {
  const samples: number[] = [];
  const end = performance.now() + seconds * 1000;
  const askedAt = new Map<number, number>();
  let [lookups, n, id] = [0, 1, 0];
  await new Promise<void>((resolve) => {
    const next = () => {
      n = (n * 7919 + 13) % entries;
      askedAt.set(++id, performance.now());
      port.postMessage([id, n]);
    };
    port.on("message", ([answered, body]: [number, Uint8Array | undefined]) => {
      if (body === undefined) throw new Error("a miss");
      samples.push((performance.now() - (askedAt.get(answered) ?? 0)) * 1000);
      askedAt.delete(answered);
      lookups += 1;
      if (performance.now() < end) next();
      else if (askedAt.size === 0) resolve();
    });
    for (let i = 0; i < questionsUnderWay; i += 1) next();
  });
  port.close();
  return { lookups, samplesUs: Float64Array.from(samples).sort() };
}

async function work({ way, seconds, versions, table, port }: Job): Promise<Result> {
  if (port !== undefined) return ask(port, seconds);
  if (way === "one tier in each thread") {
    const tier = filledTier(versions);
    return repeat(seconds, (n) => tier.lookup(keys[n]!, tags[n]!, options).entry !== undefined);
  }
  const stamps = new VersionClock({ clock, slots, shared: versions });
  const shared = new SharedTable(table);
  return repeat(seconds, (n) => stamps.stamp(tags[n]!) >= 0 && shared.get(keys[n]!) !== undefined);
}

async function measure(way: Way, seconds: number): Promise<string> {
  const versions = new VersionClock({ clock, slots }).shared;
  const table = new SharedArrayBuffer(SharedTable.bytes);
  const shared = new SharedTable(table);
  for (const n of numbers) shared.set(keys[n]!, Buffer.alloc(bodyBytes, 1));
  const tier = way === "one thread that is asked" ? filledTier(versions) : undefined;
  const running = Array.from({ length: threads }, async () => {
    const { port1, port2 } = new MessageChannel();
    port1.on("message", ([id, n]: [number, number]) => {
      port1.postMessage([id, tier?.lookup(keys[n]!, tags[n]!, options).entry?.body]);
    });
    const port = tier === undefined ? undefined : port2;
    const job: Job = { way, seconds, versions, table, port };
    const worker = new Worker(fileURLToPath(import.meta.url), {
      workerData: job,
      transferList: port ? [port] : [],
    });
    const [result]: Result[] = await once(worker, "message");
    port1.close();
    await worker.terminate();
    return result!;
  });
  const results = await Promise.all(running);
  const perSecond = results.reduce((sum, { lookups }) => sum + lookups, 0) / seconds;
  const at = (share: number) =>
    Math.max(...results.map(({ samplesUs }) => samplesUs[Math.floor(samplesUs.length * share)]!)).toFixed(2);
  return `| ${way} | ${Math.round(perSecond).toLocaleString("en")} | ${at(0.5)} | ${at(0.99)} |`;
}

if (parentPort !== null) parentPort.postMessage(await work(workerData));
else {
  const seconds = Number(process.argv[2] ?? 5);
  console.log(
    `| answers are in | look-ups a second, ${threads} threads | p50 µs | p99 µs |\n|---|---|---|---|`,
  );
  for (const way of names) console.log(await measure(way, seconds));
}
