/** The guarded process: the whole proxy, and what it has used so far whenever the parent asks. Arguments: settings flags. */

import { createHook } from "node:async_hooks";
import { readFileSync } from "node:fs";
import { getHeapStatistics } from "node:v8";
import { createApp, loadSettings } from "../src/index.ts";

/** All since the start of the process, but for the two that are only counted from `watch` on. */
export interface Used {
  /** Allocated on the JavaScript heap, garbage included: what the collector will have to look after. */
  readonly heapBytes: number;
  /** write(2) and its like, of all threads; undefined where the system does not tell. */
  readonly writes: number | undefined;
  readonly promises: number;
  readonly timers: number;
}

/** `watch`: from now on promises and timers are counted, which costs so much that nothing else is to be measured. */
export type Ask = "used" | "watch";

const counted = { PROMISE: 0, Timeout: 0, Immediate: 0 };
const hook = createHook({
  init(_id, type) {
    if (type === "PROMISE" || type === "Timeout" || type === "Immediate") counted[type] += 1;
  },
});

function used(): Used {
  return {
    heapBytes: allocatedBytes(),
    writes: writesSoFar(),
    promises: counted.PROMISE,
    timers: counted.Timeout + counted.Immediate,
  };
}

/** Newer than the types that we have of Node.js. */
function allocatedBytes(): number {
  const bytes: unknown = Reflect.get(getHeapStatistics(), "total_allocated_bytes");
  if (typeof bytes !== "number") throw new Error("this Node.js does not tell what it has allocated");
  return bytes;
}

function writesSoFar(): number | undefined {
  if (process.platform !== "linux") return undefined;
  const [, writes] = /^syscw: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8")) ?? [];
  return writes === undefined ? undefined : Number(writes);
}

const loaded = await loadSettings(process.argv.slice(2), {});
if (loaded.problems !== undefined) throw new Error(loaded.problems.join("\n"));
const app = await createApp(loaded.settings);
const { url } = await app.start();
process.on("message", (ask: Ask) => {
  if (ask === "watch") hook.enable();
  process.send?.(used());
});
// The parent has what it wanted.
process.once("disconnect", () => process.exit());
process.send?.({ url });
