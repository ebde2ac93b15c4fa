/** The arithmetic of docs/SCALING.md: from a fleet and its load to what Redis, the log, the nodes and DynamoDB have to do. */

import { assumed } from "./scaling-assumptions.ts";

export interface FleetLoad {
  readonly nodes: number;
  readonly requestsPerSecond: number;
  readonly writeShare: number;
  /** Of reads. */
  readonly memoryHitShare: number;
  /** Of the reads that memory does not answer; 0 without Redis. */
  readonly redisHitShare: number;
  /** Global indexes of the table: each adds tags to a write. */
  readonly globalIndexes: number;
  /** 0 = there is no Redis. */
  readonly masters: number;
  readonly streams: boolean;
  /** `writeGuard: before` or `require`. */
  readonly guard: boolean;
  readonly coresOfNode: number;
  /** Between two reads of the log by a busy node. */
  readonly logTurnMicros: number;
}

/** A fleet where the load is like the one that the page speaks of; override what differs. */
export const USUAL = {
  writeShare: 0.05,
  memoryHitShare: 0.8,
  redisHitShare: 0.7,
  globalIndexes: 1,
  streams: true,
  guard: false,
  coresOfNode: 2,
  logTurnMicros: assumed("logTurnMicros"),
} as const;

/** A second of the fleet. */
export interface Second {
  readonly reads: number;
  readonly writes: number;
  readonly looks: number;
  readonly redisHits: number;
  /** Reads that go upstream. */
  readonly misses: number;
  readonly messages: number;
  /** Commands that Redis carries out, scripts counted as one. */
  readonly redisCommands: number;
  /** Cores' worth of CPU that each part of Redis' work takes. Parts may stand on different masters. */
  readonly redisCores: Readonly<Record<RedisPart, number>>;
  /** Of the busiest master, the parts dealt out as evenly as they can be; and what it does most. */
  readonly busiestMasterCores: number;
  readonly busiestMasterPart: RedisPart;
  readonly logBytesOut: number;
  /** Cores' worth of CPU of each node, and the part of it that goes into other nodes' messages. */
  readonly nodeCores: number;
  readonly messageCores: number;
  readonly readUnits: number;
  readonly readUnitsWithout: number;
  readonly writeUnits: number;
  readonly streamCalls: number;
}

export type RedisPart = "spread" | "everything" | "schema" | "any write" | "log";

/** Tags of a look-up of an item: item, schema, everything. */
const tagsOfLook = 3;
/** Tags that a mark looks at without marking them: schema and everything, on which the written item's image depends. */
const readsOfMark = 2;
const micro = 1e-6;

/** Tags that a write changes: item, partition, any write, and a partition of each index. */
export const tagsOfWrite = (globalIndexes: number): number => 3 + globalIndexes;

/**
 * XREADs that one node sends a second, messages coming at random: 1 / (turn + pause), where there is a pause (of one
 * message's waiting) only if none came within the turn.
 */
export function readsOfLog(messages: number, turnSeconds: number): number {
  if (messages === 0) return 0;
  return 1 / (turnSeconds + Math.exp(-messages * turnSeconds) / messages);
}

/** Mean wait in the queue of one server, as a number of mean services: Pollaczek–Khinchine. */
export function meanWait(ratePerSecond: number, meanSeconds: number, meanSquare: number): number {
  const busy = ratePerSecond * meanSeconds;
  return busy >= 1 ? Number.POSITIVE_INFINITY : (ratePerSecond * meanSquare) / (2 * (1 - busy));
}

export function secondOf(load: FleetLoad): Second {
  const writes = load.requestsPerSecond * load.writeShare;
  const reads = load.requestsPerSecond - writes;
  const hasRedis = load.masters > 0;
  const notInMemory = reads * (1 - load.memoryHitShare);
  const looks = hasRedis ? notInMemory : 0;
  const redisHits = looks * load.redisHitShare;
  const misses = notInMemory - redisHits;
  const changes = writes * (load.streams ? 2 : 1);
  const messages = hasRedis ? changes + assumed("beatsPerSecond") : 0;
  const redis = redisWork(load, { looks, misses, writes, changes, messages });
  const messageCores = load.nodes > 1 ? messages * assumed("applyMicros") * micro : 0;
  const tags = tagsOfWrite(load.globalIndexes);
  const commandsOfNodes = hasRedis
    ? misses * 1.5 + changes * (tags + 1) + (load.guard ? writes * tags : 0)
    : 0;
  const nodeMicros =
    (reads - notInMemory) * assumed("hitMicros") +
    redisHits * assumed("hitMicros") +
    looks * assumed("lookMicros") +
    (misses + writes) * assumed("missMicros") +
    commandsOfNodes * assumed("sendMicros");
  const shards = Math.ceil(writes / assumed("recordsOfShard"));
  // Without a common Redis, each node follows the stream by itself.
  const followers = load.streams ? (hasRedis ? 1 : load.nodes) : 0;
  return {
    ...{ reads, writes, looks, redisHits, misses, messages, messageCores, ...redis },
    logBytesOut: messages * load.nodes * assumed("messageBytes"),
    nodeCores: (nodeMicros * micro) / load.nodes + messageCores,
    readUnits: misses * 0.5,
    readUnitsWithout: reads * 0.5,
    writeUnits: writes,
    streamCalls: followers * shards * assumed("pollsOfShard"),
  };
}

