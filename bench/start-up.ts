/** How long from the start of the process until `dynatier serve` has answered its first request. */

import { existsSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { call } from "../test/support/raw-client.ts";
import { serverCore, startNode, stop } from "./processes.ts";
import type { Workload } from "./workloads.ts";

const askEveryMs = 3;
const giveUpMs = 30_000;

export interface StartUp {
  readonly id: string;
  readonly title: string;
  /** One for each start, in milliseconds. */
  readonly firstReplyMs: number[];
}

/** What can be started: the sources always, the package only where it has been built. */
export function startUps(): StartUp[] {
  const built = existsSync(path.resolve(import.meta.dirname, "../dist/main.js"));
  return [
    { id: "start-up", title: "start to the first GetItem answered, src/", firstReplyMs: [] },
    ...(built
      ? [{ id: "start-up-dist", title: "start to the first GetItem answered, dist/", firstReplyMs: [] }]
      : []),
  ];
}

/** Starts the proxy once, asks for an item until there is a reply, and ends it. Gives what is wrong with the reply. */
export async function measureStartUp(one: StartUp, upstream: string, workload: Workload): Promise<string[]> {
  const port = await freePort();
  const script = one.id === "start-up" ? "src/main.ts" : "dist/main.js";
  const began = performance.now();
  const child = startNode(serverCore, script, serveParameters(upstream, port));
  child.stdout?.resume();
  try {
    for (;;) {
      const asked = call(`http://127.0.0.1:${port}`, workload.operation, workload.input(0));
      const reply = await asked.catch(() => undefined);
      const tookMs = performance.now() - began;
      if (reply !== undefined) {
        one.firstReplyMs.push(tookMs);
        return reply.status === 200 ? [] : [`${one.id}: the first reply is a ${reply.status}`];
      }
      if (tookMs > giveUpMs || child.exitCode !== null) return [`${one.id}: it never answered`];
      await sleep(askEveryMs);
    }
  } finally {
    await stop(child);
  }
}

/** The command line of the proxy that is measured. Nothing expires within a run. */
export function serveParameters(upstream: string, port: number): string[] {
  const hour = "3600000";
  return [
    "serve",
    ...["--port", String(port), "--admin-port", "0", "--upstream", upstream, "--region", "us-east-1"],
    ...["--item-ttl-ms", hour, "--query-ttl-ms", hour, "--log-level", "error"],
  ];
}

/** One that is free at this moment. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}
