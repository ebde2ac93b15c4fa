/** Prints docs/SCALING.md (`npm run docs`); run by itself it prints the tables only. */

import { fileURLToPath } from "node:url";
import { ASSUMPTIONS, assumed } from "./scaling-assumptions.ts";
import { type FleetLoad, limitsOf, requestsMax, secondOf, tagsOfWrite, USUAL } from "./scaling-model.ts";
import { remedies } from "./scaling-remedies.ts";
import { paragraph, percent, short, table, whole } from "./scaling-text.ts";

const introduction = (): string =>
  [
    "# Scaling",
    paragraph(
      "Printed from `scripts/scaling.ts` by `npm run docs`; do not edit. This is arithmetic, not a measurement: it says what " +
        "a fleet has to do in a second, and which part is at its limit first. `test/unit/scaling.test.ts` holds its formulas " +
        "for queues and the log against a simulation. It rests on the [assumptions](#assumptions) below, of which your hit " +
        "shares matter most: `dynatier_lookups_total` tells them. For a fleet of your own, change `USUAL` in " +
        "`scripts/scaling-model.ts` and run `node scripts/scaling.ts`.",
    ),
    paragraph(
      "In short: **reads scale with nodes and masters, changes do not.** Every node has to hear of every change, so what a " +
        "fleet can take ends where the log is full, or a node with what others have written. Up to ten nodes and 100,000 " +
        "requests a second, one Redis is enough. A hundred small nodes on one log are worse than ten large ones: each " +
        "message has to wake all of them.",
    ),
  ].join("\n\n");

interface Scenario {
  readonly title: string;
  readonly load: FleetLoad;
}

const scenario = (title: string, nodes: number, requestsPerSecond: number, masters: number): Scenario => ({
  title,
  load: { ...USUAL, nodes, requestsPerSecond, masters, ...(masters === 0 && { redisHitShare: 0 }) },
});

export const SCENARIOS: readonly Scenario[] = [
  scenario("one sidecar", 1, 1_000, 0),
  scenario("one node", 1, 10_000, 0),
  scenario("3 nodes, one Redis", 3, 30_000, 1),
  scenario("10 nodes, one Redis", 10, 100_000, 1),
  scenario("30 nodes, one Redis", 30, 300_000, 1),
  scenario("30 nodes, Cluster of 3", 30, 300_000, 3),
  scenario("100 nodes, Cluster of 6", 100, 1_000_000, 6),
  {
    title: "the same, 0.5 % writes, memory answers 90 %, log read every 10 ms",
    load: {
      ...scenario("", 100, 1_000_000, 6).load,
      ...{ writeShare: 0.005, memoryHitShare: 0.9, logTurnMicros: 10_000 },
    },
  },
];

function operations(): string {
  const tags = tagsOfWrite(USUAL.globalIndexes);
  const beats = assumed("beatsPerSecond");
  const rows = [
    ["read, hit in memory", "0", "0", "nothing"],
    [
      "read, not in memory",
      "1",
      "4",
      "GET of the entry, HGETALL of its tags: item, schema of the table, everything",
    ],
    ["… Query of a global index", "+ 0", "5", "the index' partition, and the index itself"],
    ["… with absent tags", "+ 1", "1 a tag", "script that creates them, before the upstream read"],
    ["… and not in Redis either", "+ 1", "1", "SET of the entry, after the reply"],
    [
      "write, when DynamoDB has acknowledged it",
      "1, in a Cluster 2",
      `${tags + 1}`,
      "script for each tag (item, partition, any write, a partition or two of each global index), then XADD",
    ],
    [
      "… guarded, before it is sent",
      "+ 1",
      `${tags + 2}`,
      "script that marks each tag; HGETALL of schema and everything",
    ],
    [
      "… and there is a replica",
      "+ 0",
      "1",
      "WAIT 1 behind the marks, shared by those that wait at the same time",
    ],
    [
      "record of a followed stream",
      "1, in a Cluster 2",
      `${tags + 1}`,
      "as a write, once in the fleet, by the leader",
    ],
    [
      "message in the log, each node",
      "1 or less",
      "1 or less",
      "XREAD; a busy node takes up to 1,000 at a time",
    ],
    [
      "heartbeat",
      "1",
      "2",
      `XADD and WAIT; ${beats} a second in the fleet, or from each node that leads a stream`,
    ],
    ["lease, checkpoint of a stream", "1", "1", "in the order of one a second for each followed table"],
  ];
  return table(["what", "round trips", "commands", "which"], rows, [1, 2, 3]);
}

function scenarioTable(): string {
  const rows = SCENARIOS.map(({ title, load }) => {
    const second = secondOf(load);
    const [first] = limitsOf(load);
    return [
      title,
      whole(load.requestsPerSecond),
      whole(second.redisCommands),
      load.masters === 0 ? "–" : short(second.busiestMasterCores),
      whole(second.messages),
      load.masters === 0 ? "–" : short(second.logBytesOut / 1e6),
      short(second.nodeCores),
      percent(second.messageCores / second.nodeCores),
      `${first?.what}, ${percent(first?.share ?? 0)}`,
    ];
  });
  const head = ["fleet", "requests/s", "Redis commands/s", "cores of the busiest master", "messages/s"];
  return table([...head, "log MB/s out", "cores of a node", "of that messages", "nearest limit"], rows, [8]);
}

