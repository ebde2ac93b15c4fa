/**
 * The chaos run: clients of every node and around them, faults by a seed, and the auditor over all of it.
 *
 *   clients ─→ nodes A, B, C ─→ DynamoDB Local ←─ clients around
 *                 └─→ a fault proxy each ─→ Redis
 */

import { setTimeout as sleep } from "node:timers/promises";
import { resolveDoubts } from "./audit-doubts.ts";
import { auditKeys } from "./audit-keys.ts";
import { AuditReader, differences } from "./audit-readers.ts";
import { type CallFailure, onlyTarget, type Targets } from "./audit-target.ts";
import { AuditWriter } from "./audit-writers.ts";
import { Auditor, type AuditReport } from "./auditor.ts";
import { type FaultyRedis, playFaults, sleepInTurn } from "./chaos-faults.ts";
import { startDynamoDbLocal } from "./dynamodb-local.ts";
import { type Fleet, type FleetOptions, startFleet } from "./fleet.ts";
import { mustCall } from "./raw-client.ts";
import { type RedisServer, startRedis } from "./redis-server.ts";
import { eventually } from "./streamed.ts";
import { createTable, type TableShape, WITH_INDEXES } from "./tables.ts";

export interface ChaosSetUp extends Pick<FleetOptions, "nodes" | "workers" | "settings"> {
  readonly hasRedis: boolean;
  /** Undefined = the table has no stream. */
  readonly stream: TableShape["stream"];
  /** After what time a write must be visible wherever it did not pass. */
  readonly boundMs: number;
  /** Writers around the nodes; each node has writers and readers of its own. */
  readonly writersAround: number;
  readonly seconds: number;
  readonly seed: number;
  /** By the seed; one node after the other; or none. */
  readonly faults: "any" | "sleep in turn" | "none";
  /** Ends as soon as something is found, and does not look for differences. */
  readonly untilViolation?: boolean;
}

export interface ChaosReport extends AuditReport {
  /** Calls that had no answer, or the wrong one, though they reached a living node. */
  readonly unanswered: readonly string[];
  /** Calls that had none because their node was killed, or one that came too late because it had been paused. */
  readonly excused: number;
  readonly throttled: number;
  readonly reads: number;
  readonly differences: readonly string[];
  readonly faults: readonly string[];
}

const writersOfNode = 2;
const readersOfNode = 3;
/** So that faults are what makes things slow, and not the load. */
const pauseBetweenCallsMs = 8;
/** From here on a pause may use up the deadline of what is under way (requestTimeoutMs, 10 s). */
const deadlineMs = 10_000;

export async function chaos(setUp: ChaosSetUp): Promise<ChaosReport> {
  const local = await startDynamoDbLocal();
  const directUrl = local.url;
  const { stream } = setUp;
  const TableName = await createTable(directUrl, { ...WITH_INDEXES, ...(stream && { stream }) });
  const redis = setUp.hasRedis ? await restartableRedis() : undefined;
  try {
    const settings = { upstream: directUrl, region: "us-east-1", ...setUp.settings };
    const fleet = await startFleet({ ...setUp, settings, redisPort: redis?.port });
    try {
      return await run(setUp, { fleet, redis, directUrl, TableName });
    } finally {
      await fleet.stop();
    }
  } finally {
    await redis?.stop();
    await local.stop();
  }
}

interface Stage {
  readonly fleet: Fleet;
  readonly redis: FaultyRedis | undefined;
  readonly directUrl: string;
  readonly TableName: string;
}

