/** Settings table, part 4: several nodes, streams, and how the process is watched. */
import { choice, integer, ms, notBuilt, share, text } from "./setting.ts";

export const NODES = {
  redis: notBuilt(
    text(undefined, {
      values: "redis://, rediss://, redis-cluster://, rediss-cluster:// or redis-sentinel://host,host/name",
      secret: true,
      help: "The second cache tier, and how nodes learn of each other's writes.",
    }),
  ),
  redisLookupTimeoutMs: notBuilt(ms(25, [1, 10_000], "How long a read waits for Redis.")),
  redisInvalidateTimeoutMs: notBuilt(ms(50, [1, 10_000], "How long a write waits for its invalidation.")),
  freshWithinMs: ms(
    2000,
    [100, 600_000],
    "How old the last sign of life from a followed table's stream may be before its hits are capped at " +
      "`degradedMaxAgeMs`.",
  ),
  degradedMaxAgeMs: ms(
    2000,
    [0, 600_000],
    "How old a hit may be while the table's stream is silent. 0 = pass through.",
  ),
  writeGuard: notBuilt(
    choice(
      ["auto", "before", "after", "require"],
      "auto",
      "`before` marks a write in Redis before it is sent, `after` does not, `require` refuses a write " +
        "whose mark cannot be placed, `auto` is `before` where the stream is not followed.",
    ),
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