interface Counts {
  readonly looks: number;
  readonly misses: number;
  readonly writes: number;
  readonly changes: number;
  readonly messages: number;
}

function redisWork(
  load: FleetLoad,
  { looks, misses, writes, changes, messages }: Counts,
): Pick<Second, "redisCommands" | "redisCores" | "busiestMasterCores" | "busiestMasterPart"> {
  const { masters, nodes, guard } = load;
  const tags = tagsOfWrite(load.globalIndexes);
  // In a Cluster what is asked of several masters is a round trip to each of them; so is the message after its tokens.
  const apart = masters > 1 ? assumed("roundTripMicros") : 0;
  const perChange = assumed("changeMicros") + apart;
  const marks = guard ? writes : 0;
  const xreads = nodes * readsOfLog(messages, load.logTurnMicros * micro);
  const alone = assumed("roundTripMicros");
  // Half of the misses find that their own tag is absent, too, and create it.
  const creations = misses * 0.5;
  const micros: Record<RedisPart, number> = {
    spread:
      looks * (alone + assumed("getMicros") + assumed("tagMicros")) +
      misses * (alone + assumed("setMicros")) +
      creations * (alone + assumed("ensureMicros")) +
      (changes + marks) * (alone + (tags - 1) * perChange) +
      marks * readsOfMark * assumed("tagMicros"),
    everything: looks * (assumed("tagMicros") + apart),
    schema: looks * (assumed("tagMicros") + apart),
    "any write": (changes + marks) * perChange,
    log:
      messages * (apart + assumed("appendMicros")) +
      xreads * (alone + assumed("readLogMicros")) +
      messages * nodes * assumed("deliverMicros"),
  };
  const cores = Object.fromEntries(
    Object.entries(micros).map(([part, value]) => [part, masters > 0 ? value * micro : 0]),
  ) as Record<RedisPart, number>;
  return {
    redisCommands:
      masters > 0
        ? looks * (1 + tagsOfLook) +
          misses +
          creations +
          (changes + marks) * tags +
          marks * readsOfMark +
          messages +
          xreads
        : 0,
    redisCores: cores,
    ...busiest(cores, masters),
  };
}

/** What can be spread is; each of the rest goes, the largest first, to the master that has least. */
function busiest(
  cores: Readonly<Record<RedisPart, number>>,
  masters: number,
): Pick<Second, "busiestMasterCores" | "busiestMasterPart"> {
  const { spread, ...single } = cores;
  const parts = Object.entries(single) as [RedisPart, number][];
  const share = masters === 0 ? 0 : spread / masters;
  const all = Array.from({ length: Math.max(1, masters) }, () => ({
    sum: share,
    most: share,
    part: "spread" as RedisPart,
  }));
  for (const [part, value] of parts.sort(([, a], [, b]) => b - a)) {
    const least = all.reduce((a, b) => (b.sum < a.sum ? b : a));
    least.sum += value;
    if (value > least.most) Object.assign(least, { most: value, part });
  }
  const worst = all.reduce((a, b) => (b.sum > a.sum ? b : a));
  return { busiestMasterCores: worst.sum, busiestMasterPart: worst.part };
}

/** What is nearest to its limit, and how near: 1 = at it. */
export interface Limit {
  readonly what: `Redis: ${RedisPart}` | "the log's network" | "a node's CPU" | "messages in a node";
  readonly share: number;
}

/** All limits of a fleet, the nearest first. */
export function limitsOf(load: FleetLoad): readonly Limit[] {
  const second = secondOf(load);
  const busyMax = assumed("busyMax");
  const limits: Limit[] = [
    { what: `Redis: ${second.busiestMasterPart}`, share: second.busiestMasterCores / busyMax },
    { what: "the log's network", share: second.logBytesOut / (assumed("linkBytesPerSecond") * busyMax) },
    { what: "a node's CPU", share: second.nodeCores / (load.coresOfNode * busyMax) },
    // They are read and applied by one thread.
    { what: "messages in a node", share: second.messageCores / busyMax },
  ];
  return limits.sort((a, b) => b.share - a.share);
}

/** The most requests a second at which nothing is over its limit, to three digits. */
export function requestsMax(load: Omit<FleetLoad, "requestsPerSecond">): number {
  let [low, high] = [0, 1e9];
  while (high - low > low / 1000) {
    const middle = (low + high) / 2;
    const [nearest] = limitsOf({ ...load, requestsPerSecond: middle });
    if ((nearest?.share ?? 0) > 1) high = middle;
    else low = middle;
    if (high < 1) break;
  }
  return low;
}