async function run(setUp: ChaosSetUp, stage: Stage): Promise<ChaosReport> {
  const { fleet, redis, directUrl, TableName } = stage;
  const { boundMs, seconds, seed, untilViolation = false } = setUp;
  await untilServing(setUp, stage);
  const auditor = new Auditor(boundMs);
  const keys = auditKeys(auditor);
  const failures = new Failures(fleet);
  const endsAtMs = performance.now() + seconds * 1000;
  const goesOn = (): boolean => performance.now() < endsAtMs && !(untilViolation && auditor.violations > 0);
  const again = async (work: () => Promise<void>): Promise<void> => {
    while (goesOn()) await work();
  };
  const common = { auditor, keys, TableName };
  const clients: Promise<void>[] = [];
  const readers = fleet.nodes.map(
    (_, at) => new AuditReader({ ...common, targets: clientsOf(fleet, at, failures) }),
  );
  for (const reader of readers)
    for (let n = 0; n < readersOfNode; n += 1) clients.push(again(() => reader.read()));
  fleet.nodes.forEach((node, at) => {
    for (let n = 0; n < writersOfNode; n += 1) {
      const targets = clientsOf(fleet, at, failures);
      const writer = new AuditWriter({ ...common, via: "through", targets, by: `${node.name}${n}` });
      clients.push(again(() => writer.write()));
    }
  });
  for (let n = 0; n < setUp.writersAround; n += 1) {
    const writer = new AuditWriter({
      ...common,
      via: "around",
      targets: onlyTarget(directUrl),
      by: `around${n}`,
    });
    clients.push(again(() => writer.write().then(() => sleep(pauseBetweenCallsMs))));
  }
  const doubts = resolveDoubts({ ...common, directUrl }, goesOn);
  const faults = {
    any: () => playFaults({ fleet, redis, seed, goesOn, withLongPause: seconds >= 45 }),
    "sleep in turn": () => sleepInTurn({ fleet, goesOn }),
    none: () => Promise.resolve([]),
  }[setUp.faults]();
  const [told] = await Promise.all([faults, doubts, ...clients]);
  const found: string[] = [];
  if (!untilViolation) {
    await sleep(boundMs);
    for (const [at, reader] of readers.entries()) {
      await reader.readAll();
      const target = fleet.nodes[at]!.target!;
      const wrong = await differences({ ...common, targets: onlyTarget(target.url) }, directUrl);
      found.push(...wrong.map((text) => `${target.node}: ${text}`));
    }
  }
  const reads = readers.reduce((sum, reader) => sum + reader.reads, 0);
  return { ...(await auditor.report()), ...failures.report(), reads, differences: found, faults: told };
}

/** Every node knows the table and, if it is to, follows its stream: through itself or through its leader. */
async function untilServing({ stream, settings }: ChaosSetUp, { fleet, TableName }: Stage): Promise<void> {
  for (const { served } of fleet.nodes) {
    await mustCall(served.url, "GetItem", { TableName, Key: { pk: { S: "-" }, sk: { N: "0" } } });
    if (stream === undefined || settings.streams === "off") continue;
    // By itself, or "followed by another node".
    const isFollowed = async () => String((await served.report(TableName))?.stream).startsWith("followed");
    await eventually(isFollowed, true, 50, 30_000);
  }
}

function clientsOf(fleet: Fleet, node: number, failures: Failures): Targets {
  return {
    next: () => fleet.target(node, () => sleep(pauseBetweenCallsMs)),
    failed: (failure) => failures.add(failure),
  };
}

/** Tells calls that nobody could have answered from those that somebody should have. */
class Failures {
  readonly #fleet: Fleet;
  readonly #unanswered: string[] = [];
  #excused = 0;
  #throttled = 0;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  add(failure: CallFailure): void {
    const { target, operation, reply } = failure;
    const node = this.#fleet.node(target);
    if (reply?.includes("#ThrottlingException")) this.#throttled += 1;
    else if (node === undefined) this.#unanswered.push(`${operation} around them: ${reply ?? "no reply"}`);
    else if (reply === undefined ? node.wasKilled(target.node) : node.wasPaused(failure, deadlineMs))
      this.#excused += 1;
    else this.#unanswered.push(`${operation} through ${target.node}: ${reply ?? "no reply"}`);
  }

  report(): Pick<ChaosReport, "unanswered" | "excused" | "throttled"> {
    return { unanswered: this.#unanswered, excused: this.#excused, throttled: this.#throttled };
  }
}

/** One that comes back empty at its old port. */
async function restartableRedis(): Promise<FaultyRedis & { readonly port: number; stop(): Promise<void> }> {
  let server: RedisServer = await startRedis();
  const { port } = server;
  return {
    port,
    kill: () => server.kill(),
    async start() {
      await server.stop();
      server = await startRedis({ port });
    },
    pause: () => server.pause(),
    resume: () => server.resume(),
    flush: async () => void (await server.cli("FLUSHALL")),
    stop: () => server.stop(),
  };
}
