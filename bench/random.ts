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
  const cumulative = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank += 1) {
    sum += 1 / (rank + 1) ** zipfianConstant;
    cumulative[rank] = sum;
  }
  const places = shuffled(count, seeded(count));
  return () => places[firstAbove(cumulative, random() * sum)]!;
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
