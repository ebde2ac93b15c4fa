/** The valid name that a mistyped one is most likely meant to be. */

/** Edit distance: insertions, deletions, replacements and swaps of neighbours, each counted as one. */
export function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const cost = from[row - 1] === to[column - 1] ? 0 : 1;
      let best = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + cost);
      const swapped =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (swapped) best = Math.min(best, beforeLast[column - 2]! + 1);
      current.push(best);
    }
    beforeLast = last;
    last = current;
  }
  return last[to.length]!;
}

/** The nearest of `names`, case and punctuation aside; undefined if even that is too far off to be meant. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const bare = (one: string) => one.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  // A name far longer than any valid one is no typing error; this also bounds the work.
  const wanted = bare(name.slice(0, 64));
  let best: { name: string; distance: number } | undefined;
  for (const candidate of names) {
    const distance = editDistance(wanted, bare(candidate));
    if (!best || distance < best.distance) best = { name: candidate, distance };
  }
  return best && best.distance <= Math.max(2, Math.floor(wanted.length / 3)) ? best.name : undefined;
}
