/** What a server says about itself in INFO, as far as the store's decisions rest on it. */

import { infoNumber, infoOf, type Reply, refused } from "./replies.ts";
import type { StoreFacts } from "./shared-store.ts";

export interface Vitals {
  /** "redis 7.0.15". */
  readonly server: string;
  readonly majorVersion: number;
  readonly isCluster: boolean;
  readonly isMaster: boolean;
  /** New with every start. */
  readonly runId: string;
  /** New with every promotion. */
  readonly replicationId: string;
  readonly replicas: number;
  readonly memoryBytes: number;
  /** 0 = unbounded. */
  readonly memoryBytesMax: number;
  readonly evictionPolicy: string;
  readonly evictedKeys: number;
}

export const INFO = ["INFO", "server", "replication", "memory", "stats"] as const;

/** Rejects what does not say who it is: nothing could be told from such a server's return. */
export function vitalsOf(reply: Reply | undefined): Vitals {
  const info = infoOf(reply);
  const [runId, replicationId] = [info.get("run_id"), info.get("master_replid")];
  if (!runId || !replicationId) throw refused("the server's INFO has no run_id or no master_replid");
  const valkey = info.get("valkey_version");
  const version = valkey ?? info.get("redis_version") ?? "";
  return {
    server: `${valkey === undefined ? "redis" : "valkey"} ${version}`,
    majorVersion: Number.parseInt(version, 10),
    isCluster: (info.get("redis_mode") ?? info.get("server_mode")) === "cluster",
    isMaster: info.get("role") === "master",
    runId,
    replicationId,
    replicas: infoNumber(info, "connected_slaves") ?? 0,
    memoryBytes: infoNumber(info, "used_memory") ?? 0,
    memoryBytesMax: infoNumber(info, "maxmemory") ?? 0,
    evictionPolicy: info.get("maxmemory_policy") ?? "noeviction",
    evictedKeys: infoNumber(info, "evicted_keys") ?? 0,
  };
}

const MEMORY_SHARE_MAX = 0.75;
const FREE_BYTES_MIN = 256 * 2 ** 20;
/** An eviction this long ago says nothing of the next one. */
const EVICTION_MEMORY_MS = 60_000;

/** Whether a server removes, or may soon remove, what it was not told to. */
export class EvictionWatch {
  #evictedKeys = 0;
  #evictedAtMs = Number.NEGATIVE_INFINITY;

  /** Evictions from before the first sight may have been just now. */
  mayEvict(vitals: Vitals, nowMs: number): boolean {
    if (vitals.evictedKeys > this.#evictedKeys) this.#evictedAtMs = nowMs;
    this.#evictedKeys = vitals.evictedKeys;
    const { memoryBytes, memoryBytesMax } = vitals;
    if (memoryBytesMax === 0 || vitals.evictionPolicy === "noeviction") return false;
    return (
      memoryBytes > memoryBytesMax * MEMORY_SHARE_MAX ||
      memoryBytesMax - memoryBytes < FREE_BYTES_MIN ||
      nowMs - this.#evictedAtMs < EVICTION_MEMORY_MS
    );
  }
}

/** All masters together, as facts: sizes are summed up; replicas are those of the one that has the fewest. */
export function sumOf(masters: readonly Vitals[]): Omit<StoreFacts, "isUp" | "mode" | "lastError"> {
  const [first] = masters;
  const sum = (of: (one: Vitals) => number) => first && masters.reduce((total, one) => total + of(one), 0);
  return {
    server: first?.server,
    replicas: first && Math.min(...masters.map(({ replicas }) => replicas)),
    evictionPolicy: first?.evictionPolicy,
    memoryBytesMax: sum(({ memoryBytesMax }) => memoryBytesMax),
    memoryBytes: sum(({ memoryBytes }) => memoryBytes),
    evictedKeys: sum(({ evictedKeys }) => evictedKeys),
  };
}
