/** What Redis has not taken: nothing is forgotten, and there is an end to it. */

import { describe, expect, it } from "vitest";
import type { Tag } from "../../../src/cache/tier.ts";
import { Unacknowledged } from "../../../src/cache/unacknowledged.ts";

const tag = (name: string) => name as Tag;

function start(tagsMax = 10) {
  const states: boolean[] = [];
  const queue = new Unacknowledged({
    tagsMax,
    everything: tag("all"),
    onChange: (isEmpty) => states.push(isEmpty),
  });
  return { queue, states };
}

describe("unacknowledged invalidations", () => {
  it("are said to be there until what was taken out is settled", () => {
    const { queue, states } = start();
    queue.add([tag("a"), tag("b")], 0);
    expect(states).toEqual([false]);
    expect(queue.take(10)).toEqual({ tags: ["a", "b"], untilMs: 0 });
    expect(states).toEqual([false]);
    queue.settle();
    expect(states).toEqual([false, true]);
  });

  it("are not over while new ones came during the sending", () => {
    const { queue, states } = start();
    queue.add([tag("a")], 0);
    queue.take(10);
    queue.add([tag("a")], 0);
    queue.settle();
    expect(states).toEqual([false, false]);
    expect(queue.size).toBe(1);
  });

  it("keep the later end of a tag that may still be changing", () => {
    const { queue } = start();
    queue.add([tag("a")], 500);
    queue.add([tag("a"), tag("b")], 0);
    expect(queue.take(10)).toEqual({ tags: ["a"], untilMs: 500 });
    expect(queue.take(10)).toEqual({ tags: ["b"], untilMs: 0 });
    expect(queue.take(10)).toBeUndefined();
  });

  it("give out no more at once than was asked for", () => {
    const { queue } = start();
    queue.add(["a", "b", "c"].map(tag), 0);
    expect(queue.take(2)?.tags).toEqual(["a", "b"]);
    expect(queue.take(2)?.tags).toEqual(["c"]);
  });

  it("become everything when there are too many, as long as the last of them may take", () => {
    const { queue } = start(2);
    queue.add([tag("a")], 700);
    queue.add(["b", "c"].map(tag), 0);
    expect(queue.size).toBe(1);
    expect(queue.overflows).toBe(1);
    expect(queue.take(10)).toEqual({ tags: ["all"], untilMs: 700 });
  });
});
