/** THE table of what `npm run profile` looks at. */

import { type Row, rows } from "./rows.ts";
import { type Factor, type Point, points } from "./scale-points.ts";

/** Whose time is looked into: the server's that the row or point is about, the load's (a real client), or nobody's. */
export type Profiled = "server" | "load" | "nobody";

export type Part =
  | { readonly kind: "row"; readonly row: Row; readonly profiled: Profiled }
  | { readonly kind: "point"; readonly point: Point; readonly profiled: Profiled; readonly phase: Phase };

/** Every connection always busy; or half of that rate, with a look at who makes slow replies slow. */
export type Phase = "closed" | "rated";

export interface Case {
  readonly id: string;
  /** Of the design's performance targets. */
  readonly target: string;
  readonly title: string;
  /** What is compared stands together and runs one after the other. */
  readonly parts: readonly Part[];
}

function row(id: string, profiled: Profiled = "server"): Part {
  const found = rows.find((one) => one.id === id);
  if (found === undefined) throw new Error(`a bug: ${id} is no row`);
  return { kind: "row", row: found, profiled };
}

function point(factor: Factor, label: string, phase: Phase = "closed"): Part {
  const found = points.find((one) => one.factor === factor && one.label === label);
  if (found === undefined) throw new Error(`a bug: ${factor} ${label} is no point`);
  // From another core V8's profiler sees too much of system calls: its signals come when they return.
  const canProfile = phase === "closed" && found.server.cores === "one";
  return { kind: "point", point: found, phase, profiled: canProfile ? "server" : "nobody" };
}

export const cases: readonly Case[] = [
  {
    ...{ id: "hit", target: "P1", title: "A hit, beside bare servers" },
    parts: [row("proxy-get-hit"), row("http-get"), row("nginx-get", "nobody")],
  },
  { id: "sigv4", target: "P2", title: "A hit with auth: sigv4", parts: [row("proxy-get-hit-sigv4")] },
  { id: "batch", target: "P4", title: "A batch of 100 hits", parts: [row("proxy-batch-100-hit")] },
  {
    ...{ id: "miss", target: "P5", title: "A miss, beside a plain forwarder" },
    parts: [row("proxy-get-miss"), row("forwarder-get")],
  },
  {
    ...{ id: "l2", target: "P6", title: "A hit in Redis, one at a time and 32 side by side" },
    parts: [row("proxy-l2-hit-1"), row("redis-get-1", "nobody"), row("proxy-l2-hit")],
  },
  {
    ...{ id: "entries", target: "P7", title: "Many entries at half load: who makes slow replies slow" },
    parts: [point("entries", "1,000", "rated"), point("entries", "1,000,000", "rated")],
  },
  {
    ...{ id: "workers", target: "P9", title: "Two workers: on one core, and on two that the load uses too" },
    parts: [point("workers", "1"), point("workers", "2"), point("cores", "1"), point("cores", "2")],
  },
  {
    ...{ id: "changes", target: "P10", title: "Hits under a stream's records" },
    parts: [point("changes", "0"), point("changes", "10,000")],
  },
  {
    ...{ id: "sdk-js", target: "P11", title: "The SDK for JavaScript: the client's own time" },
    parts: [row("sdk-js-proxy", "load"), row("sdk-js-direct", "load")],
  },
  {
    ...{ id: "sdk-python", target: "P11", title: "boto3: the client's own time" },
    parts: [row("sdk-python-proxy", "load"), row("sdk-python-direct", "load")],
  },
];

/** @throws Error with a message for the user */
export function casesNamed(names: string | undefined): readonly Case[] {
  const wanted = names?.split(",").map((name) => name.trim());
  const unknown = wanted?.filter((name) => !cases.some(({ id }) => id === name)) ?? [];
  if (unknown.length > 0) throw new Error(`--cases: ${unknown.join(", ")} is none`);
  return cases.filter(({ id }) => wanted?.includes(id) ?? true);
}
