/**
 * Settings table, part 3: what is cached, for how long, in how much memory, and the bounds of queues and
 * maps.
 */
import {
  bytes,
  choice,
  custom,
  integer,
  ms,
  notBuilt,
  type Parsed,
  refuse,
  type Setting,
} from "./setting.ts";
import { parseTableRules, type TableRule } from "./table-rule.ts";

const DAY_MS = 86_400_000;
const MIB = 1024 ** 2;

/** The settings that a rule of `tables` may give anew for its tables. */
export const PER_TABLE = {
  itemTtlMs: ms(
    300_000,
    [0, 30 * DAY_MS],
    "How long a cached item may be served. 0 = items are not cached (in DAX 0 means for ever).",
  ),
  queryTtlMs: ms(
    300_000,
    [0, 30 * DAY_MS],
    "How long a cached Query or Scan page may be served. 0 = pages are not cached.",
  ),
  negativeTtlMs: ms(
    60_000,
    [0, 30 * DAY_MS],
    "How long “there is no such item” may be served. 0 = such answers are not cached.",
  ),
  queryCoherence: choice(
    ["tags", "ttl"],
    "tags",
    "`tags`: a write drops the cached pages that it may have changed. `ttl`: pages live until their TTL, " +
      "whatever is written, as in DAX.",
  ),
  settleMs: ms(
    2000,
    [0, 600_000],
    "How long after a change reads of the item, and queries of its partition, are made strongly consistent " +
      "because a replica may lag. 0 gives up reading your own writes.",
  ),
  indexSettleMs: ms(
    5000,
    [0, 600_000],
    "How long after a change queries of a global secondary index are answered from upstream but not stored.",
  ),
};

export const CACHING = {
  cacheBytesMax: bytes(256 * MIB, [4096, 1024 ** 4], "Memory for cached answers, divided among the workers."),
  entryBytesMax: bytes(
    2 * MIB,
    [1024, 64 * MIB],
    "The largest answer that is stored. A Query page has up to 1 MB of items, and more as JSON. Unset, it " +
      "is never more than a worker's share of `cacheBytesMax`.",
  ),
  ...PER_TABLE,
  unknownOutcomeMs: ms(
    10_000,
    [1, 600_000],
    "How long after a write without an answer it may still land. Until then reads of what it may have " +
      "changed are strongly consistent and nothing is stored.",
  ),
  serveStaleMs: notBuilt(
    ms(0, [0, DAY_MS], "How long past its TTL an entry may be served while the upstream fails. 0 = never."),
  ),
  tables: custom<readonly TableRule[]>([], {
    values: "a list of rules",
    defaultText: "all tables alike",
    help: "Rules for tables by name or glob; the first that matches wins. See “Rules for tables”.",
    parse: (raw) => parseTableRules(raw, PER_TABLE),
  }),
};

/** The coherence clock indexes with a mask, so only powers of two will do. */
function powerOfTwo(setting: Setting<number>): Setting<number> {
  return {
    ...setting,
    values: `${setting.values}, a power of two`,
    parse: (raw): Parsed<number> => {
      const parsed = setting.parse(raw);
      if (parsed.problems !== undefined || Number.isInteger(Math.log2(parsed.value))) return parsed;
      return refuse(`must be a power of two, not ${parsed.value}`);
    },
  };
}

export const LIMITS = {
  inFlightMax: integer(
    10_000,
    [1, 1_000_000],
    "Requests under way at one time. Beyond it callers get DynamoDB's throttling error.",
  ),
  waitersMax: integer(1000, [1, 1_000_000], "Callers who may wait on one upstream read of the same answer."),
  bodyBytesMax: bytes(
    16 * MIB,
    [1024, 16 * MIB],
    "The largest request body. DynamoDB's own bound is the default.",
  ),
  tablesMax: integer(1000, [1, 100_000], "Tables whose description is kept in memory."),
  metricsTablesMax: integer(
    500,
    [0, 100_000],
    "Tables with metrics of their own; further ones are counted together as `other`.",
  ),
  slots: powerOfTwo(
    integer(
      2 ** 20,
      [2, 2 ** 24],
      "Version counters that changes are hashed to. Fewer cost hits by collisions, never freshness.",
    ),
  ),
  workers: integer(
    1,
    [1, 256],
    "Threads that serve requests, each with its own connections to the upstream and its share of " +
      "`cacheBytesMax`; other bounds hold for each. More than 1 needs Linux, where threads can listen on one port.",
  ),
};