function unitTable(): string {
  const rows = SCENARIOS.map(({ title, load }) => {
    const { readUnits, readUnitsWithout, writeUnits, streamCalls } = secondOf(load);
    return [title, whole(readUnitsWithout), whole(readUnits), whole(writeUnits), whole(streamCalls)];
  });
  const head = ["fleet", "read units/s without", "with dynatier", "write units/s", "GetRecords/s"];
  return table(head, rows);
}

function partTable(): string {
  const parts = ["spread", "everything", "schema", "any write", "log"] as const;
  const rows = SCENARIOS.filter(({ load }) => load.masters > 0).map(({ title, load }) => {
    const { redisCores } = secondOf(load);
    return [title, ...parts.map((part) => short(redisCores[part]))];
  });
  return table(
    ["cores of Redis for", "entries and own tags", "`everything`", "`schema`", "`any write`", "log"],
    rows,
  );
}

const fleets = [3, 10, 30, 100];
const options: readonly (readonly [title: string, over: Partial<FleetLoad>])[] = [
  ["one Redis", { masters: 1 }],
  ["Cluster of 3", { masters: 3 }],
  ["Cluster of 6", { masters: 6 }],
  ["Cluster of 6, no stream, guard", { masters: 6, streams: false, guard: true }],
  ["Cluster of 6, no stream, no guard", { masters: 6, streams: false }],
  ["Cluster of 6, 1 % writes", { masters: 6, writeShare: 0.01 }],
  ["Cluster of 6, memory answers 95 %", { masters: 6, memoryHitShare: 0.95 }],
  ["Cluster of 6, nodes of 8 cores", { masters: 6, coresOfNode: 8 }],
  ["Cluster of 6, log read every 10 ms", { masters: 6, logTurnMicros: 10_000 }],
  ["… and 1 % writes", { masters: 6, logTurnMicros: 10_000, writeShare: 0.01 }],
  ["… and memory answers 90 %", { masters: 6, logTurnMicros: 10_000, writeShare: 0.01, memoryHitShare: 0.9 }],
];

function limitTable(): string {
  const rows = options.map(([title, over]) => [
    title,
    ...fleets.map((nodes) => {
      const load = { ...USUAL, masters: 1, ...over, nodes };
      const requestsPerSecond = requestsMax(load);
      const [first] = limitsOf({ ...load, requestsPerSecond });
      return `${whole(Number(requestsPerSecond.toPrecision(2)))} (${first?.what})`;
    }),
  ]);
  return table(["most requests/s", ...fleets.map((nodes) => `${nodes} nodes`)], rows, [1, 2, 3, 4]);
}

function memory(): string {
  const million = 1e6;
  const entry = assumed("entryBytes") + assumed("tagBytes");
  const [log, messages] = [assumed("logMessageBytes"), 100_000];
  return paragraph(
    `An entry of a 300-byte item takes ${assumed("entryBytes")} bytes of Redis' memory and its own tag ` +
      `${assumed("tagBytes")}: ${whole((entry * million) / 1e6)} MB for a million items. Tags of partitions that are ` +
      `written and not read take ${assumed("tagBytes")} bytes each until they expire. The log keeps a bounded number of ` +
      `messages at about ${log} bytes each: ${whole((log * messages) / 1e6)} MB for ${whole(messages)}.`,
  );
}

/** The tables, each under its heading. */
export function scalingTables(): string {
  const { memoryHitShare, redisHitShare, writeShare, coresOfNode } = USUAL;
  return [
    "## What it asks of Redis",
    operations(),
    paragraph(
      "Every command touches keys of one slot only, so all of it runs on a Cluster, where the parts of a look-up go to " +
        "up to three masters at the same time.",
    ),
    "## From one sidecar to 100 nodes",
    paragraph(
      `${percent(writeShare)} writes; memory answers ${percent(memoryHitShare)} of the reads, Redis ` +
        `${percent(redisHitShare)} of the rest; one global index; streams followed, so that each write is told twice (its ` +
        `own message and its record's); nodes of ${coresOfNode} cores. A limit is ${percent(assumed("busyMax"))} of a core ` +
        "or of a link of 10 Gbit/s; 100 % is at it. What is nearest to its limit on a master is named by what that master " +
        "does most: spread = entries and their own tags, which a Cluster spreads; the others are one key each.",
    ),
    scenarioTable(),
    partTable(),
    paragraph(
      "Units of DynamoDB for items up to 4 KB read and 1 KB written, outside settle windows (just after a write, a read " +
        "that misses costs double):",
    ),
    unitTable(),
    "## Where it breaks first",
    paragraph(
      "The most that a fleet can take before something is at its limit, and what that is; all else as above. `log read " +
        "every 10 ms`: with `redisLogPauseMs: 10`, a node waits so long between two reads of the log.",
    ),
    limitTable(),
    "## What to do about it",
    remedies(),
    "## Memory",
    memory(),
  ].join("\n\n");
}

function assumptionTable(): string {
  const rows = Object.values(ASSUMPTIONS).map(({ value, unit, source }) => [
    `${value >= 1e6 ? value.toExponential() : value} ${unit}`,
    source,
  ]);
  return ["| figure | source |", "|---|---|", ...rows.map((cells) => `| ${cells.join(" | ")} |`)].join("\n");
}

/** The whole text of docs/SCALING.md. */
export function printScaling(): string {
  const notes = paragraph(
    `CPU times are one core's. Look-ups and changes are taken to come at random; bursts need more room than ` +
      `${percent(assumed("busyMax"))}.`,
  );
  const parts = [introduction(), scalingTables(), "## Assumptions", notes, assumptionTable()];
  return `${parts.join("\n\n")}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(scalingTables());
