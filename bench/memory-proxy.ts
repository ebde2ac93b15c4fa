/** The real proxy with a thousand entries and with a million: memory, throughput, pauses (targets P7 and P8). */

import type { ChildProcess } from "node:child_process";
import { mustCall } from "../test/support/raw-client.ts";
import { itemsPerPartition, orderAt, partitionKey, sortKey, TABLE } from "./data.ts";
import type { HitJob, HitResult } from "./memory-load.ts";
import type { ProxyFigures } from "./memory-serve.ts";
import { cpuSeconds, familyOf, loadCore, serverCore, startNode, stop, untilSaid } from "./processes.ts";
import { serveParameters } from "./start-up.ts";
import { type Spread, spread } from "./statistics.ts";

export interface ProxyReport {
  readonly entries: number;
  readonly fewEntries: number;
  readonly bodyBytes: number;
  /** Resident memory over that of the proxy with few entries, after the same load, less the bodies, by entry. */
  readonly overheadBytes: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly hitsPerSecond: Spread;
  readonly hitsPerSecondFew: Spread;
  /** Throughput as a multiple of that with few entries, and CPU of the server for a hit likewise; repeat by repeat. */
  readonly versusFew: Spread;
  readonly cpuUs: Spread;
  readonly cpuUsFew: Spread;
  readonly cpuVersusFew: Spread;
  readonly halfLoad: { readonly p50Ms: Spread; readonly p999Ms: Spread; readonly p999MsFew: Spread };
  readonly gcMsMax: number;
  /** Of the CPU of a hit, the collector's part. */
  readonly gcUs: Spread;
  readonly gcUsFew: Spread;
}

export interface ProxyOptions {
  readonly entries: number;
  readonly seconds: number;
  readonly repeats: number;
}

interface Proxy {
  readonly child: ChildProcess;
  readonly url: string;
  readonly entries: number;
}

const fewEntries = 1_000;
const connections = 32;
const batchKeys = 100;
const loaders = 4;
const cacheBytesMax = 1_073_741_824;

export async function measureProxy(options: ProxyOptions, say: (line: string) => void): Promise<ProxyReport> {
  const { entries, seconds, repeats } = options;
  const upstream = startNode(loadCore, "bench/memory-upstream.ts", []);
  const started: ChildProcess[] = [upstream];
  try {
    const [, upstreamUrl = ""] = await untilSaid(upstream, /^url (\S+)\n/m);
    const few = await start(upstreamUrl, fewEntries, started);
    const many = await start(upstreamUrl, entries, started);
    await fill(many, entries);
    await fill(few, entries);
    say(`filled with ${entries} entries`);
    for (const proxy of [few, many]) await load(proxy, seconds);
    const [little, filled] = [await figuresOf(few), await figuresOf(many)];
    const bodyBytes = JSON.stringify({ Item: orderAt(0) }).length;
    const rounds: { few: Round; many: Round }[] = [];
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      rounds.push({ few: await round(few, seconds), many: await round(many, seconds) });
      say(`${repeat + 1}/${repeats}: ${Math.round(rounds.at(-1)!.many.full.perSecond)} hits/s`);
    }
    const of = (read: (both: { few: Round; many: Round }) => number) => spread(rounds.map(read));
    return {
      ...{ entries, fewEntries, bodyBytes },
      overheadBytes: (filled.residentBytes - little.residentBytes) / (entries - fewEntries) - bodyBytes,
      residentBytes: filled.residentBytes,
      heapBytes: filled.heapBytes,
      hitsPerSecond: of((both) => both.many.full.perSecond),
      hitsPerSecondFew: of((both) => both.few.full.perSecond),
      versusFew: of((both) => both.many.full.perSecond / both.few.full.perSecond),
      cpuUs: of((both) => both.many.full.cpuUs),
      cpuUsFew: of((both) => both.few.full.cpuUs),
      cpuVersusFew: of((both) => both.many.full.cpuUs / both.few.full.cpuUs),
      halfLoad: {
        p50Ms: of((both) => both.many.half.p50Ms),
        p999Ms: of((both) => both.many.half.p999Ms),
        p999MsFew: of((both) => both.few.half.p999Ms),
      },
      gcUs: of((both) => both.many.gcUs),
      gcUsFew: of((both) => both.few.gcUs),
      gcMsMax: Math.max(...rounds.map((both) => both.many.gcMsMax)),
    };
  } finally {
    await Promise.all(started.map(stop));
  }
}

async function start(upstream: string, entries: number, started: ChildProcess[]): Promise<Proxy> {
  const parameters = serveParameters(upstream, 0);
  const bound = ["--cache-bytes-max", String(cacheBytesMax), "--streams", "off"];
  const child = startNode(serverCore, "bench/memory-serve.ts", [...parameters, ...bound]);
  started.push(child);
  const [, url = ""] = await untilSaid(child, /DynamoDB endpoint +(\S+)\n/);
  return { child, url, entries };
}

async function figuresOf({ child }: Proxy): Promise<ProxyFigures> {
  const said = untilSaid(child, /figures (.*)\n/);
  child.kill("SIGUSR2");
  const [, text = ""] = await said;
  return JSON.parse(text);
}

/** Has so many items read in turn, many in one call. */
async function fill({ url, entries }: Proxy, reads: number): Promise<void> {
  let next = 0;
  const loader = async (): Promise<void> => {
    while (next < reads) {
      const first = next;
      next += batchKeys;
      const Keys = Array.from({ length: batchKeys }, (_, at) => {
        const place = (first + at) % entries;
        const pk = { S: partitionKey(Math.floor(place / itemsPerPartition)) };
        return { pk, sk: { S: sortKey(place % itemsPerPartition) } };
      });
      await mustCall(url, "BatchGetItem", { RequestItems: { [TABLE]: { Keys } } });
    }
  };
  await Promise.all(Array.from({ length: loaders }, loader));
}

interface Load extends HitResult {
  readonly perSecond: number;
  readonly cpuUs: number;
}

interface Round {
  readonly full: Load;
  readonly half: Load;
  readonly gcMsMax: number;
  readonly gcUs: number;
}

async function round(proxy: Proxy, seconds: number): Promise<Round> {
  await figuresOf(proxy);
  const full = await load(proxy, seconds);
  const half = await load(proxy, seconds, full.perSecond / 2);
  const { gcMsMax, gcMsSum } = await figuresOf(proxy);
  return { full, half, gcMsMax, gcUs: (1_000 * gcMsSum) / (full.replies + half.replies) };
}

async function load({ url, child, entries }: Proxy, seconds: number, ratePerSecond?: number): Promise<Load> {
  const job: HitJob = { url, entries, connections, seconds, ...(ratePerSecond && { ratePerSecond }) };
  const pids = familyOf(child.pid ?? 0);
  const before = cpuSeconds(pids) ?? 0;
  const loader = startNode(loadCore, "bench/memory-load.ts", []);
  loader.stdin?.end(JSON.stringify(job));
  const [, text = ""] = await untilSaid(loader, /^result (.*)\n/m, seconds);
  const cpu = (cpuSeconds(pids) ?? 0) - before;
  await stop(loader);
  const result: HitResult = JSON.parse(text);
  if (result.replies === 0 || result.others > 0)
    throw new Error(`${result.others} of ${result.replies} replies were no hits`);
  return { ...result, perSecond: result.replies / result.seconds, cpuUs: (1e6 * cpu) / result.replies };
}
