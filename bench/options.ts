/** The flags of `npm run bench`. */

import path from "node:path";
import { parseArgs } from "node:util";
import { type RedisRowId, redisRowIds } from "./redis-rows.ts";
import { type Row, rows } from "./rows.ts";

export interface Options {
  readonly quick: boolean;
  readonly rows: readonly Row[];
  readonly startUp: boolean;
  /** How long writes around the proxy take to be seen; a part of its own, with a report of its own. */
  readonly freshness: boolean;
  /** What goes through Redis, by the names of redis-rows.ts; also a part of its own. */
  readonly redis: readonly RedisRowId[];
  readonly seconds: number;
  readonly warmSeconds: number;
  readonly repeats: number;
  readonly connections: number;
  readonly partitions: number;
}

const startUpId = "start-up";
const freshnessId = "freshness";
const otherIds: readonly string[] = [startUpId, freshnessId, ...redisRowIds];

export const usage = `npm run bench -- [flags]
Measures everything side by side: servers pinned to one core, the load to another. Prints one table; a whole run on a
quiet machine is kept in bench/results/latest.json, .md and .svg, any other in quick.* (then: npm run docs).
  --quick            short rows, one repeat: checks the replies, not the times (under 60 s)
  --rows a,b         only these, * stands for anything (proxy-*): ${[...rows.map(({ id }) => id), ...otherIds].join(", ")}
  --seconds N        measured time of each row and repeat, brief rows less (default 5; with --quick 0.4)
  --repeats N        how often all rows are run, in turn (default 3; with --quick 1)
  --connections N    kept-alive connections of the load (default 32; with --quick 8)
  --partitions N     partitions of 25 items in the table (default 400; with --quick 40)`;

/** @throws Error with a message for the user */
export function readOptions(parameters: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      quick: { type: "boolean", default: false },
      rows: { type: "string" },
      seconds: { type: "string" },
      repeats: { type: "string" },
      connections: { type: "string" },
      partitions: { type: "string" },
    },
  });
  const { quick } = values;
  const ids = values.rows?.split(",").flatMap((id) => idsLike(id.trim()));
  return {
    quick,
    rows: ids === undefined ? rows : rows.filter(({ id }) => ids.includes(id)),
    startUp: ids === undefined || ids.includes(startUpId),
    freshness: ids === undefined ? !quick : ids.includes(freshnessId),
    redis: redisRowIds.filter((id) => ids === undefined || ids.includes(id)),
    seconds: amount("seconds", values.seconds, quick ? 0.4 : 5),
    warmSeconds: quick ? 0.1 : 1,
    repeats: wholeNumber("repeats", values.repeats, quick ? 1 : 3),
    connections: wholeNumber("connections", values.connections, quick ? 8 : 32),
    partitions: wholeNumber("partitions", values.partitions, quick ? 40 : 400),
  };
}

function idsLike(pattern: string): string[] {
  const known = [...rows.map(({ id }) => id), ...otherIds];
  const found = known.filter((id) => path.matchesGlob(id, pattern));
  if (found.length === 0) throw new Error(`--rows: ${pattern} is no row`);
  return found;
}

function amount(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!(value > 0 && value <= 3600)) throw new Error(`--${name} must be a number above 0, at most 3600`);
  return value;
}

function wholeNumber(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!Number.isSafeInteger(value) || value < 1 || value > 10_000)
    throw new Error(`--${name} must be a whole number from 1 to 10000`);
  return value;
}
