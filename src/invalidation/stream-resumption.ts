// From a checkpoint and what the stream lists now to the shards that are read next, and from where. Pure.

import type { GapReason } from "./change-source.ts";
import { byParent, type ShardLineage, type ShardTree } from "./shard-lineage.ts";
import type { ShardStart } from "./shard-reader.ts";
import type { Resumption } from "./stream-checkpoint.ts";

export interface Resumed {
  readonly starts: ReadonlyMap<string, ShardStart>;
  /** Finished shards that the stream does not list any more. */
  readonly unlisted: readonly string[];
}

/**
 * Every shard with a position goes on there. What is not known and continues none of them is read from its beginning:
 * whatever of it was not applied is younger than the checkpoint, and so still there.
 *
 * @param lineage takes over what is known
 * @returns why it cannot be resumed, if records may be missing
 */
export function resumed(
  tree: ShardTree,
  { shards, caughtUpAtMs }: Resumption,
  lineage: ShardLineage,
): Resumed | GapReason {
  const starts = new Map<string, ShardStart>();
  const unlisted: string[] = [];
  const from = { type: "TRIM_HORIZON", caughtUpAtMs, readAtMs: caughtUpAtMs } as const;
  for (const [shardId, position] of shards) {
    const isListed = tree.has(shardId);
    if (position.kind === "finished") {
      if (isListed) lineage.pass(shardId);
      else unlisted.push(shardId);
      continue;
    }
    // It was trimmed, with whatever came after the position.
    if (!isListed) return "trimmed data";
    const { sequenceNumber } = position.kind === "after" ? position : { sequenceNumber: undefined };
    starts.set(shardId, { ...from, sequenceNumber });
    lineage.begin(shardId);
  }
  const families = byParent(tree);
  const { eldest, orphaned } = lineage.unseen(tree, ({ open, shardId }) => open || !families.has(shardId));
  if (orphaned) return "unknown lineage";
  for (const { shardId } of eldest) starts.set(shardId, from);
  return { starts, unlisted };
}
