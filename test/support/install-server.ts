// An installed dynatier as a process of its own: started, asked, stopped by SIGTERM.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { call, mustCall } from "./raw-client.ts";
import { createTable } from "./tables.ts";

const READY_MS_MAX = 30_000;
const STOP_MS_MAX = 15_000;

export interface InstalledServer {
  readonly url: string;
  readonly adminUrl: string;
  /** From just before the process was started until it answered its first request. */
  readonly firstAnswerMs: number;
  readonly output: () => string;
  /** SIGTERM; answers the exit code. */
  stop(): Promise<number | null>;
  /** For afterEach: ends it whatever happens. */
  kill(): void;
}

export interface InstalledCommand {
  readonly command: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Starts it and waits until it has answered a request. An end before that is an error with what it printed. */
export async function startInstalled(start: InstalledCommand): Promise<InstalledServer> {
  const beganAt = performance.now();
  const child = spawn(start.command, start.argv, {
    cwd: start.cwd,
    env: start.env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  const exited = once(child, "close");
  try {
    const url = await found(/DynamoDB endpoint +(http:\S+)/, child, () => output);
    await call(url, "ListTables", {});
    const firstAnswerMs = performance.now() - beganAt;
    const adminUrl = await found(/admin, metrics +(http:\S+)/, child, () => output);
    return {
      url,
      adminUrl,
      firstAnswerMs,
      output: () => output,
      kill: () => void child.kill("SIGKILL"),
      async stop() {
        child.kill("SIGTERM");
        const patience = sleep(STOP_MS_MAX, undefined, { ref: false }).then(() => {
          throw new Error(`still there ${STOP_MS_MAX} ms after SIGTERM:\n${output}`);
        });
        const [code] = await Promise.race([exited, patience]);
        return code as number | null;
      },
    };
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

async function found(pattern: RegExp, child: ChildProcess, output: () => string): Promise<string> {
  const giveUpAt = Date.now() + READY_MS_MAX;
  for (;;) {
    const match = pattern.exec(output());
    if (match?.[1] !== undefined) return match[1];
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${output()}`);
    if (Date.now() > giveUpAt) throw new Error(`no ${pattern} after ${READY_MS_MAX} ms:\n${output()}`);
    await sleep(2);
  }
}

/** One item written and read twice through it; the second read must come from memory. */
export async function expectServing(url: string): Promise<void> {
  const TableName = await createTable(url);
  const Item = { pk: { S: "1" }, v: { N: "42" } };
  await mustCall(url, "PutItem", { TableName, Item });
  const read = () => call(url, "GetItem", { TableName, Key: { pk: Item.pk } });
  const [first, second] = [await read(), await read()];
  expect(first.body).toEqual({ Item });
  expect(second.body).toEqual({ Item });
  expect(second.headers["x-dynatier-cache"]).toMatch(/^hit/);
}
