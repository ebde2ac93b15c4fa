/** The memory tier keeps the tiers' contract, with many slots and with one that all tags share. */

import { VersionClock } from "../../src/cache/coherence.ts";
import { MemoryTier } from "../../src/cache/memory-tier.ts";
import { cacheTierContract } from "./cache-tier.ts";

for (const slots of [1024, 1]) {
  cacheTierContract(`MemoryTier over ${slots} slots`, () => {
    let nowMs = 10_000;
    const clock = { nowMs: () => nowMs };
    const versions = new VersionClock({ clock, slots });
    const tier = new MemoryTier({ versions, clock, bytesMax: 1_000_000, entryBytesMax: 100_000 });
    const passMs = (ms: number) => {
      nowMs += ms;
    };
    return { tier, nowMs: clock.nowMs, passMs };
  });
}
