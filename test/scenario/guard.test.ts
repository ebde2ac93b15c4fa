/** The guard of what a reply costs (bench/guard.ts): it counts the same twice, and notices a handler that wastes. */

import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type Baseline, judge } from "../../bench/guard-judge.ts";
import { type Counts, type GuardOptions, measureRow } from "../../bench/guard-measure.ts";
import { guardRows } from "../../bench/guard-rows.ts";

const counts: Counts = {
  ...{ heapBytes: 5000, writes: 1, promises: 0, timers: 0, upstreamRequests: 0 },
  ...{ redisCommands: undefined, redisReads: undefined },
};
const baseline: Baseline = { node: "26.10.0", rows: { "getitem-hit": counts } };
const judged = (changed: Partial<Counts>) => judge({ "getitem-hit": { ...counts, ...changed } }, baseline);

describe("guard", () => {
  it("lets pass what is within a tenth, says what is beyond it, and notes what has become better", () => {
    expect(judged({ heapBytes: 5499, promises: 0.1 })).toEqual({ complaints: [], notes: [] });
    expect(judged({ heapBytes: 5502, writes: 2, promises: 1 }).complaints).toEqual([
      "getitem-hit: 5502 bytes allocated on the heap a reply, 5000 in the baseline (+10 %)",
      "getitem-hit: 2 write system calls a reply, 1 in the baseline (+100 %)",
      "getitem-hit: 1 promises a reply, 0 in the baseline (there were none)",
    ]);
    expect(judged({ heapBytes: 4000 })).toEqual({
      complaints: [],
      notes: ["getitem-hit: 4000 bytes allocated on the heap a reply, 5000 in the baseline (-20 %)"],
    });
    expect(judge({ new: counts }, baseline).complaints).toEqual([
      "new: there is no baseline. Make one: npm run guard -- --renew",
    ]);
  });

  it("counts the same on a second run, and more where every request makes objects that nobody needs", async () => {
    const [row] = guardRows;
    if (row === undefined) throw new Error("there are no rows");
    // Fewer than the guard's own: long enough for V8 to have compiled what matters.
    const options: GuardOptions = { warmReplies: 20_000, replies: 10_000 };
    const before: Baseline = { node: "", rows: { [row.id]: await measureRow(row, options) } };
    expect(judge({ [row.id]: await measureRow(row, options) }, before)).toEqual({
      complaints: [],
      notes: [],
    });
    const preload = fileURLToPath(new URL("../support/wasteful.ts", import.meta.url));
    const { complaints } = judge({ [row.id]: await measureRow(row, { ...options, preload }) }, before);
    expect(complaints).toEqual([
      expect.stringMatching(/^getitem-hit: \d+ bytes allocated on the heap a reply, \d+ in the baseline/),
      expect.stringMatching(/^getitem-hit: 1 promises a reply, 0 in the baseline/),
    ]);
  });
});
