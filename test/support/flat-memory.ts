// Whether memory stays flat: the second half of the samples against the first.

export interface MemorySample {
  readonly heapBytes: number;
  readonly residentBytes: number;
}

export interface MemoryTrend {
  /** MiB in the first and in the second half: the least used heap (most garbage is gone then), the most resident memory. */
  readonly heapMiB: readonly [number, number];
  readonly residentMiB: readonly [number, number];
}

/** The first fifth, in which code is compiled and pools grow, does not count. */
const warmUpShare = 0.2;
const MIB = 1024 ** 2;

export function memoryTrend(samples: readonly MemorySample[]): MemoryTrend {
  const counted = samples.slice(Math.ceil(samples.length * warmUpShare));
  const middle = Math.floor(counted.length / 2);
  if (middle < 4) throw new Error(`${samples.length} samples of memory are too few`);
  const halves = [counted.slice(0, middle), counted.slice(middle)] as const;
  const heap = (half: readonly MemorySample[]) => Math.min(...half.map((one) => one.heapBytes)) / MIB;
  const resident = (half: readonly MemorySample[]) => Math.max(...half.map((one) => one.residentBytes)) / MIB;
  return {
    heapMiB: [Math.round(heap(halves[0])), Math.round(heap(halves[1]))],
    residentMiB: [Math.round(resident(halves[0])), Math.round(resident(halves[1]))],
  };
}

/** Generous, since one collection more or less is chance; a leak of a kilobyte a write exceeds it within minutes. */
export function grown({ heapMiB, residentMiB }: MemoryTrend): string[] {
  const wrong: string[] = [];
  if (heapMiB[1] > heapMiB[0] * 1.25 + 16) wrong.push(`heap: ${heapMiB.join(" MiB, then ")} MiB`);
  if (residentMiB[1] > residentMiB[0] * 1.25 + 32)
    wrong.push(`resident: ${residentMiB.join(" MiB, then ")} MiB`);
  return wrong;
}
