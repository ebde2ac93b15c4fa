/** Sequences of reads and changes that bench/eviction.ts puts the policies through. Seeded: the same in every run. */

import { seeded, zipfian } from "./random.ts";

/** Key numbers; ~key (negative) = the entry of that key is no longer valid. */
export interface Trace {
  readonly name: string;
  readonly steps: Int32Array;
  /** By key. */
  bytesOf(key: number): number;
}

const keys = 100_000;
const reads = 1_000_000;
const itemBytes = 400;
/** Keys that nobody asks for by popularity begin here. */
const strangers = 1_000_000;

type Next = (at: number) => number;

function trace(name: string, next: Next, bytesOf: Trace["bytesOf"] = () => itemBytes): Trace {
  return { name, steps: Int32Array.from({ length: reads }, (_, at) => next(at)), bytesOf };
}

export function traces(): Trace[] {
  return [
    trace("zipf 0.99", zipf(1)),
    trace("zipf 0.99, mixed sizes", zipf(2), mixedBytes),
    trace("zipf, one read in five part of a scan", scans()),
    trace("popularity shifts slowly", shifting(20)),
    trace("popularity shifts fast", shifting(500)),
    trace("latest first (YCSB D)", latest()),
    trace("bursts over zipf", bursts()),
    trace("zipf, 10 % writes", writes()),
    trace("everything once over, again and again", (at) => at % keys),
  ];
}

function zipf(seed: number): Next {
  return zipfian(keys, seeded(seed));
}

/** Most are items of 100 bytes to 4 KiB, one in twenty is a page of up to 100 KiB. */
function mixedBytes(key: number): number {
  const random = seeded(key);
  return Math.round(random() < 0.05 ? 10_000 + random() * 92_400 : 100 * 41 ** (random() ** 2));
}

/** Now and then 20,000 reads in a row of what is never asked for again. */
function scans(): Next {
  const popular = zipf(3);
  return (at) => (at % 100_000 < 80_000 ? popular(at) : strangers + at);
}

/** Every 10,000 reads so many popular keys change places with random ones. */
function shifting(changes: number): Next {
  const popular = zipf(4);
  const random = seeded(5);
  const places = Int32Array.from({ length: keys }, (_, key) => key);
  return (at) => {
    if (at % 10_000 === 0) {
      for (let turn = 0; turn < changes; turn += 1) {
        const [a, b] = [popular(at), Math.floor(random() * keys)];
        [places[a], places[b]] = [places[b]!, places[a]!];
      }
    }
    return places[popular(at)]!;
  };
}

/** One in twenty is new; the newer a key, the more often it is read. */
function latest(): Next {
  const random = seeded(6);
  const sums = new Float64Array(keys);
  for (let rank = 0, sum = 0; rank < keys; rank += 1) sums[rank] = sum += 1 / (rank + 1) ** 0.99;
  let newest = keys;
  return () => {
    if (random() < 0.05) return ++newest;
    const wanted = random() * sums[keys - 1]!;
    let [low, high] = [0, keys - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sums[middle]! > wanted) high = middle;
      else low = middle + 1;
    }
    return newest - low;
  };
}

/** Half of the reads come from sessions: a new key is read about eight times within 2,000 reads, then never again. */
function bursts(): Next {
  const popular = zipf(7);
  const random = seeded(8);
  const open = new Int32Array(250);
  let newest = strangers;
  return (at) => {
    if (random() < 0.5) return popular(at);
    const place = Math.floor(random() * open.length);
    if (open[place] === 0 || random() < 1 / 8) open[place] = newest++;
    return open[place]!;
  };
}

function writes(): Next {
  const popular = zipf(9);
  const random = seeded(10);
  return (at) => (random() < 0.1 ? ~popular(at) : popular(at));
}
