/** The points of the curves: one factor at a time, from one base. */

import { followedTable, plainTable } from "./servers/any-key.ts";

/** A proxy that points share, filled with the items that they ask for. */
export interface ServerWish {
  readonly table: string;
  readonly entries: number;
  readonly itemBytes: number;
  readonly workers: number;
  /** Which others may not use it, because it is changed by what is measured on it. */
  readonly only?: string;
  /** "any": on both cores, of which the load has one as well. */
  readonly cores: "one" | "any";
}

export interface Point {
  readonly factor: Factor;
  readonly label: string;
  readonly server: ServerWish;
  readonly connections: number;
  readonly hitShare: number;
  /** Changes a second that the table's stream tells of while this point is measured. */
  readonly changes: number;
}

export const factors = {
  entries: "entries in the cache",
  size: "bytes of an item",
  connections: "connections",
  hits: "share of hits",
  workers: "workers, all on one core",
  cores: "workers, on two cores that the load uses too",
  changes: "records of a stream a second",
} as const;
export type Factor = keyof typeof factors;

const base = {
  server: { table: plainTable, entries: 10_000, itemBytes: 300, workers: 1, cores: "one" },
  connections: 32,
  hitShare: 1,
  changes: 0,
} as const;

const whole = (value: number): string => value.toLocaleString("en");
/** Fewer of the large ones: the memory for them, and the time to fill it, stay the same. */
const bytesOfAll = 200_000_000;

export const points: readonly Point[] = [
  ...[1000, 10_000, 100_000, 1_000_000].map(
    (entries): Point => ({
      ...base,
      factor: "entries",
      label: whole(entries),
      server: { ...base.server, entries },
    }),
  ),
  ...[100, 1000, 10_000, 100_000, 400_000].map(
    (itemBytes): Point => ({
      ...base,
      factor: "size",
      label: whole(itemBytes),
      server: {
        ...base.server,
        itemBytes,
        entries: Math.min(base.server.entries, Math.floor(bytesOfAll / itemBytes)),
      },
    }),
  ),
  ...[1, 8, 32, 128, 512, 1000, 5000].map(
    (connections): Point => ({ ...base, factor: "connections", label: whole(connections), connections }),
  ),
  ...[0, 0.5, 0.9, 0.99, 1].map(
    (hitShare): Point => ({
      ...base,
      factor: "hits",
      label: `${Math.round(hitShare * 100)} %`,
      server: { ...base.server, only: "hits" },
      hitShare,
    }),
  ),
  ...(["one", "any"] as const).flatMap((cores) =>
    [1, 2].map(
      (workers): Point => ({
        ...base,
        factor: cores === "one" ? "workers" : "cores",
        label: whole(workers),
        server: { ...base.server, workers, cores },
        // As many for each thread: with fewer, each would wake up for less.
        connections: workers * base.connections,
      }),
    ),
  ),
  ...[0, 10_000].map(
    (changes): Point => ({
      ...base,
      factor: "changes",
      label: whole(changes),
      server: { ...base.server, table: followedTable },
      changes,
    }),
  ),
];
