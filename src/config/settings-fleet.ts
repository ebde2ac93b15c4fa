/** Settings table, part 4: several nodes, streams, and how the process is watched. */
import { redisProblem } from "../util/redis-address.ts";
import { bytes, choice, integer, ms, notBuilt, share, text } from "./setting.ts";

const KIB = 1024;
const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

export const NODES = {
  redis: text(undefined, {
    values: "redis://, rediss://, redis-cluster://, rediss-cluster:// or redis-sentinel://host,host/name",
    secret: true,
    problem: redisProblem,
    help:
      "Redis (7.0 or newer) or Valkey: the second cache tier, and how nodes learn of each other's writes. See " +
      "docs/OPERATIONS.md, “Several nodes”.",
  }),
  redisKeyPrefix: text("dynatier", {
    values: "letters, digits and -_.:/",
    pattern: /^[A-Za-z0-9._:/-]{1,64}$/,
    help: "What all keys in Redis begin with. Nodes with the same prefix share one cache; they must have the same upstream.",
  }),
  redisLookupTimeoutMs: ms(25, [1, 10_000], "How long a read waits for Redis before it goes upstream."),
  redisInvalidateTimeoutMs: ms(
    50,
    [1, 10_000],
    "How long a write waits for its invalidation, and before it for its mark. What is not acknowledged is sent again; until " +
      "then this node reads nothing from Redis.",
  ),
  redisEntryBytesMax: bytes(512 * KIB, [1024, 64 * MIB], "The largest answer that is stored in Redis."),
  redisCompressBytesMin: bytes(
    8 * KIB,
    [0, 64 * MIB],
    "Answers from this size on are compressed (zstd) in Redis. 0 = none are.",
  ),
  redisFillBytesMax: bytes(
    32 * MIB,
    [1024, 16 * GIB],
    "Answers on their way to Redis, together. Beyond it they are kept in memory only.",
  ),
  redisTtlJitter: share(
    0.1,
    "Share of its lifetime by which an answer may expire earlier in Redis, at random, so that not all expire at once.",
  ),
  redisQueuedTagsMax: integer(
    100_000,
    [10, 10_000_000],
    "Invalidations that wait for Redis to come back. Beyond it everything is invalidated instead.",
  ),
  redisLogMessagesMax: integer(
    100_000,
    [1000, 100_000_000],
    "Messages kept in the nodes' common log. A node that was away for longer forgets everything.",
  ),
  redisLogPauseMs: ms(
    0,
    [0, 1000],
    "How long a node waits between two reads of the common log while messages come. Large fleets with many writes wake up less " +
      "often with some milliseconds; other nodes' writes are seen so much later.",
  ),
  freshWithinMs: ms(
    2000,
    [100, 600_000],
    "How old the last sign of life from a followed table's stream, or from the nodes' common log, may be before hits are " +
      "capped at `degradedMaxAgeMs`.",
  ),
  degradedMaxAgeMs: ms(
    2000,
    [0, 600_000],
    "How old a hit may be while the table's stream or the common log is silent. 0 = pass through.",
  ),
  writeGuard: choice(
    ["auto", "before", "after", "require"],
    "auto",
    "`before` marks a write in Redis before it is sent, `after` does not, `require` refuses a write " +
      "whose mark cannot be placed, `auto` is `before` where the stream is not followed.",
  ),
};

export const STREAMS = {
  streams: choice(
    ["auto", "on", "require", "off"],
    "auto",
    "Follow the tables' DynamoDB Streams, so that writes which did not come through dynatier are noticed. `auto` " +
      "follows where a stream exists and following cannot crowd out other readers (the upstream is not AWS), else it " +
      "warns; `on` follows although this node is alone; `require` also caches followed tables only.",
  ),
  streamPollMs: ms(
    250,
    [10, 60_000],
    "How often a shard is read while it has records. A write around dynatier is seen within the stream's own delay and " +
      "one poll.",
  ),
  streamIdlePollMs: ms(
    1000,
    [10, 60_000],
    "How often a shard is read that has had none for a while. Keep it below `freshWithinMs`.",
  ),
  streamReadersMax: integer(16, [1, 1000], "Reads of one table's stream under way at once."),
  streamBacklogRecordsMax: integer(
    100_000,
    [1000, 100_000_000],
    "Records to catch up with, beyond which the whole table is dropped instead: one invalidation is cheaper.",
  ),
  streamLagMaxMs: ms(0, [0, 600_000], "Stream delay beyond which a table is passed through. 0 = no bound."),
};

export const WATCHING = {
  logLevel: choice(
    ["silent", "fatal", "error", "warn", "info", "debug", "trace"],
    "info",
    "How much is logged (JSON lines on standard error). Requests are logged, one line each, only from " +
      "`debug` on.",
  ),
  audit: notBuilt(
    share(0, "Share of served answers that are read again, strongly consistent, and compared."),
  ),
  config: text(undefined, {
    values: "the path of a YAML file",
    defaultText: "./dynatier.yaml, if there is one",
    help: "The settings file. Cannot be set in the file itself.",
  }),
};
