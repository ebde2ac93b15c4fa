// Who descends from whom, and which shards nobody will lead to.

import { describe, expect, it } from "vitest";
import { addShards, byParent, ShardLineage } from "../../../src/invalidation/shard-lineage.ts";
import type { Shard } from "../../../src/invalidation/stream-api.ts";

const shard = (shardId: string, parentShardId?: string, open = false): Shard => ({
  shardId,
  parentShardId,
  open,
});

function treeOf(...shards: Shard[]): Map<string, Shard> {
  const tree = new Map<string, Shard>();
  addShards(tree, shards);
  return tree;
}

const names = (shards: readonly Shard[]): string[] => shards.map(({ shardId }) => shardId);

describe("a tree", () => {
  it("takes a shard listed as open and as closed for closed, whichever came first", () => {
    expect(treeOf(shard("a", undefined, true), shard("a")).get("a")?.open).toBe(false);
    expect(treeOf(shard("a"), shard("a", undefined, true)).get("a")?.open).toBe(false);
  });

  it("knows children by their parents, listed or not", () => {
    const families = byParent(treeOf(shard("b", "a"), shard("c", "a"), shard("e", "d"), shard("f")));
    expect([...families].map(([parent, children]) => [parent, names(children)])).toEqual([
      ["a", ["b", "c"]],
      ["d", ["e"]],
    ]);
  });
});

describe("unseen shards", () => {
  it("are none while everything open is known or descends from a current shard", () => {
    const lineage = new ShardLineage(10);
    lineage.begin("a");
    const tree = treeOf(shard("a"), shard("b", "a"), shard("c", "b", true));
    expect(lineage.unseen(tree)).toEqual({ eldest: [], orphaned: false });
  });

  it("are the eldest unknown below a shard that is done", () => {
    const lineage = new ShardLineage(10);
    lineage.begin("a");
    lineage.pass("a");
    const tree = treeOf(shard("a"), shard("b", "a"), shard("c", "b", true), shard("d", "b", true));
    const { eldest, orphaned } = lineage.unseen(tree);
    expect([names(eldest), orphaned]).toEqual([["b"], false]);
  });

  it("without a parent are read from their own beginning", () => {
    const { eldest, orphaned } = new ShardLineage(10).unseen(treeOf(shard("new", undefined, true)));
    expect([names(eldest), orphaned]).toEqual([["new"], false]);
  });

  it("with a parent that is neither known nor listed are orphans", () => {
    expect(new ShardLineage(10).unseen(treeOf(shard("b", "trimmed", true))).orphaned).toBe(true);
  });

  it("a shard that names itself as its ancestor ends the search", () => {
    const tree = treeOf(shard("a", "b", true), shard("b", "a", true));
    expect(new ShardLineage(10).unseen(tree).orphaned).toBe(true);
  });
});

describe("memory", () => {
  it("keeps the youngest of those that are done, and everything current", () => {
    const lineage = new ShardLineage(2);
    for (const name of ["a", "b", "c", "d"]) lineage.begin(name);
    expect(lineage.size).toBe(4);
    for (const name of ["a", "b", "c"]) lineage.pass(name);
    expect(["a", "b", "c", "d"].map((name) => lineage.isKnown(name))).toEqual([false, true, true, true]);
    expect(lineage.size).toBe(1);
  });
});
