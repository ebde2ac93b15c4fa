/** What to do where a fleet is at one of its limits, for docs/SCALING.md. */

import { assumed } from "./scaling-assumptions.ts";
import { table, whole } from "./scaling-text.ts";

/** Writes a second of one table at which its `any write` tag fills a master. */
const writesOfTableMax = (): string => {
  const micros = 2 * (assumed("changeMicros") + assumed("roundTripMicros"));
  return whole(Number(((assumed("busyMax") * 1e6) / micros).toPrecision(1)));
};

/** What to do about each limit. */
export const remedies = (): string =>
  table(
    ["what is full", "what to do"],
    [
      [
        "Redis: spread (entries, own tags)",
        "Cluster: they spread evenly. Before that, more memory in the nodes (`cacheBytesMax`) and " +
          "longer TTLs: a hit in memory asks nothing of Redis",
      ],
      [
        "Redis: everything, schema (every look-up reads them, each from one master)",
        "A higher hit share in memory: fewer, larger nodes hold the same bytes in fewer pieces. " +
          "Several fleets by table, each with its own Redis",
      ],
      [
        "Redis: any write (every write of a table changes it)",
        "It is one key for each table: several tables spread over masters by themselves. One table's " +
          `limit is about ${writesOfTableMax()} writes a second with a followed stream, twice that ` +
          "without",
      ],
      [
        "Redis: log (every node reads it)",
        "Most of its cost is waking each node for each message, not the messages: fewer, larger nodes" +
          " with more `workers` (a process reads the log once). `redisLogPauseMs` of some milliseconds " +
          "lets messages gather and is far below what the contract allows. `streams: off` with the " +
          "guard tells each write once instead of twice, where " +
          "nobody writes around dynatier. Several logs, by bucket of tags, over the masters of a " +
          "Cluster are possible (messages commute) and not built",
      ],
      [
        "messages in a node",
        "Only fewer messages help: every node hears of every write. Several fleets by table, so that " +
          "a node hears of its own tables only",
      ],
      [
        "the log's network",
        "As the log. Keep nodes and master in one zone: traffic between zones is charged",
      ],
      [
        "a node's CPU",
        "More nodes, or `workers`. Calls that bypass the cache cost a whole miss: " +
          "`dynatier_uncached_total` says why they do",
      ],
      [
        "DynamoDB's write units",
        "No cache saves any. The image in a write's own reply fills the cache, so that the next read " +
          "costs none",
      ],
      [
        "readers of a stream",
        "A shard serves two readers, Lambda triggers included. With Redis one leader reads for all " +
          "nodes; without it each node reads by itself",
      ],
    ],
    [1],
  );
