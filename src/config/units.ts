/** Units of time and size: read from text, and printed for people. */

export type UnitTable = ReadonlyMap<string, number>;

export const NO_UNITS: UnitTable = new Map([["", 1]]);

/** Milliseconds a unit. */
export const MS_UNITS: UnitTable = new Map([
  ["", 1],
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["min", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** Bytes a unit: kB, MB and GB count in thousands, KiB, MiB and GiB in 1024s. */
export const BYTE_UNITS: UnitTable = new Map([
  ["", 1],
  ["b", 1],
  ["kb", 1000],
  ["mb", 1000 ** 2],
  ["gb", 1000 ** 3],
  ["kib", 1024],
  ["mib", 1024 ** 2],
  ["gib", 1024 ** 3],
]);

/**
 * A number, or text like "5s" or "1.5 GiB" times its unit (case does not matter); undefined for anything
 * else.
 */
export function numberOf(raw: unknown, units: UnitTable): number | undefined {
  if (typeof raw === "number") return raw;
  if (typeof raw !== "string") return undefined;
  const parts = /^\s*(\d{1,20}(?:\.\d{1,20})?)\s*([a-z]*)\s*$/i.exec(raw);
  const factor = parts ? units.get((parts[2] ?? "").toLowerCase()) : undefined;
  if (!parts || factor === undefined) return undefined;
  const product = Number(parts[1]) * factor;
  // 1.1 s is 1100.0000000000002 in binary arithmetic.
  return Math.abs(product - Math.round(product)) < 1e-6 ? Math.round(product) : product;
}

const STEPS = {
  ms: [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "min"],
    [1000, "s"],
  ],
  bytes: [
    [1024 ** 3, "GiB"],
    [1024 ** 2, "MiB"],
    [1024, "KiB"],
  ],
} as const;

/** A number with the largest unit that leaves it whole: 300000 ms → "5 min", 268435456 bytes → "256 MiB". */
export function withUnit(value: number, unit: "ms" | "bytes"): string {
  for (const [size, name] of STEPS[unit]) {
    if (value >= size && value % size === 0) return `${value / size} ${name}`;
  }
  return `${value} ${unit}`;
}
