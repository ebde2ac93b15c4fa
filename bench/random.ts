/** Seeded random numbers and the zipfian choice of YCSB (constant 0.99): the same keys in every run. */

/** mulberry32: 32 bits of state, enough to choose keys by. Gives numbers in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

const zipfianConstant = 0.99;

/** Chooses among 0…count−1; which of them are popular is shuffled, so that neighbours are not popular together. */
export function zipfian(count: number, random: () => number): () => number {
  const rank = zipfianRank(count, random);
  const places = shuffled(count, seeded(count));
  return () => places[rank()]!;
}

/** Chooses a rank: 0 is the most popular of 0…count−1. */
export function zipfianRank(count: number, random: () => number): () => number {
  const cumulative = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank += 1) {
    sum += 1 / (rank + 1) ** zipfianConstant;
    cumulative[rank] = sum;
  }
  return () => firstAbove(cumulative, random() * sum);
}

function firstAbove(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

function shuffled(count: number, random: () => number): Uint32Array {
  const places = Uint32Array.from({ length: count }, (_, place) => place);
  for (let at = count - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    const moved = places[at]!;
    places[at] = places[other]!;
    places[other] = moved;
  }
  return places;
}

/** What sizes follow: the logarithm is normally distributed, and what falls outside the bounds is put on them. */
export interface LogNormal {
  readonly median: number;
  readonly sigma: number;
  readonly min: number;
  readonly max: number;
}

/** One whole number of the distribution (Box–Muller). */
export function logNormal({ median, sigma, min, max }: LogNormal, random: () => number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.min(max, Math.max(min, Math.round(median * Math.exp(sigma * normal))));
}
