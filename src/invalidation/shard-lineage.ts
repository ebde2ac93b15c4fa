/** Which shards of a stream are known, and who descends from whom. Pure; no calls, no time. */

import type { Shard } from "./stream-api.ts";

/** Whole description of a stream: every shard once. */
export type ShardTree = ReadonlyMap<string, Shard>;

export interface Unseen {
  /**
   * Shards to be read from their beginning: the eldest that were never seen, each with a parent that is
   * done.
   */
  readonly eldest: readonly Shard[];
  /**
   * True if the parents of one are neither known nor listed: they, and their records, may have been trimmed.
   */
  readonly orphaned: boolean;
}

/**
 * Pages of a description in any order, with repetitions, as one tree. A shard listed as open on one page and
 * as closed on a later one is closed.
 */
export function addShards(tree: Map<string, Shard>, shards: readonly Shard[]): void {
  for (const shard of shards) {
    const listed = tree.get(shard.shardId);
    tree.set(shard.shardId, listed === undefined || listed.open ? shard : listed);
  }
}

export function childrenOf(shardId: string, shards: Iterable<Shard>): Shard[] {
  return [...shards].filter(({ parentShardId }) => parentShardId === shardId);
}

/** All shards by the parent they name. */
export function byParent(tree: ShardTree): ReadonlyMap<string, readonly Shard[]> {
  const families = new Map<string, Shard[]>();
  for (const shard of tree.values()) {
    if (shard.parentShardId === undefined) continue;
    const family = families.get(shard.parentShardId);
    if (family === undefined) families.set(shard.parentShardId, [shard]);
    else family.push(shard);
  }
  return families;
}

export class ShardLineage {
  readonly #passedMax: number;
  /** Being read, or read to the end and waiting for children. */
  readonly #current = new Set<string>();
  /** Closed before we began, or read to the end; the youngest of them. */
  readonly #passed = new Set<string>();

  /** @param passedMax how many shards that are done are remembered; an older one counts as never seen */
  constructor(passedMax: number) {
    this.#passedMax = passedMax;
  }

  /** Shards being read or waiting for children. */
  get size(): number {
    return this.#current.size;
  }

  isKnown(shardId: string): boolean {
    return this.#current.has(shardId) || this.#passed.has(shardId);
  }

  begin(shardId: string): void {
    this.#passed.delete(shardId);
    this.#current.add(shardId);
  }

  pass(shardId: string): void {
    this.#current.delete(shardId);
    this.#passed.delete(shardId);
    this.#passed.add(shardId);
    if (this.#passed.size <= this.#passedMax) return;
    const [oldest] = this.#passed;
    if (oldest !== undefined) this.#passed.delete(oldest);
  }

  /**
   * Shards that none of ours will lead to: starting from each open shard that is not known, up to its eldest
   * unknown ancestor. Nothing if that one's parent is still current: it will be found when the parent is
   * done.
   * @param isLeaf the shards to start from
   */
  unseen(tree: ShardTree, isLeaf: (shard: Shard) => boolean = ({ open }) => open): Unseen {
    const eldest = new Map<string, Shard>();
    let orphaned = false;
    for (const shard of tree.values()) {
      if (!isLeaf(shard) || this.isKnown(shard.shardId)) continue;
      const top = this.#eldestUnknown(shard, tree);
      const parent = top.parentShardId;
      if (parent !== undefined && this.#current.has(parent)) continue;
      if (parent !== undefined && !this.#passed.has(parent)) orphaned = true;
      eldest.set(top.shardId, top);
    }
    return { eldest: [...eldest.values()], orphaned };
  }

  #eldestUnknown(shard: Shard, tree: ShardTree): Shard {
    let eldest = shard;
    // Bounded by the tree, should a description name a shard as its own ancestor.
    for (let steps = 0; steps < tree.size; steps++) {
      const parent = eldest.parentShardId === undefined ? undefined : tree.get(eldest.parentShardId);
      if (parent === undefined || this.isKnown(parent.shardId)) break;
      eldest = parent;
    }
    return eldest;
  }
}
