// The proxy as a process of its own, for tests that look at its memory or keep it busy.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { flagName, type SettingName } from "../../src/config/settings.ts";
import { until } from "./bench.ts";
import type { SettingValues } from "./proxy.ts";

export interface Served {
  readonly url: string;
  readonly adminUrl: string;
  /** For signals. */
  readonly pid: number;
  /** Used JavaScript heap (garbage included) and resident memory, in bytes. */
  memory(): Promise<{ readonly heapBytes: number; readonly residentBytes: number }>;
  /** What GET /api/tables says of a table. */
  report(TableName: string): Promise<Record<string, unknown> | undefined>;
  stop(): Promise<void>;
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Starts `dynatier serve` from the sources. It ends with stop(), or with this process. */
export async function startServed(settings: SettingValues): Promise<Served> {
  const all = { port: 0, adminPort: 0, logLevel: "warn", ...settings };
  const flags = Object.entries(all).map(([name, value]) => `${flagName(name as SettingName)}=${value}`);
  const child = spawn(process.execPath, ["src/main.ts", "serve", ...flags], {
    cwd: root,
    env: { PATH: process.env.PATH, AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  const exited = once(child, "exit");
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const pattern = /DynamoDB endpoint +(http:\S+)[\s\S]*admin, metrics +(http:\S+)\n/;
  const [, url = "", adminUrl = ""] =
    (await until(
      () => pattern.exec(output),
      (found) => found !== null || child.exitCode !== null,
    )) ?? [];
  if (url === "") throw new Error(`the proxy did not start: ${output}`);
  return {
    url,
    adminUrl,
    pid: child.pid ?? 0,
    async memory() {
      const text = await (await fetch(`${adminUrl}/metrics`)).text();
      const gauge = (name: string) => Number(new RegExp(`^${name} (\\S+)`, "m").exec(text)?.[1]);
      return {
        heapBytes: gauge("dynatier_nodejs_heap_size_used_bytes"),
        residentBytes: gauge("dynatier_process_resident_memory_bytes"),
      };
    },
    async report(TableName) {
      const body: unknown = await (await fetch(`${adminUrl}/api/tables`)).json();
      const list = Array.isArray(body) ? body : Object.values(Object(body)).flat();
      return list.find((one) => one?.table === TableName);
    },
    async stop() {
      process.off("exit", kill);
      child.kill("SIGTERM");
      await exited;
    },
  };
}
